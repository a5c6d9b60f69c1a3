/** A bounded ring of bytes between the host's input and the UART's receive FIFO. */

export class ReceiveQueue {
  readonly #bytes: Uint8Array;
  #first = 0;
  #byteCount = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get capacity(): number {
    return this.#bytes.length;
  }

  /** Takes as many bytes as fit, and returns how many that were. */
  push(bytes: Uint8Array): number {
    const accepted = Math.min(bytes.length, this.capacity - this.#byteCount);
    for (let i = 0; i < accepted; i++) this.#bytes[(this.#first + this.#byteCount + i) % this.capacity] = bytes[i] ?? 0;
    this.#byteCount += accepted;
    return accepted;
  }

  /** Puts bytes back in front of all others; those that no longer fit are lost from the end. */
  unshift(bytes: readonly number[]): void {
    for (const byte of [...bytes].reverse()) {
      this.#first = (this.#first + this.capacity - 1) % this.capacity;
      this.#bytes[this.#first] = byte;
      this.#byteCount = Math.min(this.capacity, this.#byteCount + 1);
    }
  }

  /** The oldest byte, or undefined. */
  shift(): number | undefined {
    if (this.#byteCount === 0) return undefined;
    const byte = this.#bytes[this.#first];
    this.#first = (this.#first + 1) % this.capacity;
    this.#byteCount--;
    return byte;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from({ length: this.#byteCount }, (_, i) => this.#bytes[(this.#first + i) % this.capacity] ?? 0);
  }

  clear(): void {
    this.#byteCount = 0;
  }
}
