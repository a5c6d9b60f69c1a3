/**
 * Wiring between interrupt sources and controllers: several sources on one level-triggered wire, and one source on
 * several controllers (an ISA interrupt reaches the PIC and the IOAPIC).
 */
import type { IrqLine } from './irq.ts';

/** A wire that is asserted while any of its sources is: PCI INTx pins share theirs. */
export class SharedLine {
  readonly #target: IrqLine;
  #assertedCount = 0;

  constructor(target: IrqLine) {
    this.#target = target;
  }

  /** A new source on this wire. */
  source(): IrqLine {
    let isAsserted = false;
    return {
      set: (asserted) => {
        if (asserted === isAsserted) return;
        isAsserted = asserted;
        this.#assertedCount += asserted ? 1 : -1;
        if (this.#assertedCount === (asserted ? 1 : 0)) this.#target.set(asserted);
      },
    };
  }
}

/** One wire that goes to several inputs. */
export function fanOut(...targets: IrqLine[]): IrqLine {
  return {
    set: (asserted) => {
      for (const target of targets) target.set(asserted);
    },
  };
}

/** A wire that ends nowhere. */
export const UNCONNECTED: IrqLine = { set: () => {} };

/** A device's end of a wire: passes on changes only, since a device works out its level at every register access. */
export class LevelOutput implements IrqLine {
  readonly #line: IrqLine;
  #level: boolean | undefined;

  constructor(line: IrqLine) {
    this.#line = line;
  }

  set(asserted: boolean): void {
    if (asserted === this.#level) return;
    this.#level = asserted;
    this.#line.set(asserted);
  }

  /** Makes the next `set` drive the wire whatever its level: after a load, the other end may be new. */
  forget(): void {
    this.#level = undefined;
  }
}
