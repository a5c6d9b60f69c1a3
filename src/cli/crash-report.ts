/**
 * What we keep of a failure of our own, for somebody to send in: one tar archive with the error and the CPU's state, the
 * versions, and the last of the guest's console. Nothing of the guest's memory and no file of the user's goes in.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, platform, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import Tar from 'tar-js';
import { packageRoot } from './paths.ts';

const FILE_NAME = 'vivarium-crash.tar';
const OWNER_ONLY = 0o600;
const MS_PER_SECOND = 1000;

export interface CrashFacts {
  /** The error's stack; the CPU's dump is part of an assertion's message. */
  readonly dump: string;
  readonly versions: Readonly<Record<string, string>>;
  /** What the guest printed last; empty when it is not known. */
  readonly console: Uint8Array;
  readonly unixMs: number;
}

/** The archive: dump.txt, versions.json and, if there is any, console.txt. */
export function crashReport({ dump, versions, console, unixMs }: CrashFacts): Uint8Array {
  const encoder = new TextEncoder();
  const tar = new Tar();
  const options = { mode: OWNER_ONLY, mtime: Math.floor(unixMs / MS_PER_SECOND) };
  let archive = tar.append('dump.txt', encoder.encode(`${dump}\n`), options);
  archive = tar.append('versions.json', encoder.encode(`${JSON.stringify(versions, null, 2)}\n`), options);
  // A plain Uint8Array: tar-js refuses a Buffer.
  if (console.length > 0) archive = tar.append('console.txt', Uint8Array.from(console), options);
  return archive;
}

/** Writes the report to a new folder for temporary files; returns its path, or undefined when there is no room. */
export function saveCrashReport(dump: string, console: Uint8Array): string | undefined {
  try {
    const path = join(mkdtempSync(join(tmpdir(), 'vivarium-')), FILE_NAME);
    writeFileSync(path, crashReport({ dump, console, versions: versions(), unixMs: Date.now() }), { mode: OWNER_ONLY });
    return path;
  } catch {
    return undefined; // the failure itself is told anyhow
  }
}

function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return {
    vivarium: version,
    node: process.version,
    v8: process.versions.v8,
    host: `${platform()} ${arch()} ${release()}`,
  };
}
