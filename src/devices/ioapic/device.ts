/**
 * An IOAPIC with 24 inputs (82093AA data sheet), version 20h with the EOI register. Inputs are asserted or not: the
 * polarity bit is kept but inverts nothing, since our wires carry no voltage. Leaves out arbitration.
 */
import { assert } from '../../util/errors.ts';
import type { ApicBus, EoiListener } from '../apic/bus.ts';
import { Delivery } from '../apic/registers.ts';
import type { AccessSize, DeviceState, MmioBus, MmioDevice, Stateful } from '../bus.ts';
import type { IrqLine } from '../irq.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const WIRES = 2 ** R.PIN_COUNT - 1;

export class IoApic implements MmioDevice, EoiListener, Stateful {
  readonly #bus: Pick<ApicBus, 'send'>;
  #id: number;
  #select = 0;
  /** One bit for each asserted input. */
  #wires = 0;
  readonly #low = new Uint32Array(R.PIN_COUNT).fill(R.ENTRY_MASKED);
  readonly #high = new Uint32Array(R.PIN_COUNT);

  /** @param id the APIC ID that firmware gives it, as in MADT and MP table. */
  constructor(bus: Pick<ApicBus, 'send' | 'addEoiListener'>, id: number) {
    this.#bus = bus;
    this.#id = id & R.ID_MASK;
    bus.addEoiListener(this);
  }

  connect(mmio: MmioBus): void {
    mmio.register(R.IOAPIC_BASE, R.IOAPIC_PAGE_BYTES, this);
  }

  /** The wire into input `pin`, 0–23. */
  line(pin: number): IrqLine {
    assert(pin >= 0 && pin < R.PIN_COUNT, `the IOAPIC has no input ${pin}`);
    return { set: (asserted) => this.#setWire(pin, asserted) };
  }

  mmioRead(offset: number, _size: AccessSize): number {
    if (offset === R.IOREGSEL) return this.#select;
    return offset === R.IOWIN ? this.#readRegister() : 0;
  }

  mmioWrite(offset: number, _size: AccessSize, value: number): void {
    switch (offset) {
      case R.IOREGSEL:
        this.#select = value & 0xff;
        break;
      case R.IOWIN:
        this.#writeRegister(value);
        break;
      case R.IOEOI:
        this.endOfInterrupt(value & R.ENTRY_VECTOR);
        break;
      default:
    }
  }

  /** Ends the level-triggered interrupts of this vector; an input that is still asserted sends again. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < R.PIN_COUNT; pin++) {
      const entry = this.#low[pin] ?? 0;
      if ((entry & R.ENTRY_VECTOR) !== vector || (entry & R.ENTRY_REMOTE_IRR) === 0) continue;
      this.#low[pin] = entry & ~R.ENTRY_REMOTE_IRR;
      this.#serveLevel(pin);
    }
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      id: this.#id,
      select: this.#select,
      wires: this.#wires,
      low: [...this.#low],
      high: [...this.#high],
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('ioapic', state, STATE_VERSION);
    this.#id = reader.int('id', R.ID_MASK);
    this.#select = reader.int('select', 0xff);
    this.#wires = reader.int('wires', WIRES);
    this.#low.set(reader.ints('low', R.PIN_COUNT));
    this.#high.set(reader.ints('high', R.PIN_COUNT));
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  #setWire(pin: number, asserted: boolean): void {
    const bit = 1 << pin;
    const rises = asserted && (this.#wires & bit) === 0;
    this.#wires = asserted ? this.#wires | bit : this.#wires & ~bit;
    if (!rises) return;
    const entry = this.#low[pin] ?? 0;
    if ((entry & R.ENTRY_LEVEL) !== 0) this.#serveLevel(pin);
    // "Edge-sensitive interrupts signaled on a masked interrupt pin are ignored" (§3.2.4)
    else if ((entry & R.ENTRY_MASKED) === 0) this.#send(pin);
  }

  #serveLevel(pin: number): void {
    const entry = this.#low[pin] ?? 0;
    const isAsserted = (this.#wires & (1 << pin)) !== 0;
    if (!isAsserted || (entry & R.ENTRY_LEVEL) === 0 || (entry & (R.ENTRY_MASKED | R.ENTRY_REMOTE_IRR)) !== 0) return;
    // Only what an EOI will end can wait for one; nobody takes an interrupt in service before this returns.
    const delivery = (entry >> R.ENTRY_DELIVERY_SHIFT) & R.ENTRY_DELIVERY_MASK;
    const awaitsEoi = delivery === Delivery.FIXED || delivery === Delivery.LOWEST_PRIORITY;
    if (this.#send(pin) > 0 && awaitsEoi) this.#low[pin] = entry | R.ENTRY_REMOTE_IRR;
  }

  #send(pin: number): number {
    const entry = this.#low[pin] ?? 0;
    return this.#bus.send({
      destination: (this.#high[pin] ?? 0) >>> R.ENTRY_DESTINATION_SHIFT,
      isLogical: (entry & R.ENTRY_LOGICAL) !== 0,
      isWide: false,
      delivery: (entry >> R.ENTRY_DELIVERY_SHIFT) & R.ENTRY_DELIVERY_MASK,
      vector: entry & R.ENTRY_VECTOR,
      isLevel: (entry & R.ENTRY_LEVEL) !== 0,
    });
  }

  #readRegister(): number {
    switch (this.#select) {
      case R.IOAPICID:
      case R.IOAPICARB:
        return this.#id << R.ID_SHIFT;
      case R.IOAPICVER:
        return R.VERSION_VALUE;
      default: {
        const half = this.#entryHalf();
        return half === undefined ? 0 : (half.words[half.pin] ?? 0);
      }
    }
  }

  #writeRegister(value: number): void {
    if (this.#select === R.IOAPICID) {
      this.#id = (value >>> R.ID_SHIFT) & R.ID_MASK;
      return;
    }
    const half = this.#entryHalf();
    if (half === undefined) return;
    const { words, pin } = half;
    if (words === this.#high) {
      words[pin] = value;
      return;
    }
    // Remote IRR is read-only, and has no meaning for edges: going to edge and back is how old kernels end an interrupt.
    const remoteIrr = (value & R.ENTRY_LEVEL) !== 0 ? (words[pin] ?? 0) & R.ENTRY_REMOTE_IRR : 0;
    words[pin] = (value & R.ENTRY_WRITABLE) | remoteIrr;
    this.#serveLevel(pin);
  }

  #entryHalf(): { words: Uint32Array; pin: number } | undefined {
    const index = this.#select - R.IOREDTBL;
    const pin = index >> 1;
    if (index < 0 || pin >= R.PIN_COUNT) return undefined;
    return { words: (index & 1) === 0 ? this.#low : this.#high, pin };
  }
}
