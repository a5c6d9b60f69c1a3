/** Booted guests in the cache, one file for each identity. Any number of processes may use it at once. */
import { createHash } from 'node:crypto';
import { existsSync, utimesSync } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotStore } from '../sandbox/start-guest.ts';
import type { MachineSnapshot, RestoreConfig, SnapshotIdentity } from '../worker/protocol.ts';
import { writeSnapshotFile } from '../worker/node-snapshot.ts';

const SUFFIX = '.vivsnap';
const TEMPORARY = '.tmp';
const FOLDER_MODE = 0o700;
/** Guests that were not used for longest go first. */
const FILES_MAX = 8;
/** What a process that was killed has left. */
const TEMPORARY_AGE_MS = 3_600_000;

export interface SnapshotCacheOptions {
  readonly folder: string;
  readonly parts: SnapshotIdentity;
  readonly notice: (text: string) => void;
}

export class SnapshotCache implements SnapshotStore {
  readonly parts: SnapshotIdentity;
  readonly notice: (text: string) => void;
  readonly #folder: string;

  constructor({ folder, parts, notice }: SnapshotCacheOptions) {
    this.#folder = folder;
    this.parts = parts;
    this.notice = notice;
  }

  find(identity: SnapshotIdentity): RestoreConfig | undefined {
    const path = this.#path(identity);
    if (!existsSync(path)) return undefined;
    try {
      const now = new Date();
      utimesSync(path, now, now); // in use
    } catch {
      // It is somebody else's, or has just gone: whoever opens it sees.
    }
    return { kind: 'file', path, identity };
  }

  async save(identity: SnapshotIdentity, snapshot: MachineSnapshot): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
    await writeSnapshotFile(this.#path(identity), snapshot, identity);
    await this.#prune();
  }

  #path(identity: SnapshotIdentity): string {
    const sorted = Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1));
    const key = createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 32);
    return join(this.#folder, key + SUFFIX);
  }

  async #prune(): Promise<void> {
    const files: { path: string; usedMs: number; isTemporary: boolean }[] = [];
    for (const name of await readdir(this.#folder)) {
      if (!name.includes(SUFFIX)) continue;
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => undefined); // another process prunes too
      if (found !== undefined) files.push({ path, usedMs: found.mtimeMs, isTemporary: name.endsWith(TEMPORARY) });
    }
    const kept = files.filter(({ isTemporary }) => !isTemporary).sort((a, b) => b.usedMs - a.usedMs);
    const stale = files.filter(({ isTemporary, usedMs }) => isTemporary && Date.now() - usedMs > TEMPORARY_AGE_MS);
    for (const { path } of [...kept.slice(FILES_MAX), ...stale]) await rm(path, { force: true });
  }
}
