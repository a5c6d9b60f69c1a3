/**
 * The local vector table and the pins LINT0 and LINT1 (SDM 3A §11.5.1): what each local event becomes, and level-triggered
 * interrupts on the pins with their remote IRR.
 */
import type { DeviceState } from '../bus.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const LVT_COUNT = 6;
const WRITABLE = [
  R.LVT_TIMER_WRITABLE,
  R.LVT_INTERNAL_WRITABLE,
  R.LVT_INTERNAL_WRITABLE,
  R.LVT_LINT_WRITABLE,
  R.LVT_LINT_WRITABLE,
  R.LVT_ERROR_WRITABLE,
] as const;

export type LintPin = 0 | 1;

/** Takes an event of the table; false when it can't. */
export type DeliverLocal = (delivery: number, vector: number, isLevel: boolean) => boolean;

export class LocalVectors {
  readonly #deliver: DeliverLocal;
  readonly #entries = new Uint32Array(LVT_COUNT).fill(R.LVT_MASKED);
  readonly #levels: [boolean, boolean] = [false, false];

  constructor(deliver: DeliverLocal) {
    this.#deliver = deliver;
  }

  get(register: number): number {
    return this.#entries[register - R.LVT_TIMER] ?? 0;
  }

  /** @param isEnabled while the APIC is disabled by software the mask bit can't be cleared (§11.4.7.2). */
  set(register: number, value: number, isEnabled: boolean): void {
    const index = register - R.LVT_TIMER;
    const remoteIrr = this.get(register) & R.LVT_REMOTE_IRR;
    const masked = isEnabled ? 0 : R.LVT_MASKED;
    this.#entries[index] = (value & (WRITABLE[index] ?? 0) & ~R.LVT_REMOTE_IRR) | remoteIrr | masked;
    if (register === R.LVT_LINT0) this.#serveLevel(0);
    if (register === R.LVT_LINT1) this.#serveLevel(1);
  }

  maskAll(): void {
    for (let index = 0; index < LVT_COUNT; index++) this.#entries[index] = (this.#entries[index] ?? 0) | R.LVT_MASKED;
  }

  reset(): void {
    this.#entries.fill(R.LVT_MASKED);
  }

  isHigh(pin: LintPin): boolean {
    return this.#levels[pin];
  }

  /** Drives a pin; returns whether it rose. */
  setPin(pin: LintPin, asserted: boolean): boolean {
    const rises = asserted && !this.#levels[pin];
    this.#levels[pin] = asserted;
    return rises;
  }

  /** What a rise of the pin does while the APIC is enabled. ExtINT is a level that {@link hasExternal} shows. */
  servePin(pin: LintPin): void {
    const entry = this.get(R.LVT_LINT0 + pin);
    const isFixedLevel = deliveryOf(entry) === R.Delivery.FIXED && (entry & R.LVT_LEVEL) !== 0;
    if (isFixedLevel) this.#serveLevel(pin);
    else if ((entry & R.LVT_MASKED) === 0 && deliveryOf(entry) !== R.Delivery.EXTINT) {
      this.#deliver(deliveryOf(entry), entry & R.VECTOR_MASK, false);
    }
  }

  /** Whether the PIC asks through LINT0. */
  hasExternal(): boolean {
    const entry = this.get(R.LVT_LINT0);
    return this.#levels[0] && (entry & R.LVT_MASKED) === 0 && deliveryOf(entry) === R.Delivery.EXTINT;
  }

  /** EOI of a level-triggered interrupt: it is accepted again while its pin is high. */
  endOfInterrupt(vector: number): void {
    for (const pin of [0, 1] as const) {
      const entry = this.get(R.LVT_LINT0 + pin);
      if ((entry & R.LVT_REMOTE_IRR) === 0 || (entry & R.VECTOR_MASK) !== vector) continue;
      this.#entries[R.LVT_LINT0 + pin - R.LVT_TIMER] = entry & ~R.LVT_REMOTE_IRR;
      this.#serveLevel(pin);
    }
  }

  save(): DeviceState {
    return { entries: [...this.#entries], lint0: this.#levels[0], lint1: this.#levels[1] };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('apic local vectors', state);
    this.#entries.set(reader.ints('entries', LVT_COUNT));
    this.#levels[0] = reader.boolean('lint0');
    this.#levels[1] = reader.boolean('lint1');
  }

  #serveLevel(pin: LintPin): void {
    const entry = this.get(R.LVT_LINT0 + pin);
    if (!this.#levels[pin] || deliveryOf(entry) !== R.Delivery.FIXED || (entry & R.LVT_LEVEL) === 0) return;
    if ((entry & (R.LVT_MASKED | R.LVT_REMOTE_IRR)) !== 0) return;
    const isAccepted = this.#deliver(R.Delivery.FIXED, entry & R.VECTOR_MASK, true);
    if (isAccepted) this.#entries[R.LVT_LINT0 + pin - R.LVT_TIMER] = entry | R.LVT_REMOTE_IRR;
  }
}

function deliveryOf(entry: number): number {
  return (entry >> R.LVT_DELIVERY_SHIFT) & R.LVT_DELIVERY_MASK;
}
