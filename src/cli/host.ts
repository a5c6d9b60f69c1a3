/** The host, as far as it matters: memory, room on disks, folders. Sizes are bytes. */
import { existsSync, statfsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';

export interface HostMemory {
  readonly total: number;
  /** What a new program may take. */
  readonly available: number;
}

/** A control group may allow less than the host has. */
export function hostMemory(): HostMemory {
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  if (!isLimited) return { total: totalmem(), available: freemem() };
  return { total: limit, available: Math.min(freemem(), process.availableMemory()) };
}

/** Free bytes of the file system that a folder is on or will be on. Throws what statfs(2) does. */
export function freeSpace(folder: string): number {
  const { bavail, bsize } = statfsSync(existingAbove(folder));
  return bavail * bsize;
}

/** The folder, or the nearest one above that exists. */
export function existingAbove(folder: string): string {
  let path = folder;
  while (!existsSync(path) && dirname(path) !== path) path = dirname(path);
  return path;
}

export interface FolderUsage {
  readonly count: number;
  readonly size: number;
}

/** Files below a folder; what goes away meanwhile does not count. */
export async function folderUsage(folder: string): Promise<FolderUsage> {
  let count = 0;
  let size = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    const stats = entry.isFile() ? await lstat(join(entry.parentPath, entry.name)).catch(() => undefined) : undefined;
    if (stats === undefined) continue;
    count++;
    size += stats.size;
  }
  return { count, size };
}
