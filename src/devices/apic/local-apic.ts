/**
 * One CPU's local APIC in xAPIC and x2APIC mode (SDM 3A chapter 11): interrupt acceptance and priority, local vector
 * table, timer, inter-processor interrupts. Register access by the guest is in access.ts. Leaves out SMM, the focus
 * processor and arbitration registers, and suppression of EOI broadcasts.
 */
import type { DeviceState, Stateful } from '../bus.ts';
import type { Clock } from '../clock.ts';
import type { CpuPins, IrqLine } from '../irq.ts';
import { StateReader } from '../state.ts';
import type { ApicBus, ApicTarget, InterruptMessage } from './bus.ts';
import { LocalVectors, type LintPin } from './local-vectors.ts';
import * as R from './registers.ts';
import { ApicTimer, type GuestTsc } from './timer.ts';
import { VectorSet } from './vector-set.ts';

const STATE_VERSION = 1;
const PRIORITY_CLASS = 0xf0;
const SPURIOUS_RESET = 0xff;
const NS_PER_SECOND = 1e9;

/** A usual frequency of the timer's input, and what CPUID leaf 40000010h should tell the guest. */
export const APIC_TIMER_HZ = 1_000_000_000;

export interface LocalApicOptions {
  /** APIC ID. Only IDs below 255 can be addressed in xAPIC mode. */
  readonly id: number;
  /** Whether this is the CPU that starts the machine. */
  readonly isBootstrap: boolean;
  readonly cpu: CpuPins;
  readonly bus: ApicBus;
  readonly clock: Clock;
  /** Frequency of the timer before its divider; {@link APIC_TIMER_HZ}. */
  readonly timerHz: number;
  /** The guest's TSC; without it, one that started with the clock. */
  readonly tsc?: GuestTsc;
  /** The PIC's INTA cycle: its vector. */
  readonly acknowledgeExternal: () => number;
  /** Told the register page's new address, or undefined when the page is gone (disabled, or x2APIC mode). */
  readonly onPageChange?: (physical: number | undefined) => void;
}

export class LocalApic implements ApicTarget, Stateful {
  readonly id: number;
  /** The pins LINT0, which the PIC drives, and LINT1, the NMI. */
  readonly lint0: IrqLine = { set: (asserted) => this.#setLint(0, asserted) };
  readonly lint1: IrqLine = { set: (asserted) => this.#setLint(1, asserted) };
  readonly timer: ApicTimer;

  readonly #cpu: CpuPins;
  readonly #bus: ApicBus;
  readonly #acknowledgeExternal: () => number;
  readonly #onPageChange: (physical: number | undefined) => void;
  readonly #isr = new VectorSet();
  readonly #tmr = new VectorSet();
  readonly #irr = new VectorSet();
  readonly #vectors: LocalVectors;
  #baseLow: number;
  #baseHigh = 0;
  #tpr = 0;
  #ldr = 0;
  #dfr = 0;
  #svr = SPURIOUS_RESET;
  #icrLow = 0;
  #icrHigh = 0;
  #esr = 0;
  /** Errors since ESR was last written. */
  #errors = 0;
  /** An ExtINT message from the IOAPIC. */
  #isExternalPending = false;
  #isIntrHigh = false;

  constructor(options: LocalApicOptions) {
    const { clock } = options;
    this.id = options.id;
    this.#cpu = options.cpu;
    this.#bus = options.bus;
    this.#acknowledgeExternal = options.acknowledgeExternal;
    this.#onPageChange = options.onPageChange ?? (() => {});
    this.#baseLow = (R.APIC_DEFAULT_BASE | R.BASE_ENABLE | (options.isBootstrap ? R.BASE_BSP : 0)) >>> 0;
    const tsc = options.tsc ?? { now: () => BigInt(Math.floor((clock.nowNs() * clock.tscHz) / NS_PER_SECOND)) };
    this.#vectors = new LocalVectors((delivery, vector, isLevel) =>
      this.deliver({ destination: this.id, isLogical: false, isWide: true, delivery, vector, isLevel }),
    );
    this.timer = new ApicTimer(`apic ${options.id}`, clock, tsc, options.timerHz, () => this.#raiseLocal(R.LVT_TIMER));
    this.#bus.addTarget(this);
    this.#reset();
  }

  // What the CPU asks

  /** Whether {@link acknowledge} would give a vector. The CPU also learns by {@link CpuPins.setIntr}. */
  hasInterrupt(): boolean {
    return this.#hasExternal() || this.#nextVector() >= 0;
  }

  /** The CPU takes the interrupt: its vector, now in service; -1 when there is none any more. */
  acknowledge(): number {
    if (this.#hasExternal()) {
      this.#isExternalPending = false;
      const vector = this.#acknowledgeExternal();
      this.#update();
      return vector;
    }
    const vector = this.#nextVector();
    if (vector >= 0) {
      this.#irr.delete(vector);
      this.#isr.add(vector);
      this.#update();
    }
    return vector;
  }

  /** Task priority, 0–255. */
  get tpr(): number {
    return this.#tpr;
  }
  set tpr(value: number) {
    this.#tpr = value & 0xff;
    this.#update();
  }

  /** CR8: bits 7–4 of the task priority (§11.8.6). */
  get cr8(): number {
    return this.#tpr >> 4;
  }
  set cr8(value: number) {
    this.tpr = (value & 0xf) << 4;
  }

  /** Sets LINT0 to ExtINT and LINT1 to NMI, as firmware leaves the boot CPU: virtual wire mode (MultiProcessor Specification 1.4 §3.6.2.2). */
  enableVirtualWire(): void {
    this.spurious = R.SVR_ENABLE | SPURIOUS_RESET;
    this.setLvt(R.LVT_LINT0, R.Delivery.EXTINT << R.LVT_DELIVERY_SHIFT);
    this.setLvt(R.LVT_LINT1, R.Delivery.NMI << R.LVT_DELIVERY_SHIFT);
  }

  // What the bus asks

  get isEnabled(): boolean {
    return (this.#baseLow & R.BASE_ENABLE) !== 0;
  }

  get isX2Apic(): boolean {
    return this.isEnabled && (this.#baseLow & R.BASE_X2APIC) !== 0;
  }

  get canArbitrate(): boolean {
    return this.isEnabled && this.#isSoftwareEnabled();
  }

  /** PPR (§11.8.3.1). */
  get processorPriority(): number {
    const serviceClass = Math.max(0, this.#isr.highest()) & PRIORITY_CLASS;
    return (this.#tpr & PRIORITY_CLASS) >= serviceClass ? this.#tpr : serviceClass;
  }

  matches({ destination, isLogical, isWide }: InterruptMessage): boolean {
    if (!this.isEnabled) return false;
    const isBroadcast = destination === (isWide ? R.X2APIC_BROADCAST : R.XAPIC_BROADCAST);
    if (!isLogical) return isBroadcast || destination === this.id;
    if (this.isX2Apic) {
      if (isWide && isBroadcast) return true;
      return (
        destination >>> 16 === this.logicalDestination >>> 16 && (destination & this.logicalDestination & 0xffff) !== 0
      );
    }
    const own = this.#ldr >>> R.XAPIC_ID_SHIFT;
    if (this.#dfr >>> R.DFR_MODEL_SHIFT !== R.DFR_CLUSTER) return (destination & own & 0xff) !== 0;
    const cluster = (destination >> 4) & 0xf;
    return (cluster === 0xf || cluster === own >> 4) && (destination & own & 0xf) !== 0;
  }

  deliver({ delivery, vector, isLevel }: InterruptMessage): boolean {
    switch (delivery) {
      case R.Delivery.FIXED:
      case R.Delivery.LOWEST_PRIORITY:
        return this.#accept(vector, isLevel);
      case R.Delivery.NMI:
        this.#cpu.nmi();
        return true;
      case R.Delivery.INIT:
        this.#reset();
        this.#cpu.init();
        return true;
      case R.Delivery.STARTUP:
        this.#cpu.sipi(vector);
        return true;
      case R.Delivery.EXTINT:
        this.#isExternalPending = true;
        this.#update();
        return true;
      default: // SMI: there is no SMM; 3 is reserved
        return false;
    }
  }

  // What the registers hold (access.ts)

  get version(): number {
    return R.VERSION_VALUE;
  }

  /** LDR; in x2APIC mode it follows from the ID (§11.12.10.2). */
  get logicalDestination(): number {
    return this.isX2Apic ? (((this.id >>> 4) << 16) | (1 << (this.id & 0xf))) >>> 0 : this.#ldr;
  }
  set logicalDestination(value: number) {
    this.#ldr = ((value >>> R.XAPIC_ID_SHIFT) << R.XAPIC_ID_SHIFT) >>> 0;
  }

  get destinationFormat(): number {
    return this.#dfr;
  }
  set destinationFormat(value: number) {
    this.#dfr = (value | R.DFR_RESERVED_ONES) >>> 0;
  }

  get spurious(): number {
    return this.#svr;
  }
  /** Disabling the APIC by software masks all of the LVT (§11.4.7.2). */
  set spurious(value: number) {
    this.#svr = value & R.SVR_WRITABLE;
    if (!this.#isSoftwareEnabled()) this.#vectors.maskAll();
    this.#update();
  }

  get errorStatus(): number {
    return this.#esr;
  }

  /** A write to ESR, of any value, shows the errors since the last one (§11.5.3). */
  latchErrors(): void {
    this.#esr = this.#errors;
    this.#errors = 0;
  }

  reportError(error: number): void {
    const isNew = (this.#errors & error) === 0;
    this.#errors |= error;
    if (isNew) this.#raiseLocal(R.LVT_ERROR);
  }

  get commandLow(): number {
    return this.#icrLow;
  }

  get commandHigh(): number {
    return this.#icrHigh;
  }
  set commandHigh(value: number) {
    this.#icrHigh = value >>> 0;
  }

  lvt(register: number): number {
    return this.#vectors.get(register);
  }

  setLvt(register: number, value: number): void {
    this.#vectors.set(register, value, this.#isSoftwareEnabled());
    if (register === R.LVT_TIMER) this.timer.mode = (value >> R.LVT_TIMER_MODE_SHIFT) & R.LVT_TIMER_MODE_MASK;
    this.#update();
  }

  /** ISR, TMR or IRR as a register shows 32 bits of it. */
  vectorWord(firstRegister: number, index: number): number {
    const set = firstRegister === R.ISR_0 ? this.#isr : firstRegister === R.TMR_0 ? this.#tmr : this.#irr;
    return set.word(index);
  }

  /** EOI: ends the highest interrupt in service and tells the IOAPICs of a level-triggered one (§11.8.5). */
  endOfInterrupt(): void {
    const vector = this.#isr.highest();
    if (vector < 0) return;
    this.#isr.delete(vector);
    if (this.#tmr.has(vector)) {
      this.#vectors.endOfInterrupt(vector);
      this.#bus.broadcastEoi(vector);
    }
    this.#update();
  }

  /** Sends an IPI as a write to ICR does (§11.6.1). */
  sendCommand(low: number): void {
    this.#icrLow = (low & R.ICR_LOW_WRITABLE) >>> 0;
    const delivery = (low >> R.LVT_DELIVERY_SHIFT) & R.LVT_DELIVERY_MASK;
    const vector = low & R.VECTOR_MASK;
    if (delivery === R.Delivery.INIT && (low & R.ICR_LEVEL) !== 0 && (low & R.ICR_ASSERT) === 0) return; // INIT level de-assert only synchronised arbitration IDs
    if ((delivery === R.Delivery.FIXED || delivery === R.Delivery.LOWEST_PRIORITY) && vector < R.FIRST_LEGAL_VECTOR) {
      this.reportError(R.ESR_SEND_ILLEGAL_VECTOR);
      return;
    }
    const message: InterruptMessage = {
      destination: this.isX2Apic ? this.#icrHigh : this.#icrHigh >>> R.XAPIC_ID_SHIFT,
      isLogical: (low & R.ICR_LOGICAL) !== 0,
      isWide: this.isX2Apic,
      delivery,
      vector,
      isLevel: false, // IPIs are edge-triggered whatever the bit says, except the INIT de-assert
    };
    const shorthand = (low >> R.ICR_SHORTHAND_SHIFT) & R.ICR_SHORTHAND_MASK;
    if (shorthand === R.SHORTHAND_NONE) this.#bus.send(message);
    else this.#bus.sendShorthand(message, shorthand, this);
  }

  /** Sends a fixed interrupt to itself as a write to SELF IPI does (§11.12.11); ICR keeps what it shows. */
  sendSelf(vector: number): void {
    if (vector < R.FIRST_LEGAL_VECTOR) this.reportError(R.ESR_SEND_ILLEGAL_VECTOR);
    else this.#accept(vector, false);
  }

  /** IA32_APIC_BASE, as its two halves. */
  get baseLow(): number {
    return this.#baseLow;
  }
  get baseHigh(): number {
    return this.#baseHigh;
  }

  /** Writes IA32_APIC_BASE; false for a reserved bit or a transition that faults (§11.12.5.1). */
  setBase(low: number, high: number): boolean {
    const known = R.BASE_ADDRESS_LOW | R.BASE_ENABLE | R.BASE_X2APIC | R.BASE_BSP;
    if ((low & ~known) !== 0 || (high & ~R.BASE_ADDRESS_HIGH) !== 0) return false;
    const enables = (low & R.BASE_ENABLE) !== 0;
    const extends2 = (low & R.BASE_X2APIC) !== 0;
    if (extends2 && (!enables || !this.isEnabled)) return false;
    if (!extends2 && enables && this.isX2Apic) return false;
    const wasEnabled = this.isEnabled;
    this.#baseLow = ((low & ~R.BASE_BSP) | (this.#baseLow & R.BASE_BSP)) >>> 0;
    this.#baseHigh = high >>> 0;
    if (wasEnabled && !enables) this.#reset();
    this.#announcePage();
    this.#update();
    return true;
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      baseLow: this.#baseLow,
      baseHigh: this.#baseHigh,
      tpr: this.#tpr,
      ldr: this.#ldr,
      dfr: this.#dfr,
      svr: this.#svr,
      icrLow: this.#icrLow,
      icrHigh: this.#icrHigh,
      esr: this.#esr,
      errors: this.#errors,
      isr: this.#isr.toArray(),
      tmr: this.#tmr.toArray(),
      irr: this.#irr.toArray(),
      vectors: this.#vectors.save(),
      isExternalPending: this.#isExternalPending,
      timer: this.timer.save(),
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader(`apic ${this.id}`, state, STATE_VERSION);
    this.#baseLow = reader.int('baseLow');
    this.#baseHigh = reader.int('baseHigh', R.BASE_ADDRESS_HIGH);
    this.#tpr = reader.int('tpr', 0xff);
    this.#ldr = reader.int('ldr');
    this.#dfr = reader.int('dfr');
    this.#svr = reader.int('svr', R.SVR_WRITABLE);
    this.#icrLow = reader.int('icrLow');
    this.#icrHigh = reader.int('icrHigh');
    this.#esr = reader.int('esr', 0xff);
    this.#errors = reader.int('errors', 0xff);
    this.#isr.assign(reader.ints('isr', R.VECTOR_WORDS));
    this.#tmr.assign(reader.ints('tmr', R.VECTOR_WORDS));
    this.#irr.assign(reader.ints('irr', R.VECTOR_WORDS));
    this.#vectors.load(reader.part('vectors'));
    this.#isExternalPending = reader.boolean('isExternalPending');
    this.timer.load(reader.part('timer'));
    this.#announcePage();
    this.#isIntrHigh = this.hasInterrupt();
    this.#cpu.setIntr(this.#isIntrHigh);
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  /** State after power-up and INIT (§11.4.7.1, §11.4.7.3); the ID and the base register stay. */
  #reset(): void {
    this.#isr.clear();
    this.#tmr.clear();
    this.#irr.clear();
    this.#vectors.reset();
    this.#tpr = 0;
    this.#ldr = 0;
    this.#dfr = 0xffffffff;
    this.#svr = SPURIOUS_RESET;
    this.#icrLow = 0;
    this.#icrHigh = 0;
    this.#esr = 0;
    this.#errors = 0;
    this.#isExternalPending = false;
    this.timer.reset();
    this.#update();
  }

  #isSoftwareEnabled(): boolean {
    return (this.#svr & R.SVR_ENABLE) !== 0;
  }

  #announcePage(): void {
    const physical = this.#baseHigh * 2 ** 32 + ((this.#baseLow & R.BASE_ADDRESS_LOW) >>> 0);
    this.#onPageChange(this.isEnabled && !this.isX2Apic ? physical : undefined);
  }

  #accept(vector: number, isLevel: boolean): boolean {
    if (!this.#isSoftwareEnabled()) return false;
    if (vector < R.FIRST_LEGAL_VECTOR) {
      this.reportError(R.ESR_RECEIVE_ILLEGAL_VECTOR);
      return false;
    }
    this.#irr.add(vector);
    if (isLevel) this.#tmr.add(vector);
    else this.#tmr.delete(vector);
    this.#update();
    return true;
  }

  /** An event inside the APIC: timer or error. */
  #raiseLocal(register: number): void {
    const entry = this.lvt(register);
    if ((entry & R.LVT_MASKED) !== 0) return;
    // An error entry with an illegal vector must not report itself.
    if (register === R.LVT_ERROR && (entry & R.VECTOR_MASK) < R.FIRST_LEGAL_VECTOR)
      this.#errors |= R.ESR_RECEIVE_ILLEGAL_VECTOR;
    else this.#accept(entry & R.VECTOR_MASK, false);
  }

  #setLint(pin: LintPin, asserted: boolean): void {
    const rises = this.#vectors.setPin(pin, asserted);
    if (rises && this.isEnabled) this.#vectors.servePin(pin);
    else if (rises && pin === 1) this.#cpu.nmi(); // without an APIC the pins are INTR and NMI (§11.4.3)
    this.#update();
  }

  #hasExternal(): boolean {
    return this.#isExternalPending || (this.isEnabled ? this.#vectors.hasExternal() : this.#vectors.isHigh(0));
  }

  /** The vector that outranks the processor's priority, or -1 (§11.8.3). */
  #nextVector(): number {
    if (!this.isEnabled) return -1;
    const vector = this.#irr.highest();
    return vector >= 0 && (vector & PRIORITY_CLASS) > (this.processorPriority & PRIORITY_CLASS) ? vector : -1;
  }

  #update(): void {
    const isHigh = this.hasInterrupt();
    if (isHigh === this.#isIntrHigh) return;
    this.#isIntrHigh = isHigh;
    this.#cpu.setIntr(isHigh);
  }
}
