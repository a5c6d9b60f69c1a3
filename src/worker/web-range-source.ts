/**
 * Bytes of a file on a web server by range (RFC 9110, §14), tried again with growing pauses when a fetch fails or is cut off,
 * and gone on with where it stopped. A server without ranges sends the whole file, which is then the answer.
 */
import type { ByteSource, OpenedBytes } from '../devices/virtio/blk/chunked-file.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

const OK = 200;
const PARTIAL_CONTENT = 206;
const NOT_FOUND = 404;
const GONE = 410;
const RANGE_NOT_SATISFIABLE = 416;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;
/** Tries in a row that bring no byte, with pauses between them: eight seconds without a server. */
const TRIES = 6;
const PAUSE_FIRST_MS = 250;
const PAUSE_MAX_MS = 4000;
/** A server that sends nothing for so long is taken for gone. */
const STALL_MS = 20_000;
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/;

export interface RangeSourceOptions {
  readonly url: string;
  /** Of the whole file. */
  readonly byteCount: number;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly pause?: (delayMs: number) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  readonly stallMs?: number;
  /** For the browser's own cache; default: it keeps what the server lets it. */
  readonly cache?: RequestCache;
}

/** An answer that trying again does not change. */
class Final {
  readonly error: VivariumError;
  constructor(error: VivariumError) {
    this.error = error;
  }
}

export class RangeSource implements ByteSource {
  readonly #options: Required<Omit<RangeSourceOptions, 'signal'>> & { readonly signal: AbortSignal | undefined };

  constructor(options: RangeSourceOptions) {
    this.#options = {
      fetch: (url, init) => fetch(url, init),
      pause: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
      cache: 'default',
      stallMs: STALL_MS,
      signal: undefined,
      ...options,
    };
  }

  async open(offset: number, byteCount: number, fresh: boolean): Promise<OpenedBytes> {
    const first = await this.#tryAll(() => this.#request(offset, byteCount, fresh));
    const wanted = first.isWhole ? this.#options.byteCount : byteCount;
    return { isWhole: first.isWhole, pieces: this.#pieces(first, wanted) };
  }

  /** All of a file whose size is not known; `byteCount` is what it may have. Rejects with LIMIT when it has more. */
  document(): Promise<Uint8Array> {
    const { byteCount, url } = this.#options;
    return this.#tryAll(async () => {
      const answer = await this.#request(0, byteCount, false);
      if (answer instanceof Final) return answer;
      const pieces: Uint8Array[] = [];
      let length = 0;
      const reader = answer.body.getReader();
      for (;;) {
        const { done, value } = await answer.unlessStalled(reader.read());
        if (done) break;
        pieces.push(value);
        length += value.length;
        if (length <= byteCount) continue;
        await reader.cancel().catch(() => {});
        return new Final(
          new VivariumError(ErrorCodes.LIMIT, `${url} is larger than ${byteCount} bytes; check the address`),
        );
      }
      const bytes = new Uint8Array(length);
      for (let at = 0; pieces.length > 0; at += pieces.shift()!.length) bytes.set(pieces[0]!, at);
      return bytes;
    });
  }

  /** What was asked for, piece by piece, whatever happens to the connection. */
  async *#pieces(first: Answer, byteCount: number): AsyncGenerator<Uint8Array> {
    const start = first.offset;
    let answer = first;
    let done = 0;
    let failures = 0;
    for (;;) {
      const reader = answer.body.getReader();
      let skip = start + done - answer.offset; // of a server that begins at the beginning again
      let failure: unknown;
      try {
        while (done < byteCount) {
          const { done: ended, value } = await answer.unlessStalled(reader.read());
          if (ended) break;
          const skipped = Math.min(skip, value.length);
          skip -= skipped;
          const piece = value.subarray(skipped, skipped + byteCount - done);
          if (piece.length === 0) continue;
          done += piece.length;
          failures = 0;
          yield piece;
        }
      } catch (error) {
        failure = error;
      } finally {
        await reader.cancel().catch(() => {});
      }
      if (done === byteCount) return;
      await this.#afterFailure(++failures, failure);
      answer = await this.#tryAll(() => this.#request(start + done, byteCount - done, false), failures);
    }
  }

  /** Tries until there is an answer. Rejects with NETWORK or NOT_FOUND. */
  async #tryAll<T>(request: () => Promise<T | Final>, failuresBefore = 0): Promise<T> {
    for (let failures = failuresBefore; ;) {
      let failure: unknown;
      try {
        const answer = await request();
        if (!(answer instanceof Final)) return answer;
        failure = answer;
      } catch (error) {
        failure = error;
      }
      if (failure instanceof Final) throw failure.error;
      await this.#afterFailure(++failures, failure);
    }
  }

  /** Waits a while, or gives up. */
  async #afterFailure(failures: number, failure: unknown): Promise<void> {
    const { pause, signal, url } = this.#options;
    signal?.throwIfAborted();
    if (failures >= TRIES)
      throw new VivariumError(
        ErrorCodes.NETWORK,
        `can't fetch ${url}: ${reasonOf(failure)}; check the connection and try again`,
        { cause: failure },
      );
    await pause(Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (failures - 1)));
    signal?.throwIfAborted();
  }

  /** Throws what should be tried again. */
  async #request(offset: number, byteCount: number, fresh: boolean): Promise<Answer | Final> {
    const { fetch, url, byteCount: total, signal, cache, stallMs } = this.#options;
    const isWhole = offset === 0 && byteCount === total;
    const stalled = new AbortController();
    const unlessStalled = <T>(action: Promise<T>): Promise<T> => {
      const timer = setTimeout(() => stalled.abort(new Error('the server does not answer')), stallMs);
      return action.finally(() => clearTimeout(timer));
    };
    const request = fetch(url, {
      headers: isWhole ? {} : { range: `bytes=${offset}-${offset + byteCount - 1}` },
      cache: fresh ? 'reload' : cache,
      signal: signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal]),
    });
    const response = await unlessStalled(request);
    const { status, body } = response;
    if ((status === OK || status === PARTIAL_CONTENT) && body !== null) {
      if (status === OK) return { offset: 0, body, isWhole: true, unlessStalled };
      const range = CONTENT_RANGE.exec(response.headers.get('content-range') ?? '');
      // Another origin may hide the header; then the hashes tell whether it was the right range.
      if (range === null) return { offset, body, isWhole: false, unlessStalled };
      const [, begin, , length] = range;
      if (Number(begin) === offset && (length === '*' || Number(length) === total))
        return { offset, body, isWhole: false, unlessStalled };
      await body.cancel().catch(() => {});
      return new Final(otherFile(url));
    }
    await body?.cancel().catch(() => {});
    if (status === NOT_FOUND || status === GONE)
      return new Final(
        new VivariumError(
          ErrorCodes.NOT_FOUND,
          `the server has no file ${url} (${status}); check the address, or upload the whole site again`,
        ),
      );
    if (status === RANGE_NOT_SATISFIABLE) return new Final(otherFile(url));
    if (status < SERVER_ERROR && status !== TOO_MANY_REQUESTS)
      return new Final(
        new VivariumError(ErrorCodes.NETWORK, `the server refuses ${url} with status ${status}; check its settings`),
      );
    throw new Error(`the server answers with status ${status}`);
  }
}

interface Answer {
  /** Where in the file its first byte is. */
  readonly offset: number;
  readonly isWhole: boolean;
  /** Waits for the next bytes; rejects when none come. */
  readonly unlessStalled: <T>(action: Promise<T>) => Promise<T>;
  readonly body: ReadableStream<Uint8Array>;
}

function otherFile(url: string): VivariumError {
  return new VivariumError(
    ErrorCodes.NETWORK,
    `the server's file ${url} is not the one that this site was built with; upload the whole site again`,
  );
}

function reasonOf(failure: unknown): string {
  if (failure === undefined) return 'the connection was cut off';
  return failure instanceof Error ? failure.message : String(failure);
}
