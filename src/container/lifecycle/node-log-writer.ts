/**
 * A container's log as Docker's json-file driver writes it: for each line of output one line
 * `{"log":"…\n","stream":"stdout","time":"…Z"}`. A line of more than 16 KiB comes in pieces, and so does the last one if it
 * has no end; those have no `\n`. Beyond `maxBytes` FILE becomes FILE.1, and so on up to `maxFiles` files.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { formatTime } from '../../util/time.ts';
import type { LogOptions } from './config.ts';
import type { Clock } from './node-clock.ts';
import { translate } from './node-record-folder.ts';

const PRIVATE_FILE_MODE = 0o600;
const NEWLINE = 0x0a;
/** As Docker splits lines. */
const PIECE_BYTES = 16 * 1024;
const TAIL_BYTES = 64 * 1024;

export type LogStream = 'stdout' | 'stderr';

export interface LogWriterOptions extends Pick<LogOptions, 'maxBytes' | 'maxFiles'> {
  readonly path: string;
  readonly clock: Clock;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #pending: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  #file: FileHandle;
  /** Bytes of complete lines in the file. */
  #size: number;
  #last: Promise<void> = Promise.resolve();

  private constructor(options: LogWriterOptions, file: FileHandle, size: number) {
    this.#options = options;
    this.#file = file;
    this.#size = size;
  }

  /** Goes on with a log that is there; a line that a killed writer has cut off goes. */
  static async open(options: LogWriterOptions): Promise<LogWriter> {
    const file = await openFile(options.path);
    try {
      const size = await endOfLines(file);
      await file.truncate(size);
      return new LogWriter(options, file, size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Logs output. Resolves when it is written, so that whoever waits is as fast as the disk. Rejects when it can't be (NO_SPACE);
   * what could not be written is lost, and later output is written again if possible.
   */
  async write(stream: LogStream, bytes: Uint8Array): Promise<void> {
    const all = Buffer.concat([this.#pending[stream], bytes]);
    const pieces: Buffer[] = [];
    let start = 0;
    for (;;) {
      const newline = all.indexOf(NEWLINE, start);
      const end = newline < 0 ? all.length : newline + 1;
      if (end - start <= PIECE_BYTES && newline < 0) break;
      // The newline does not count, as in Docker.
      const stop =
        end - start > PIECE_BYTES + 1 ? start + wholeCharacters(all.subarray(start, start + PIECE_BYTES)) : end;
      pieces.push(all.subarray(start, stop));
      start = stop;
    }
    this.#pending[stream] = Buffer.from(all.subarray(start));
    await this.#enqueue(() => this.#writePieces(stream, pieces));
  }

  /** Writes what has no end yet, and closes the file. */
  async close(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = this.#pending[stream];
      this.#pending[stream] = Buffer.alloc(0);
      if (rest.length > 0) await this.#enqueue(() => this.#writePieces(stream, [rest])).catch(() => {}); // told by write
    }
    await this.#enqueue(() => this.#file.close());
  }

  /** One after the other. */
  async #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    await done;
  }

  async #writePieces(stream: LogStream, pieces: readonly Buffer[]): Promise<void> {
    const { maxBytes = Infinity, clock } = this.#options;
    let batch: Buffer[] = [];
    let batchBytes = 0;
    for (const piece of pieces) {
      if (this.#size + batchBytes >= maxBytes) {
        await this.#append(batch);
        await this.#rotate();
        [batch, batchBytes] = [[], 0];
      }
      const line = { log: piece.toString('utf8'), stream, time: formatTime(clock.nowNs()) };
      const text = Buffer.from(`${JSON.stringify(line)}\n`);
      batch.push(text);
      batchBytes += text.length;
    }
    await this.#append(batch);
  }

  async #append(lines: readonly Buffer[]): Promise<void> {
    if (lines.length === 0) return;
    const bytes = Buffer.concat(lines);
    try {
      await translate('write', this.#options.path, this.#file.appendFile(bytes));
      this.#size += bytes.length;
    } catch (error) {
      await this.#file.truncate(this.#size).catch(() => {}); // half a line would spoil the next
      throw error;
    }
  }

  /** A new file each time: who reads the old one has it open. */
  async #rotate(): Promise<void> {
    const { path, maxFiles } = this.#options;
    for (let number = maxFiles - 1; number >= 1; number--) {
      const from = number === 1 ? path : `${path}.${number - 1}`;
      await rename(from, `${path}.${number}`).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    }
    if (maxFiles <= 1) await rm(path, { force: true });
    const file = await openFile(path);
    await this.#file.close();
    this.#file = file;
    this.#size = 0;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  return translate('write', path, open(path, 'a+', PRIVATE_FILE_MODE));
}

/** Where the last complete line ends. */
async function endOfLines(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - TAIL_BYTES);
    const buffer = Buffer.alloc(end - start);
    await file.read(buffer, 0, buffer.length, start);
    const newline = buffer.lastIndexOf(NEWLINE);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

const CONTINUATION_MASK = 0xc0; // RFC 3629 §3: 10xxxxxx goes on with a character
const CONTINUATION = 0x80;
const CHARACTER_BYTES_MAX = 4;

/** How many of these bytes can go without the last character being cut; all of them if they are no text. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back < CHARACTER_BYTES_MAX && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & CONTINUATION_MASK) === CONTINUATION) continue;
    return characterBytes(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

/** RFC 3629 §3, by the first byte. */
function characterBytes(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
