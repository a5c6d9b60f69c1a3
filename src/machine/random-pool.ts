/** 32 random bits at a time out of larger draws from the host's source, which costs per call. */

const POOL_WORDS = 1024;

export class RandomPool {
  readonly #fill: (target: Uint8Array) => void;
  readonly #words = new Uint32Array(POOL_WORDS);
  #next = POOL_WORDS;

  constructor(fill: (target: Uint8Array) => void) {
    this.#fill = fill;
  }

  next32(): number {
    if (this.#next === POOL_WORDS) {
      this.#fill(new Uint8Array(this.#words.buffer));
      this.#next = 0;
    }
    const value = this.#words[this.#next]!;
    this.#words[this.#next++] = 0; // nothing handed out stays readable
    return value;
  }
}
