/**
 * The real-time clock and CMOS RAM (MC146818A and the PC's additions): time of day, alarm, periodic and update-ended
 * interrupts on IRQ 8. Time follows the machine's clock; the flags of register C are worked out when they are read or
 * when an enabled interrupt is due, so an idle clock costs nothing. Leaves out daylight saving and the square-wave pin.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { Clock, Timer } from '../clock.ts';
import { LevelOutput } from '../irq-lines.ts';
import type { IrqLine } from '../irq.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import { decodeTime, encodeTime, nextAlarm, TIME_REGISTERS } from './calendar.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const NS_PER_SECOND = 1e9;
const NS_PER_MS = 1e6;
const MS_PER_SECOND = 1000;
/** A divider that leaves reset updates first after half a second (data sheet, "Divider Control"). */
const FIRST_UPDATE_NS = NS_PER_SECOND / 2;
const ENABLES = R.B_PERIODIC | R.B_ALARM | R.B_UPDATE_ENDED;
const MAX_UNIX_SECONDS = 1e12; // far beyond any year that the registers can hold

/** What the CMOS RAM tells firmware and old kernels about memory. */
export interface CmosMemory {
  /** RAM below 4 GiB, in bytes. */
  readonly lowBytes: number;
  /** RAM above 4 GiB, in bytes. */
  readonly highBytes: number;
}

export class Rtc implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #clock: Clock;
  readonly #irq: LevelOutput;
  readonly #timer: Timer;
  readonly #bytes = new Uint8Array(R.CMOS_BYTE_COUNT);
  #index = 0;
  #registerA = R.A_DIVIDER_NORMAL | 6; // 1,024 Hz, as a PC's firmware leaves it
  #registerB = R.B_24_HOUR;
  #flags = 0;
  /**
   * RTC time is `floor((nowNs + phase) / 1e9) + offset` seconds. Kept as two numbers, since Unix time in nanoseconds
   * does not fit in a double exactly.
   */
  #phaseNs: number;
  #offsetSeconds: number;
  /** Until when the flags of register C are worked out. */
  #flagsUntilNs: number;

  /** @param irq the wire of IRQ 8. */
  constructor(clock: Clock, irq: IrqLine, memory: CmosMemory) {
    this.#clock = clock;
    this.#irq = new LevelOutput(irq);
    this.#timer = clock.createTimer('rtc', () => this.#fire());
    this.#offsetSeconds = Math.floor(clock.bootUnixMs / MS_PER_SECOND);
    this.#phaseNs = Math.floor((clock.bootUnixMs % MS_PER_SECOND) * NS_PER_MS);
    this.#flagsUntilNs = clock.nowNs();
    describeMemory(this.#bytes, memory);
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(R.RTC_INDEX, 2, this);
  }

  portRead(port: number, _size: AccessSize): number {
    if (port === R.RTC_INDEX) return 0xff; // write-only in a PC
    switch (this.#index) {
      case R.REGISTER_A:
        return this.#registerA | (this.#isUpdating() ? R.A_UPDATE_IN_PROGRESS : 0);
      case R.REGISTER_B:
        return this.#registerB;
      case R.REGISTER_C:
        return this.#readFlags();
      case R.REGISTER_D:
        return R.D_VALID;
      default:
        if (isTime(this.#index)) this.#refreshTime();
        return this.#bytes[this.#index] ?? 0;
    }
  }

  portWrite(port: number, _size: AccessSize, value: number): void {
    if (port === R.RTC_INDEX) {
      this.#index = value & R.RTC_INDEX_MASK;
      return;
    }
    switch (this.#index) {
      case R.REGISTER_A:
        this.#change(() => (this.#registerA = value & ~R.A_UPDATE_IN_PROGRESS));
        break;
      case R.REGISTER_B:
        // "SET ... clears the update-ended interrupt enable"
        this.#change(() => (this.#registerB = (value & R.B_SET) !== 0 ? value & ~R.B_UPDATE_ENDED : value));
        break;
      case R.REGISTER_C:
      case R.REGISTER_D:
        break; // read-only
      default:
        if (isTime(this.#index)) this.#writeTime(value);
        else this.#change(() => (this.#bytes[this.#index] = value));
    }
  }

  /** The time of day jumps by so many milliseconds, as a battery's clock that went on while the machine was saved. */
  shift(byMs: number): void {
    this.#change(() => {
      const phaseNs = this.#phaseNs + Math.round(byMs * NS_PER_MS);
      this.#phaseNs = positiveModulo(phaseNs, NS_PER_SECOND);
      this.#offsetSeconds += Math.floor(phaseNs / NS_PER_SECOND);
    });
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      bytes: this.#bytes.slice(),
      index: this.#index,
      registerA: this.#registerA,
      registerB: this.#registerB,
      flags: this.#flags,
      phaseNs: this.#phaseNs,
      offsetSeconds: this.#offsetSeconds,
      flagsUntilNs: this.#flagsUntilNs,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('rtc', state, STATE_VERSION);
    this.#irq.forget();
    this.#bytes.fill(0);
    this.#bytes.set(reader.bytes('bytes', R.CMOS_BYTE_COUNT));
    this.#index = reader.int('index', R.RTC_INDEX_MASK);
    this.#registerA = reader.int('registerA', 0xff) & ~R.A_UPDATE_IN_PROGRESS;
    this.#registerB = reader.int('registerB', 0xff);
    this.#flags = reader.int('flags', 0xff);
    this.#phaseNs = reader.int('phaseNs', NS_PER_SECOND);
    this.#offsetSeconds = reader.int('offsetSeconds', MAX_UNIX_SECONDS, -MAX_UNIX_SECONDS);
    this.#flagsUntilNs = reader.number('flagsUntilNs');
    this.#update();
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  /** Time stands still while the guest sets it or holds the divider. */
  #isFrozen(): boolean {
    return (this.#registerB & R.B_SET) !== 0 || this.#isDividerHeld();
  }

  #isDividerHeld(): boolean {
    return (this.#registerA & R.A_DIVIDER_RESET) === R.A_DIVIDER_RESET;
  }

  /** The divider chain's time in ns; its whole seconds are updates. */
  #dividerNs(machineNs: number): number {
    return machineNs + this.#phaseNs;
  }

  /** RTC time in Unix seconds. */
  #unixSeconds(machineNs: number): number {
    return Math.floor(this.#dividerNs(machineNs) / NS_PER_SECOND) + this.#offsetSeconds;
  }

  #isUpdating(): boolean {
    if (this.#isFrozen()) return false;
    const phaseNs = this.#dividerNs(this.#clock.nowNs()) % NS_PER_SECOND;
    return phaseNs >= NS_PER_SECOND - R.UPDATE_WARNING_NS - R.UPDATE_NS;
  }

  #refreshTime(): void {
    if (!this.#isFrozen()) encodeTime(this.#unixSeconds(this.#clock.nowNs()), this.#registerB, this.#bytes);
  }

  #writeTime(value: number): void {
    this.#change(() => {
      this.#refreshTime();
      this.#bytes[this.#index] = value;
      if (!this.#isFrozen()) this.#adoptTime();
    });
  }

  /** Runs on from the time in the registers, keeping the phase within the second. */
  #adoptTime(): void {
    const dividerSeconds = Math.floor(this.#dividerNs(this.#clock.nowNs()) / NS_PER_SECOND);
    this.#offsetSeconds = decodeTime(this.#bytes, this.#registerB) - dividerSeconds;
  }

  /** Changes a register: works out the flags up to now, applies it, freezes or restarts time, arms the timer anew. */
  #change(apply: () => void): void {
    this.#collectFlags();
    this.#refreshTime();
    const wasFrozen = this.#isFrozen();
    const wasHeld = this.#isDividerHeld();
    apply();
    if (wasHeld && !this.#isDividerHeld())
      this.#phaseNs = positiveModulo(FIRST_UPDATE_NS - Math.floor(this.#clock.nowNs()), NS_PER_SECOND);
    if (wasFrozen && !this.#isFrozen()) this.#adoptTime();
    this.#update();
  }

  #readFlags(): number {
    this.#collectFlags();
    this.#update();
    const flags = this.#flags | ((this.#flags & this.#registerB & ENABLES) !== 0 ? R.C_REQUEST : 0);
    this.#flags = 0;
    this.#update();
    return flags;
  }

  /** Sets the flags of what happened since they were last worked out. */
  #collectFlags(): void {
    const nowNs = this.#clock.nowNs();
    const sinceNs = this.#flagsUntilNs;
    this.#flagsUntilNs = nowNs;
    if (nowNs <= sinceNs) return;
    const periodNs = this.#periodNs();
    if (
      periodNs !== undefined &&
      Math.floor(this.#dividerNs(nowNs) / periodNs) > Math.floor(this.#dividerNs(sinceNs) / periodNs)
    )
      this.#flags |= R.C_PERIODIC;
    if (this.#isFrozen()) return;
    const since = this.#unixSeconds(sinceNs);
    const now = this.#unixSeconds(nowNs);
    if (now <= since) return;
    this.#flags |= R.C_UPDATE_ENDED;
    const alarm = nextAlarm(since, this.#bytes, this.#registerB);
    if (alarm !== undefined && alarm <= now) this.#flags |= R.C_ALARM;
  }

  /** The periodic interrupt's period (data sheet, table 5): rates 1 and 2 are those of 8 and 9. */
  #periodNs(): number | undefined {
    const rate = this.#registerA & R.A_RATE;
    if (rate === 0 || this.#isDividerHeld()) return undefined;
    return (NS_PER_SECOND * 2 ** ((rate <= 2 ? rate + 7 : rate) - 1)) / R.CRYSTAL_HZ;
  }

  #fire(): void {
    this.#collectFlags();
    this.#update();
  }

  /** Drives IRQ 8 and arms the timer for the next enabled event that is not flagged yet. */
  #update(): void {
    this.#irq.set((this.#flags & this.#registerB & ENABLES) !== 0);
    const waitsFor = this.#registerB & ENABLES & ~this.#flags;
    if (waitsFor === 0) {
      this.#timer.cancel();
      return;
    }
    const dividerNs = this.#dividerNs(this.#flagsUntilNs);
    const second = this.#unixSeconds(this.#flagsUntilNs);
    let nextNs = Infinity; // in divider time
    const periodNs = this.#periodNs();
    if ((waitsFor & R.B_PERIODIC) !== 0 && periodNs !== undefined)
      nextNs = (Math.floor(dividerNs / periodNs) + 1) * periodNs;
    if (!this.#isFrozen()) {
      if ((waitsFor & R.B_UPDATE_ENDED) !== 0)
        nextNs = Math.min(nextNs, (Math.floor(dividerNs / NS_PER_SECOND) + 1) * NS_PER_SECOND);
      const alarm = (waitsFor & R.B_ALARM) !== 0 ? nextAlarm(second, this.#bytes, this.#registerB) : undefined;
      if (alarm !== undefined) nextNs = Math.min(nextNs, (alarm - this.#offsetSeconds) * NS_PER_SECOND);
    }
    if (nextNs === Infinity) this.#timer.cancel();
    else this.#timer.arm(Math.max(Math.ceil(nextNs - this.#phaseNs), this.#clock.nowNs() + 1));
  }
}

function isTime(index: number): boolean {
  return (TIME_REGISTERS as readonly number[]).includes(index);
}

function positiveModulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}

function describeMemory(bytes: Uint8Array, { lowBytes, highBytes }: CmosMemory): void {
  const setWord = (index: number, value: number) => {
    bytes[index] = value & 0xff;
    bytes[index + 1] = (value >> 8) & 0xff;
  };
  const KIB = 1024;
  const MIB = KIB * KIB;
  const units = (byteCount: number, unit: number) => Math.max(0, Math.floor(byteCount / unit));
  const extendedKib = Math.min(0xffff, units(lowBytes - MIB, KIB));
  bytes[R.EQUIPMENT] = R.EQUIPMENT_FPU;
  setWord(R.BASE_MEMORY_LOW, 640);
  setWord(R.EXTENDED_MEMORY_LOW, extendedKib);
  setWord(R.EXTENDED_MEMORY_LOW_2, extendedKib);
  setWord(R.MEMORY_ABOVE_16M_LOW, Math.min(0xffff, units(lowBytes - 16 * MIB, 64 * KIB)));
  const high = units(highBytes, 64 * KIB);
  setWord(R.MEMORY_ABOVE_4G_LOW, high);
  bytes[R.MEMORY_ABOVE_4G_LOW + 2] = (high >> 16) & 0xff;
  let sum = 0;
  for (let index = R.CHECKSUM_FIRST; index <= R.CHECKSUM_LAST; index++) sum += bytes[index] ?? 0;
  bytes[R.CHECKSUM_HIGH] = (sum >> 8) & 0xff;
  bytes[R.CHECKSUM_LOW] = sum & 0xff;
}
