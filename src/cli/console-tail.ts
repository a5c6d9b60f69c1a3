/** The last of what a guest printed, for a report of our own failure. */

const TAIL_BYTES = 64 * 1024;

export class ConsoleTail {
  #chunks: Uint8Array[] = [];
  #byteCount = 0;

  /** Takes output in; the bytes are copied. */
  see(bytes: Uint8Array): void {
    const copy = bytes.slice(Math.max(0, bytes.length - TAIL_BYTES));
    this.#chunks.push(copy);
    this.#byteCount += copy.length;
    while (this.#byteCount - this.#chunks[0]!.length >= TAIL_BYTES) this.#byteCount -= this.#chunks.shift()!.length;
  }

  /** At most the last 64 KiB. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#chunks).subarray(-TAIL_BYTES);
  }
}
