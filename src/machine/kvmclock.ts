/**
 * The KVM paravirt clock (Linux Documentation/virt/kvm/x86/msr.rst and cpuid.rst): the guest names a place in its memory,
 * and we write there how TSC ticks become nanoseconds and when the machine was powered on. Our TSC is constant, so one
 * write is enough. Also takes the MSR that controls polling at HLT, which changes nothing here.
 */
import { GuestAddressError, type GuestMemory } from '../devices/bus.ts';

export const MSR_KVM_WALL_CLOCK = 0x11;
export const MSR_KVM_SYSTEM_TIME = 0x12;
export const MSR_KVM_WALL_CLOCK_NEW = 0x4b564d00;
export const MSR_KVM_SYSTEM_TIME_NEW = 0x4b564d01;
export const MSR_KVM_POLL_CONTROL = 0x4b564d05;

const SYSTEM_TIME_ENABLE = 1;
/** pvclock_vcpu_time_info. */
const TIME_INFO_BYTES = 32;
const TIME_INFO_VERSION = 0;
const TIME_INFO_TSC_TIMESTAMP = 8;
const TIME_INFO_SYSTEM_TIME = 16;
const TIME_INFO_TSC_TO_SYSTEM_MUL = 24;
const TIME_INFO_TSC_SHIFT = 28;
const TIME_INFO_FLAGS = 29;
const FLAG_TSC_STABLE = 1;
/** pvclock_wall_clock: version, seconds, nanoseconds. */
const WALL_CLOCK_BYTES = 12;
const WALL_CLOCK_SECONDS = 4;
const WALL_CLOCK_NANOSECONDS = 8;

const NS_PER_SECOND = 1_000_000_000n;
const MS_PER_SECOND = 1000;
const NS_PER_MS = 1_000_000;
/** Versions are even when the content is valid; one that differs from zero, which memory holds anyway. */
const FIRST_VERSION = 2;
const ADDRESS_HIGH = 2 ** 32;

/** The factor by which ticks become nanoseconds: ((ticks << shift) * multiplier) >> 32, with a right shift if negative. */
export interface TscScale {
  readonly multiplier: number;
  readonly shift: number;
}

/** The most exact scale for a frequency: a multiplier with its top bit set. */
export function tscScale(tscHz: number): TscScale {
  // multiplier / 2^32 * 2^shift = 1e9 / tscHz, with the multiplier in [2^31, 2^32)
  let shift = 0;
  let multiplier = (NS_PER_SECOND << 32n) / BigInt(tscHz);
  while (multiplier >= 1n << 32n) {
    multiplier >>= 1n;
    shift++;
  }
  while (multiplier < 1n << 31n) {
    shift--;
    multiplier = (NS_PER_SECOND << BigInt(32 - shift)) / BigInt(tscHz);
  }
  return { multiplier: Number(multiplier), shift };
}

export interface KvmClockOptions {
  readonly memory: GuestMemory;
  readonly tscHz: number;
  /** Machine time in nanoseconds, and the guest's TSC at that time. */
  readonly now: () => { nowNs: number; guestTsc: bigint };
  /** Unix time of power-on in milliseconds. */
  readonly bootUnixMs: () => number;
}

export class KvmClock {
  readonly #options: KvmClockOptions;
  readonly #scale: TscScale;

  constructor(options: KvmClockOptions) {
    this.#options = options;
    this.#scale = tscScale(options.tscHz);
  }

  /** A guest wrote one of the paravirt MSRs; false when there is no such MSR. A place that is not RAM gets nothing. */
  write(msr: number, low: number, high: number): boolean {
    switch (msr) {
      case MSR_KVM_SYSTEM_TIME:
      case MSR_KVM_SYSTEM_TIME_NEW:
        if ((low & SYSTEM_TIME_ENABLE) !== 0)
          this.#store(high * ADDRESS_HIGH + ((low & ~SYSTEM_TIME_ENABLE) >>> 0), this.#timeInfo());
        return true;
      case MSR_KVM_WALL_CLOCK:
      case MSR_KVM_WALL_CLOCK_NEW:
        this.#store(high * ADDRESS_HIGH + low, this.#wallClock());
        return true;
      case MSR_KVM_POLL_CONTROL:
        return true;
      default:
        return false;
    }
  }

  #timeInfo(): Uint8Array {
    const bytes = new Uint8Array(TIME_INFO_BYTES);
    const view = new DataView(bytes.buffer);
    const { nowNs, guestTsc } = this.#options.now();
    view.setUint32(TIME_INFO_VERSION, FIRST_VERSION, true);
    view.setBigUint64(TIME_INFO_TSC_TIMESTAMP, BigInt.asUintN(64, guestTsc), true);
    view.setBigUint64(TIME_INFO_SYSTEM_TIME, BigInt(Math.floor(nowNs)), true);
    view.setUint32(TIME_INFO_TSC_TO_SYSTEM_MUL, this.#scale.multiplier, true);
    view.setInt8(TIME_INFO_TSC_SHIFT, this.#scale.shift);
    view.setUint8(TIME_INFO_FLAGS, FLAG_TSC_STABLE);
    return bytes;
  }

  #wallClock(): Uint8Array {
    const bytes = new Uint8Array(WALL_CLOCK_BYTES);
    const view = new DataView(bytes.buffer);
    const bootUnixMs = this.#options.bootUnixMs();
    view.setUint32(0, FIRST_VERSION, true);
    view.setUint32(WALL_CLOCK_SECONDS, Math.floor(bootUnixMs / MS_PER_SECOND), true);
    view.setUint32(WALL_CLOCK_NANOSECONDS, Math.floor((bootUnixMs % MS_PER_SECOND) * NS_PER_MS), true);
    return bytes;
  }

  #store(physical: number, bytes: Uint8Array): void {
    try {
      this.#options.memory.write(physical, bytes);
    } catch (error) {
      if (!(error instanceof GuestAddressError)) throw error;
    }
  }
}
