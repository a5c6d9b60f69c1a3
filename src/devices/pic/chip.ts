/**
 * One 8259A interrupt controller: request, in-service and mask registers, priorities, command words. Follows the Intel
 * 8259A data sheet (231468-003). Leaves out the MCS-80/85 mode and buffered mode, which a PC can't use.
 */
import type { DeviceState } from '../bus.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

/** What the chip expects on its data port. */
const InitStep = { READY: 0, ICW2: 1, ICW3: 2, ICW4: 3 } as const;
const BYTE = 0xff;
const LEVEL_MASK = 7;

export class PicChip {
  /** Inputs that may be acknowledged: latched edges whose wire is still high, and high level-triggered wires. */
  #edges = 0;
  #wires = 0;
  #isr = 0;
  #imr = 0;
  #elcr = 0;
  #vectorBase = 0;
  #lowestPriority = LEVEL_MASK;
  #initStep: number = InitStep.READY;
  #needsIcw4 = false;
  #isSingle = false;
  #isLevelTriggered = false;
  #hasAutoEoi = false;
  #rotatesOnAutoEoi = false;
  #hasSpecialMask = false;
  #isSpecialFullyNested = false;
  #readsIsr = false;
  #isPolled = false;
  readonly #isMaster: boolean;

  constructor(isMaster: boolean) {
    this.#isMaster = isMaster;
  }

  get irr(): number {
    const level = this.#isLevelTriggered ? BYTE : this.#elcr;
    return this.#wires & (level | this.#edges);
  }

  get elcr(): number {
    return this.#elcr;
  }
  set elcr(value: number) {
    this.#elcr = value & (this.#isMaster ? R.ELCR_MASTER_WRITABLE : R.ELCR_SLAVE_WRITABLE);
  }

  /** Drives an input. A wire that falls before its acknowledgement takes its request with it (data sheet, "Interrupt Request Register"). */
  setWire(irq: number, asserted: boolean): void {
    const bit = 1 << irq;
    if (asserted) {
      if ((this.#wires & bit) === 0) this.#edges |= bit;
      this.#wires |= bit;
    } else {
      this.#wires &= ~bit;
      this.#edges &= ~bit;
    }
  }

  /** The input to serve next, or undefined. */
  pending(): number | undefined {
    const requests = this.irr & ~this.#imr;
    if (requests === 0) return undefined;
    let inService = this.#isr;
    if (this.#hasSpecialMask) inService &= ~this.#imr;
    // The slave itself ranks its inputs, so the master lets a higher one through while one is in service.
    if (this.#isSpecialFullyNested && this.#isMaster) inService &= ~(1 << R.CASCADE_IRQ);
    for (let rank = 1; rank <= R.INPUTS_PER_CHIP; rank++) {
      const irq = (this.#lowestPriority + rank) & LEVEL_MASK;
      const bit = 1 << irq;
      if ((inService & bit) !== 0 && !this.#hasSpecialMask) return undefined;
      if ((requests & bit) !== 0 && (inService & bit) === 0) return irq;
      if ((inService & bit) !== 0) return undefined;
    }
    return undefined;
  }

  /** Takes the input in service; -1 when the request has gone. The caller turns that into a spurious interrupt. */
  accept(): number {
    const irq = this.pending();
    if (irq === undefined) return -1;
    const bit = 1 << irq;
    this.#edges &= ~bit;
    if (!this.#hasAutoEoi) this.#isr |= bit;
    else if (this.#rotatesOnAutoEoi) this.#lowestPriority = irq;
    return irq;
  }

  vector(irq: number): number {
    return this.#vectorBase | irq;
  }

  writeCommand(value: number): void {
    if ((value & R.ICW1_SELECT) !== 0) this.#initialize(value);
    else if ((value & R.OCW_SELECT_OCW3) !== 0) this.#writeOcw3(value);
    else this.#writeOcw2(value);
  }

  writeData(value: number): void {
    switch (this.#initStep) {
      case InitStep.ICW2:
        this.#vectorBase = value & R.ICW2_VECTOR_BASE;
        this.#initStep = this.#isSingle ? (this.#needsIcw4 ? InitStep.ICW4 : InitStep.READY) : InitStep.ICW3;
        break;
      case InitStep.ICW3: // the cascade is soldered
        this.#initStep = this.#needsIcw4 ? InitStep.ICW4 : InitStep.READY;
        break;
      case InitStep.ICW4:
        this.#hasAutoEoi = (value & R.ICW4_AEOI) !== 0;
        this.#isSpecialFullyNested = (value & R.ICW4_SFNM) !== 0;
        this.#initStep = InitStep.READY;
        break;
      default:
        this.#imr = value;
    }
  }

  /** Reads the command port; in poll mode this acknowledges, as a read of either port does. */
  readCommand(): number {
    if (this.#isPolled) return this.#poll();
    return this.#readsIsr ? this.#isr : this.irr;
  }

  readData(): number {
    return this.#isPolled ? this.#poll() : this.#imr;
  }

  save(): DeviceState {
    return {
      edges: this.#edges,
      wires: this.#wires,
      isr: this.#isr,
      imr: this.#imr,
      elcr: this.#elcr,
      vectorBase: this.#vectorBase,
      lowestPriority: this.#lowestPriority,
      initStep: this.#initStep,
      needsIcw4: this.#needsIcw4,
      isSingle: this.#isSingle,
      isLevelTriggered: this.#isLevelTriggered,
      hasAutoEoi: this.#hasAutoEoi,
      rotatesOnAutoEoi: this.#rotatesOnAutoEoi,
      hasSpecialMask: this.#hasSpecialMask,
      isSpecialFullyNested: this.#isSpecialFullyNested,
      readsIsr: this.#readsIsr,
      isPolled: this.#isPolled,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('pic', state);
    this.#edges = reader.int('edges', BYTE);
    this.#wires = reader.int('wires', BYTE);
    this.#isr = reader.int('isr', BYTE);
    this.#imr = reader.int('imr', BYTE);
    this.elcr = reader.int('elcr', BYTE);
    this.#vectorBase = reader.int('vectorBase', BYTE) & R.ICW2_VECTOR_BASE;
    this.#lowestPriority = reader.int('lowestPriority', LEVEL_MASK);
    this.#initStep = reader.int('initStep', InitStep.ICW4);
    this.#needsIcw4 = reader.boolean('needsIcw4');
    this.#isSingle = reader.boolean('isSingle');
    this.#isLevelTriggered = reader.boolean('isLevelTriggered');
    this.#hasAutoEoi = reader.boolean('hasAutoEoi');
    this.#rotatesOnAutoEoi = reader.boolean('rotatesOnAutoEoi');
    this.#hasSpecialMask = reader.boolean('hasSpecialMask');
    this.#isSpecialFullyNested = reader.boolean('isSpecialFullyNested');
    this.#readsIsr = reader.boolean('readsIsr');
    this.#isPolled = reader.boolean('isPolled');
  }

  /** ICW1 clears what its paragraph in the data sheet lists: edge latches, mask, priorities, special mask, read select. */
  #initialize(icw1: number): void {
    this.#edges = 0;
    this.#isr = 0;
    this.#imr = 0;
    this.#lowestPriority = LEVEL_MASK;
    this.#hasSpecialMask = false;
    this.#hasAutoEoi = false;
    this.#rotatesOnAutoEoi = false;
    this.#isSpecialFullyNested = false;
    this.#readsIsr = false;
    this.#isPolled = false;
    this.#needsIcw4 = (icw1 & R.ICW1_IC4) !== 0;
    this.#isSingle = (icw1 & R.ICW1_SINGLE) !== 0;
    this.#isLevelTriggered = (icw1 & R.ICW1_LTIM) !== 0;
    this.#initStep = InitStep.ICW2;
  }

  #writeOcw2(value: number): void {
    const irq = value & R.OCW2_LEVEL;
    switch (value >> R.OCW2_COMMAND_SHIFT) {
      case R.OCW2_ROTATE_AEOI_CLEAR:
        this.#rotatesOnAutoEoi = false;
        break;
      case R.OCW2_ROTATE_AEOI_SET:
        this.#rotatesOnAutoEoi = true;
        break;
      case R.OCW2_NONSPECIFIC_EOI:
        this.#endHighest(false);
        break;
      case R.OCW2_ROTATE_NONSPECIFIC_EOI:
        this.#endHighest(true);
        break;
      case R.OCW2_SPECIFIC_EOI:
        this.#isr &= ~(1 << irq);
        break;
      case R.OCW2_ROTATE_SPECIFIC_EOI:
        this.#isr &= ~(1 << irq);
        this.#lowestPriority = irq;
        break;
      case R.OCW2_SET_PRIORITY:
        this.#lowestPriority = irq;
        break;
      default: // "no operation"
    }
  }

  #writeOcw3(value: number): void {
    if ((value & R.OCW3_SPECIAL_MASK_SELECT) !== 0) this.#hasSpecialMask = (value & R.OCW3_SPECIAL_MASK) !== 0;
    this.#isPolled = (value & R.OCW3_POLL) !== 0;
    if ((value & R.OCW3_READ_SELECT) !== 0) this.#readsIsr = (value & R.OCW3_READ_ISR) !== 0;
  }

  /** Non-specific EOI. In special mask mode it leaves levels that are masked in service (data sheet, "End of Interrupt"). */
  #endHighest(rotate: boolean): void {
    const candidates = this.#hasSpecialMask ? this.#isr & ~this.#imr : this.#isr;
    for (let rank = 1; rank <= R.INPUTS_PER_CHIP; rank++) {
      const irq = (this.#lowestPriority + rank) & LEVEL_MASK;
      if ((candidates & (1 << irq)) === 0) continue;
      this.#isr &= ~(1 << irq);
      if (rotate) this.#lowestPriority = irq;
      return;
    }
  }

  #poll(): number {
    this.#isPolled = false;
    const irq = this.accept();
    return irq < 0 ? R.SPURIOUS_IRQ : R.POLL_PENDING | irq;
  }
}
