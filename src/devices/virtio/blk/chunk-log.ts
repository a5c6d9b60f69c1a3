/**
 * A store of chunks in files that are only added to: each commit is a batch at the end, and one that was cut off by the end of
 * the page or the process is dropped when the log is read again. When most of a log is what later batches replaced, a new
 * log takes its place. Works on whatever has files that are read and written at an offset: Node, or OPFS in a worker.
 *
 * A log is called `log-N`; the highest whose first batch is whole is the disk. It has a header (magic, version, length
 * of the identity, its CRC-32, the identity as JSON) and batches: magic, number of chunks, CRC-32 of the table, zero; the
 * table, with number, 1 for data or 0 for zeroes, and CRC-32 for each chunk; and the chunks that have data. Little endian.
 */
import { crc32, type Checksum } from '../../../util/crc.ts';
import { ErrorCodes, VivariumError } from '../../../util/errors.ts';
import { CHUNK_BYTES, type ChunkChanges, type ChunkStore, type DiskIdentity, type StoredDisk } from './chunk-store.ts';

const LOG_MAGIC = 0x4c434956; // "VICL"
const BATCH_MAGIC = 0x42434956; // "VICB"
const LOG_VERSION = 1;
const HEAD_BYTES = 16;
const ENTRY_BYTES = 12;
const ENTRY_HAS_DATA = 4;
const ENTRY_CRC = 8;
const IDENTITY_BYTES_MAX = 65536;
const BATCH_CHUNKS_MAX = 2 ** 20;
/** What a log may have of content that was replaced, unless what is in use is more. */
const GARBAGE_BYTES = 64 * 2 ** 20;
const LOG_NAME = /^log-(\d{1,9})$/;

/** A file that nobody else has open. Offsets and lengths in bytes. */
export interface LogFile {
  size(): number;
  /** Fills `target`. Throws when the file ends before. */
  read(offset: number, target: Uint8Array): void;
  /** Throws when there is no room. */
  write(offset: number, bytes: Uint8Array): void;
  truncate(byteCount: number): void;
  /** Returns when all of it is durable. */
  flush(): void;
  close(): void;
}

/** The folder of one disk. */
export interface LogFolder {
  names(): Promise<readonly string[]>;
  /** Opens a file; it is made if it is not there. */
  open(name: string): Promise<LogFile>;
  remove(name: string): Promise<void>;
  /** Whether an error of it means that there is no room. */
  isFull(error: unknown): boolean;
  /** Gives up what keeps others out. */
  close(): void;
}

/** Where a chunk's content is in the log, and its CRC. */
interface Place {
  readonly offset: number;
  readonly crc: number;
}

interface Log {
  readonly number: number;
  readonly file: LogFile;
  readonly identity: DiskIdentity;
  readonly places: Map<number, Place>;
  /** Where the next batch goes. */
  end: number;
}

export class ChunkLog implements ChunkStore {
  readonly #folder: LogFolder;
  readonly #checksum: Checksum;
  readonly #garbageBytes: number;
  #log: Log | undefined;

  constructor(folder: LogFolder, options: { readonly checksum?: Checksum; readonly garbageBytes?: number } = {}) {
    this.#folder = folder;
    this.#checksum = options.checksum ?? crc32;
    this.#garbageBytes = options.garbageBytes ?? GARBAGE_BYTES;
  }

  async load(): Promise<StoredDisk | undefined> {
    return this.#guarded('read', async () => {
      let found: StoredDisk | undefined;
      for (const number of await this.#numbers()) {
        const stored = found === undefined ? await this.#open(number) : undefined;
        if (stored === undefined) await this.#folder.remove(logName(number));
        else found = stored;
      }
      return found;
    });
  }

  create(identity: DiskIdentity, chunks: ChunkChanges): Promise<void> {
    return this.#guarded('written', async () => {
      const old = this.#log;
      const number = ((await this.#numbers())[0] ?? 0) + 1;
      this.#log = await this.#make(number, identity, chunks);
      old?.file.close();
      for (const other of await this.#numbers()) if (other !== number) await this.#folder.remove(logName(other));
    });
  }

  commit(changes: ChunkChanges): Promise<void> {
    return this.#guarded('written', async () => {
      const log = this.#log;
      if (log === undefined) throw damaged('it was not made yet');
      append(log, changes, this.#checksum);
      const usedBytes = log.places.size * CHUNK_BYTES;
      if (log.end > usedBytes + Math.max(usedBytes, this.#garbageBytes)) await this.#renew(log);
    });
  }

  close(): void {
    this.#log?.file.close();
    this.#log = undefined;
    this.#folder.close();
  }

  /** Copies what is in use into a new log. */
  async #renew(log: Log): Promise<void> {
    const chunks = new Map<number, Uint8Array>();
    for (const [index, place] of log.places) chunks.set(index, this.#chunk(log.file, place));
    await this.create(log.identity, chunks);
  }

  /** Numbers of logs, the highest first. */
  async #numbers(): Promise<number[]> {
    const numbers = (await this.#folder.names()).map((name) => LOG_NAME.exec(name)?.[1]);
    return numbers
      .filter((number) => number !== undefined)
      .map(Number)
      .sort((a, b) => b - a);
  }

  async #make(number: number, identity: DiskIdentity, chunks: ChunkChanges): Promise<Log> {
    const file = await this.#folder.open(logName(number));
    try {
      const json = new TextEncoder().encode(JSON.stringify(identity));
      file.truncate(0);
      file.write(0, head(LOG_MAGIC, LOG_VERSION, json.length, this.#checksum(json)));
      file.write(HEAD_BYTES, json);
      const log: Log = { number, file, identity, places: new Map(), end: HEAD_BYTES + json.length };
      append(log, chunks, this.#checksum);
      return log;
    } catch (error) {
      file.close();
      await this.#folder.remove(logName(number)).catch(() => {}); // it is not whole, so nobody takes it for the disk
      throw error;
    }
  }

  /** Undefined when its first batch is not whole: it was being made. */
  async #open(number: number): Promise<StoredDisk | undefined> {
    const file = await this.#folder.open(logName(number));
    try {
      const stored = this.#takeOver(number, file);
      if (stored === undefined) file.close();
      return stored;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  #takeOver(number: number, file: LogFile): StoredDisk | undefined {
    const identity = this.#identity(file);
    if (identity === undefined) return undefined;
    const log: Log = { number, file, identity: identity.value, places: new Map(), end: identity.end };
    let batchCount = 0;
    for (let end = this.#readBatch(log); end !== undefined; end = this.#readBatch(log)) {
      log.end = end;
      batchCount++;
    }
    if (batchCount === 0) return undefined;
    const chunks = new Map<number, Uint8Array>();
    for (const [index, place] of log.places) chunks.set(index, this.#chunk(file, place));
    // What follows was not acknowledged to anybody.
    if (file.size() > log.end) file.truncate(log.end);
    this.#log = log;
    return { identity: log.identity, chunks };
  }

  #identity(file: LogFile): { readonly value: DiskIdentity; readonly end: number } | undefined {
    const size = file.size();
    if (size < HEAD_BYTES) return undefined;
    const view = viewOf(file, 0, HEAD_BYTES);
    const [magic, version, length, crc] = [0, 4, 8, 12].map((at) => view.getUint32(at, true)) as [
      number,
      number,
      number,
      number,
    ];
    if (magic !== LOG_MAGIC || length > IDENTITY_BYTES_MAX || HEAD_BYTES + length > size) return undefined;
    if (version !== LOG_VERSION) throw damaged(`it has version ${version}, and this reads ${LOG_VERSION}`);
    const json = bytesOf(file, HEAD_BYTES, length);
    if (this.#checksum(json) !== crc) return undefined;
    return { value: checkedIdentity(JSON.parse(new TextDecoder().decode(json))), end: HEAD_BYTES + length };
  }

  /** Takes the batch at the log's end over, and gives where it ends; undefined when there is none that is whole. */
  #readBatch(log: Log): number | undefined {
    const { file, end: start } = log;
    const size = file.size();
    if (start + HEAD_BYTES > size) return undefined;
    const view = viewOf(file, start, HEAD_BYTES);
    const count = view.getUint32(4, true);
    const tableBytes = count * ENTRY_BYTES;
    let offset = start + HEAD_BYTES + tableBytes;
    if (view.getUint32(0, true) !== BATCH_MAGIC || count > BATCH_CHUNKS_MAX || offset > size) return undefined;
    const table = bytesOf(file, start + HEAD_BYTES, tableBytes);
    if (this.#checksum(table) !== view.getUint32(8, true)) return undefined;
    const entries = new DataView(table.buffer);
    const places = new Map<number, Place | undefined>();
    for (let at = 0; at < tableBytes; at += ENTRY_BYTES) {
      const hasData = entries.getUint32(at + ENTRY_HAS_DATA, true) === 1;
      const place = hasData ? { offset, crc: entries.getUint32(at + ENTRY_CRC, true) } : undefined;
      places.set(entries.getUint32(at, true), place);
      if (hasData) offset += CHUNK_BYTES;
    }
    if (offset > size) return undefined;
    // Only the last batch can have been cut off; one before it that is not as it was written is damaged (see #chunk).
    const isLast = offset === size;
    if (isLast && ![...places.values()].every((place) => place === undefined || this.#isWhole(file, place)))
      return undefined;
    for (const [index, place] of places) {
      if (place === undefined) log.places.delete(index);
      else log.places.set(index, place);
    }
    return offset;
  }

  #isWhole(file: LogFile, { offset, crc }: Place): boolean {
    return this.#checksum(bytesOf(file, offset, CHUNK_BYTES)) === crc;
  }

  #chunk(file: LogFile, { offset, crc }: Place): Uint8Array {
    const bytes = bytesOf(file, offset, CHUNK_BYTES);
    if (this.#checksum(bytes) !== crc) throw damaged('its content is not what was written');
    return bytes;
  }

  async #guarded<T>(what: 'read' | 'written', action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof VivariumError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw this.#folder.isFull(error)
        ? new VivariumError(
            ErrorCodes.NO_SPACE,
            'there is no room to keep what the computer writes; make some, or remove files in it',
            {
              cause: error,
            },
          )
        : new VivariumError(ErrorCodes.STORE, `what is kept of the computer's disk can't be ${what}: ${reason}`, {
            cause: error,
          });
    }
  }
}

/** Adds a batch; the log is what it was if that fails. */
function append(log: Log, changes: ChunkChanges, checksum: Checksum): void {
  const { file, end: start } = log;
  const table = new Uint8Array(changes.size * ENTRY_BYTES);
  const entries = new DataView(table.buffer);
  const places = new Map<number, Place | undefined>();
  let at = 0;
  let offset = start + HEAD_BYTES + table.length;
  try {
    for (const [index, bytes] of changes) {
      const crc = bytes === undefined ? 0 : checksum(bytes);
      entries.setUint32(at, index, true);
      entries.setUint32(at + ENTRY_HAS_DATA, bytes === undefined ? 0 : 1, true);
      entries.setUint32(at + ENTRY_CRC, crc, true);
      at += ENTRY_BYTES;
      places.set(index, bytes === undefined ? undefined : { offset, crc });
      if (bytes === undefined) continue;
      file.write(offset, bytes);
      offset += CHUNK_BYTES;
    }
    file.write(start + HEAD_BYTES, table);
    file.write(start, head(BATCH_MAGIC, changes.size, checksum(table), 0));
    file.flush();
  } catch (error) {
    file.truncate(start);
    throw error;
  }
  for (const [index, place] of places) {
    if (place === undefined) log.places.delete(index);
    else log.places.set(index, place);
  }
  log.end = offset;
}

function checkedIdentity(value: unknown): DiskIdentity {
  const isRight =
    typeof value === 'object' && value !== null && Object.values(value).every((item) => typeof item === 'string');
  if (!isRight) throw damaged('it does not say what it is for');
  return value as DiskIdentity;
}

function logName(number: number): string {
  return `log-${number}`;
}

function head(...words: readonly [number, number, number, number]): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => view.setUint32(4 * index, word, true));
  return bytes;
}

function bytesOf(file: LogFile, offset: number, byteCount: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteCount);
  if (byteCount > 0) file.read(offset, bytes);
  return bytes;
}

function viewOf(file: LogFile, offset: number, byteCount: number): DataView {
  return new DataView(bytesOf(file, offset, byteCount).buffer);
}

function damaged(why: string): VivariumError {
  return new VivariumError(ErrorCodes.STORE, `what is kept of the computer's disk is damaged: ${why}; reset it`);
}
