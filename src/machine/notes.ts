/**
 * What the core says about a guest that asked for something unusual (assembly/host.ts, note): kept as sentences, a
 * bounded number of them, for dumps and `--verbose`. A guest can make as many as it likes.
 */

/** Codes of assembly/system: interrupt.ts, far.ts, x87-pending.ts; isa/system.ts. */
const TEXTS: Readonly<Record<number, (detail: number) => string>> = {
  1: (vector) => `interrupt ${vector} goes through a task gate, and task switching is not built: the CPU shut down`,
  2: (vector) => `exception ${vector} while a double fault was delivered: the CPU shut down`,
  3: (selector) =>
    selector > 1
      ? `a far transfer to the task of selector 0x${selector.toString(16)} was refused: task switching is not built`
      : 'a return to a nested task or to virtual-8086 mode was refused: neither is built',
  4: (statusWord) => `an x87 error (status word 0x${statusWord.toString(16)}) with CR0.NE clear: IRQ 13 is not wired`,
  5: () => 'a breakpoint was enabled in DR7: breakpoints of the debug registers are not built, it will not be reached',
};
const NOTES_MAX = 16;

export class Notes {
  readonly #texts: string[] = [];
  #dropped = 0;

  add(code: number, detail: number): void {
    if (this.#texts.length >= NOTES_MAX) this.#dropped++;
    else this.#texts.push(TEXTS[code]?.(detail) ?? `note ${code} of the core, detail ${detail}`);
  }

  /** The sentences so far; the last one counts those that were not kept. */
  list(): string[] {
    return this.#dropped === 0 ? [...this.#texts] : [...this.#texts, `${this.#dropped} more notes were not kept`];
  }
}
