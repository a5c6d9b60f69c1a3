/** A set of the 256 interrupt vectors, as the ISR, TMR and IRR are. */
const WORD_BITS = 32;
const WORD_COUNT = 8;

export class VectorSet {
  readonly #words = new Uint32Array(WORD_COUNT);

  has(vector: number): boolean {
    return ((this.word(vector >>> 5) >>> (vector & 31)) & 1) !== 0;
  }

  add(vector: number): void {
    this.#words[vector >>> 5] = this.word(vector >>> 5) | (1 << (vector & 31));
  }

  delete(vector: number): void {
    this.#words[vector >>> 5] = this.word(vector >>> 5) & ~(1 << (vector & 31));
  }

  /** The highest vector, or -1 when empty. */
  highest(): number {
    for (let index = WORD_COUNT - 1; index >= 0; index--) {
      const word = this.word(index);
      if (word !== 0) return index * WORD_BITS + WORD_BITS - 1 - Math.clz32(word);
    }
    return -1;
  }

  /** 32 of the bits, as a register shows them. */
  word(index: number): number {
    return this.#words[index] ?? 0;
  }

  clear(): void {
    this.#words.fill(0);
  }

  toArray(): number[] {
    return [...this.#words];
  }

  assign(words: readonly number[]): void {
    this.#words.set(words);
  }
}
