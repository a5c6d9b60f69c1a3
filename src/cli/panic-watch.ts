/**
 * Notices a kernel panic in what a Linux guest prints on its console: the first line of panic() (kernel/panic.c). The
 * machine has no other way to know it. That it is no program's output shows in what follows: a reset, or silence.
 */

const PANIC_MARK = new TextEncoder().encode('Kernel panic - not syncing');
const NEWLINE = 0x0a;
/** Before the text there is at most a time stamp. */
const LINE_PREFIX_MAX = 48;

export class PanicWatch {
  #line: number[] = [];
  #isFound = false;

  /** Looks at output. Returns whether a panic was seen in it. */
  see(bytes: Uint8Array): boolean {
    const before = this.#isFound;
    for (const byte of bytes) {
      if (byte === NEWLINE) this.#line = [];
      else if (this.#line.length < LINE_PREFIX_MAX + PANIC_MARK.length) {
        this.#line.push(byte);
        if (this.#endsWithMark()) this.#isFound = true;
      }
    }
    return this.#isFound && !before;
  }

  /** Whether a panic was seen at all. */
  get isFound(): boolean {
    return this.#isFound;
  }

  #endsWithMark(): boolean {
    const start = this.#line.length - PANIC_MARK.length;
    return start >= 0 && PANIC_MARK.every((byte, index) => this.#line[start + index] === byte);
  }
}
