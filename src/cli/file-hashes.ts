/**
 * SHA-256 of large files that seldom change: remembered with what stat(2) says of the file, so that a kernel need not be
 * read to be known. A record that can't be used is one that is not there.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';

const MODE = 0o600;
/** Files that were built again leave their records behind. */
const RECORDS_MAX = 64;

interface FileRecord {
  readonly stat: string;
  readonly sha256: string;
}

export class FileHashes {
  readonly #path: string;
  readonly #records: Map<string, FileRecord>;

  /** @param path the file with what is remembered; its folder exists when something is to be. */
  constructor(path: string) {
    this.#path = path;
    this.#records = readRecords(path);
  }

  /** The hash of a file, in hexadecimal. Throws what reading it does. */
  sha256(path: string): string {
    const stat = statSync(path, { bigint: true });
    const known = this.#records.get(path);
    // A change of content changes ctime, which no program can set.
    const now = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ');
    if (known?.stat === now) return known.sha256;
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    this.#records.delete(path);
    this.#records.set(path, { stat: now, sha256 });
    this.#write();
    return sha256;
  }

  #write(): void {
    const records = [...this.#records].slice(-RECORDS_MAX);
    const temporary = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, JSON.stringify(Object.fromEntries(records)), { mode: MODE });
      renameSync(temporary, this.#path);
    } catch {
      // It costs the next run a few milliseconds.
    }
  }
}

function readRecords(path: string): Map<string, FileRecord> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed !== 'object' || parsed === null) return new Map();
    return new Map(Object.entries(parsed).filter((entry): entry is [string, FileRecord] => isRecord(entry[1])));
  } catch {
    return new Map();
  }
}

function isRecord(value: unknown): value is FileRecord {
  const record = value as FileRecord | null;
  return typeof record?.stat === 'string' && /^[0-9a-f]{64}$/.test(record.sha256);
}
