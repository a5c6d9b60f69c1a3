/** One end of a connection between a supervisor and a client: lines first, then frames, with back-pressure both ways. */
import {
  brokenProtocol,
  encodeFrame,
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  LINE_BYTES_MAX,
  type Frame,
} from './protocol.ts';

const NEWLINE = 0x0a;

/** A byte stream both ways. */
export interface ByteChannel {
  /** What the other side sends, until it closes; nothing more is taken from it than is asked for. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Resolves when the other side's buffer has it. Rejects when the other side is gone. */
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

export class Connection {
  readonly #channel: ByteChannel;
  readonly #incoming: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);

  constructor(channel: ByteChannel) {
    this.#channel = channel;
    this.#incoming = channel.incoming[Symbol.asyncIterator]();
  }

  /** The next line without its end; undefined when the other side has closed. Throws BAD_STATE for one that is too long. */
  async line(): Promise<string | undefined> {
    for (let searched = 0; ;) {
      const end = this.#buffer.indexOf(NEWLINE, searched);
      if (end >= 0) return new TextDecoder().decode(this.#take(end + 1).subarray(0, end));
      searched = this.#buffer.length;
      if (searched > LINE_BYTES_MAX) throw brokenProtocol('a line that does not end');
      if (!(await this.#more())) return undefined;
    }
  }

  /** The next frame, whose payload is the caller's; undefined when the other side has closed. Throws BAD_STATE. */
  async frame(): Promise<Frame | undefined> {
    while (this.#buffer.length < FRAME_HEAD_BYTES) if (!(await this.#more())) return undefined;
    const view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset);
    const byteCount = view.getUint32(1, true);
    const kind = view.getUint8(0);
    if (byteCount > FRAME_BYTES_MAX) throw brokenProtocol('a frame that is too long');
    const pieces: Uint8Array[] = [];
    this.#take(FRAME_HEAD_BYTES);
    // A long frame comes in pieces; they are joined once.
    let missing = byteCount;
    while (missing > 0) {
      if (this.#buffer.length === 0 && !(await this.#more())) return undefined;
      const piece = this.#take(Math.min(missing, this.#buffer.length));
      pieces.push(piece);
      missing -= piece.length;
    }
    return { kind, payload: pieces.length === 1 ? pieces[0]! : join(pieces, byteCount) };
  }

  sendLine(text: string): Promise<void> {
    return this.#channel.write(new TextEncoder().encode(`${text}\n`));
  }

  /** Sends bytes as frames of one kind. */
  async send(kind: number, payload: Uint8Array): Promise<void> {
    let start = 0;
    do {
      await this.#channel.write(encodeFrame(kind, payload.subarray(start, start + FRAME_BYTES_MAX)));
      start += FRAME_BYTES_MAX;
    } while (start < payload.length);
  }

  close(): void {
    this.#channel.close();
  }

  #take(byteCount: number): Uint8Array {
    const taken = this.#buffer.subarray(0, byteCount);
    this.#buffer = this.#buffer.subarray(byteCount);
    return taken;
  }

  async #more(): Promise<boolean> {
    const next = await this.#incoming.next();
    if (next.done === true) return false;
    this.#buffer =
      this.#buffer.length === 0
        ? next.value
        : join([this.#buffer, next.value], this.#buffer.length + next.value.length);
    return true;
  }
}

function join(pieces: readonly Uint8Array[], byteCount: number): Uint8Array {
  const joined = new Uint8Array(byteCount);
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
