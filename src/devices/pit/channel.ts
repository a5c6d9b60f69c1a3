/**
 * One counter of the 8254, modes 0–5. It keeps no running count: count and output are computed from the tick at which
 * the count was loaded. Intel 8254 data sheet (231164-005), "Mode Definitions". All times are in ticks of the input clock.
 */
import type { DeviceState } from '../bus.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const Mode = { TERMINAL_COUNT: 0, ONE_SHOT: 1, RATE: 2, SQUARE: 3, SOFTWARE_STROBE: 4, HARDWARE_STROBE: 5 } as const;
const BYTE = 0xff;
const WORD = 0xffff;
const BINARY_RANGE = 0x10000;
const BCD_RANGE = 10_000;
const MAX_TICK = Number.MAX_SAFE_INTEGER;

export class PitChannel {
  #mode: number = Mode.TERMINAL_COUNT;
  #access: number = R.ACCESS_WORD;
  #isBcd = false;
  /** The counting element's initial value; undefined until a count was written after a control word. */
  #count: number | undefined;
  /** The tick at which counting from `#count` began; in the triggered modes undefined until the gate rises. */
  #start: number | undefined;
  /** A new count that a periodic mode takes at the end of its period. */
  #next: { count: number; tick: number } | undefined;
  #gate: boolean;
  /** Ticks counted when the gate fell (modes 0 and 4), or when a two-byte write of mode 0 began. */
  #pausedElapsed: number | undefined;
  #writeLsb: number | undefined;
  #readsMsb = false;
  #latched: number | undefined;
  #status: number | undefined;

  constructor(gate: boolean) {
    this.#gate = gate;
  }

  /** Programs mode and access; counting stops until a count is written. */
  control(word: number): void {
    const mode = (word >> R.CONTROL_MODE_SHIFT) & R.CONTROL_MODE_MASK;
    this.#mode = mode > Mode.HARDWARE_STROBE ? mode & Mode.SQUARE : mode; // 6 and 7 are 2 and 3
    this.#access = (word >> R.CONTROL_ACCESS_SHIFT) & R.CONTROL_ACCESS_MASK;
    this.#isBcd = (word & R.CONTROL_BCD) !== 0;
    this.#count = undefined;
    this.#start = undefined;
    this.#next = undefined;
    this.#pausedElapsed = undefined;
    this.#writeLsb = undefined;
    this.#readsMsb = false;
    this.#latched = undefined;
    this.#status = undefined;
  }

  /** Writes a byte of the count. */
  write(byte: number, now: number): void {
    this.#settle(now);
    if (this.#access === R.ACCESS_LSB) this.#load(byte, now);
    else if (this.#access === R.ACCESS_MSB) this.#load(byte << 8, now);
    else if (this.#writeLsb === undefined) {
      this.#writeLsb = byte;
      // "Writing the first byte disables counting. OUT is set low immediately" (mode 0)
      if (this.#mode === Mode.TERMINAL_COUNT && this.#count !== undefined) {
        this.#pausedElapsed = 0;
        this.#start = now;
      }
    } else {
      const lsb = this.#writeLsb;
      this.#writeLsb = undefined;
      this.#load((byte << 8) | lsb, now);
    }
  }

  /** Reads a byte of the latched status, the latched count or the running count. */
  read(now: number): number {
    if (this.#status !== undefined) {
      const status = this.#status;
      this.#status = undefined;
      return status;
    }
    const value = this.#latched ?? this.#value(now);
    if (this.#access === R.ACCESS_LSB || this.#access === R.ACCESS_MSB) {
      this.#latched = undefined;
      return this.#access === R.ACCESS_LSB ? value & BYTE : value >> 8;
    }
    const byte = this.#readsMsb ? value >> 8 : value & BYTE;
    if (this.#readsMsb) this.#latched = undefined;
    this.#readsMsb = !this.#readsMsb;
    return byte;
  }

  /** Counter latch command; a second one before the read is ignored. */
  latchCount(now: number): void {
    this.#latched ??= this.#value(now);
  }

  /** Read-back of the status; a second one before the read is ignored. */
  latchStatus(now: number): void {
    if (this.#status !== undefined) return;
    this.#settle(now);
    const isNull = this.#count === undefined || this.#next !== undefined;
    this.#status =
      (this.output(now) ? R.STATUS_OUT : 0) |
      (isNull ? R.STATUS_NULL_COUNT : 0) |
      (this.#access << R.CONTROL_ACCESS_SHIFT) |
      (this.#mode << R.CONTROL_MODE_SHIFT) |
      (this.#isBcd ? R.CONTROL_BCD : 0);
  }

  setGate(gate: boolean, now: number): void {
    if (gate === this.#gate) return;
    this.#settle(now);
    const elapsed = this.#elapsed(now);
    this.#gate = gate;
    switch (this.#mode) {
      case Mode.TERMINAL_COUNT:
      case Mode.SOFTWARE_STROBE:
        if (this.#count === undefined || this.#writeLsb !== undefined) break;
        if (gate) this.#start = now - (this.#pausedElapsed ?? 0);
        this.#pausedElapsed = gate ? undefined : elapsed;
        break;
      default: // the others start anew when the gate rises; the periodic ones stop when it falls
        if (gate && this.#count !== undefined) {
          this.#count = this.#next?.count ?? this.#count;
          this.#next = undefined;
          this.#start = now + 1;
        } else if (!gate && (this.#mode === Mode.RATE || this.#mode === Mode.SQUARE)) {
          this.#pausedElapsed = elapsed;
        }
        if (gate) this.#pausedElapsed = undefined;
    }
  }

  /** The OUT pin. */
  output(now: number): boolean {
    this.#settle(now);
    const count = this.#count;
    if (this.#mode === Mode.TERMINAL_COUNT) return count !== undefined && this.#elapsed(now) >= count;
    if (count === undefined || this.#start === undefined) return true;
    const elapsed = this.#elapsed(now);
    switch (this.#mode) {
      case Mode.ONE_SHOT:
        return elapsed < 0 || elapsed >= count;
      case Mode.RATE:
        return !this.#gate || elapsed < 0 || elapsed % count !== count - 1;
      case Mode.SQUARE:
        return !this.#gate || elapsed < 0 || elapsed % count < Math.ceil(count / 2);
      default:
        return elapsed !== count;
    }
  }

  /** The first tick after `now` at which OUT rises, or undefined if it doesn't without more programming. */
  nextRise(now: number): number | undefined {
    this.#settle(now);
    const count = this.#count;
    const start = this.#start;
    if (count === undefined || start === undefined || this.#pausedElapsed !== undefined) return undefined;
    switch (this.#mode) {
      case Mode.TERMINAL_COUNT:
      case Mode.ONE_SHOT:
        return start + count > now ? start + count : undefined;
      case Mode.RATE:
      case Mode.SQUARE:
        return start + (Math.floor(Math.max(0, now - start) / count) + 1) * count;
      default:
        return start + count + 1 > now ? start + count + 1 : undefined;
    }
  }

  /** Ticks from one rise to the next, or undefined in the modes that don't repeat. */
  get periodTicks(): number | undefined {
    return this.#mode === Mode.RATE || this.#mode === Mode.SQUARE ? this.#count : undefined;
  }

  save(): DeviceState {
    return {
      mode: this.#mode,
      access: this.#access,
      isBcd: this.#isBcd,
      count: this.#count ?? null,
      start: this.#start ?? null,
      nextCount: this.#next?.count ?? null,
      nextTick: this.#next?.tick ?? null,
      gate: this.#gate,
      pausedElapsed: this.#pausedElapsed ?? null,
      writeLsb: this.#writeLsb ?? null,
      readsMsb: this.#readsMsb,
      latched: this.#latched ?? null,
      status: this.#status ?? null,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('pit', state);
    const optional = (key: string, max: number, min = 0) =>
      reader.optionalNumber(key) === undefined ? undefined : reader.int(key, max, min);
    this.#mode = reader.int('mode', Mode.HARDWARE_STROBE);
    this.#access = reader.int('access', R.ACCESS_WORD);
    this.#isBcd = reader.boolean('isBcd');
    this.#count = optional('count', BINARY_RANGE, 1);
    this.#start = optional('start', MAX_TICK, -MAX_TICK);
    const nextCount = optional('nextCount', BINARY_RANGE, 1);
    const nextTick = optional('nextTick', MAX_TICK, -MAX_TICK);
    this.#next = nextCount !== undefined && nextTick !== undefined ? { count: nextCount, tick: nextTick } : undefined;
    this.#gate = reader.boolean('gate');
    this.#pausedElapsed = optional('pausedElapsed', MAX_TICK, -MAX_TICK);
    this.#writeLsb = optional('writeLsb', BYTE);
    this.#readsMsb = reader.boolean('readsMsb');
    this.#latched = optional('latched', WORD);
    this.#status = optional('status', BYTE);
  }

  /** Takes a full count; what that starts depends on the mode. Counting begins with the next clock pulse. */
  #load(raw: number, now: number): void {
    let count = this.#isBcd ? fromBcd(raw) : raw;
    if (count === 0) count = this.#isBcd ? BCD_RANGE : BINARY_RANGE;
    // A count of 1 is illegal in these modes; real parts then count the whole range.
    if (count === 1 && (this.#mode === Mode.RATE || this.#mode === Mode.SQUARE)) count = BINARY_RANGE;
    switch (this.#mode) {
      case Mode.TERMINAL_COUNT:
      case Mode.SOFTWARE_STROBE:
        this.#count = count;
        this.#start = now + 1;
        this.#pausedElapsed = this.#gate ? undefined : 0;
        break;
      case Mode.ONE_SHOT:
      case Mode.HARDWARE_STROBE:
        if (this.#start === undefined) this.#count = count;
        else this.#next = { count, tick: MAX_TICK }; // taken by the next trigger
        break;
      default:
        if (this.#count === undefined || this.#start === undefined) {
          this.#count = count;
          this.#start = now + 1;
          this.#pausedElapsed = this.#gate ? undefined : 0;
        } else {
          this.#next = { count, tick: this.nextRise(now) ?? now + 1 };
        }
    }
  }

  /** Lets a periodic mode take its new count when the old period has ended. */
  #settle(now: number): void {
    if (this.#next === undefined || now < this.#next.tick || this.#pausedElapsed !== undefined) return;
    this.#count = this.#next.count;
    this.#start = this.#next.tick;
    this.#next = undefined;
  }

  #elapsed(now: number): number {
    if (this.#pausedElapsed !== undefined) return this.#pausedElapsed;
    return this.#start === undefined ? 0 : Math.max(-1, now - this.#start);
  }

  /** The counting element as the guest reads it. */
  #value(now: number): number {
    this.#settle(now);
    const range = this.#isBcd ? BCD_RANGE : BINARY_RANGE;
    if (this.#count === undefined) return 0;
    const elapsed = Math.max(0, this.#elapsed(now));
    let value: number;
    if (this.#start === undefined) value = this.#count;
    else if (this.#mode === Mode.RATE) value = this.#count - (elapsed % this.#count);
    else if (this.#mode === Mode.SQUARE) {
      const half = Math.ceil(this.#count / 2);
      const phase = elapsed % this.#count;
      value = (this.#count & ~1) - 2 * (phase < half ? phase : phase - half);
    } else value = this.#count - elapsed;
    value = ((value % range) + range) % range;
    return this.#isBcd ? toBcd(value) : value;
  }
}

function fromBcd(raw: number): number {
  const value = (raw & 0xf) + ((raw >> 4) & 0xf) * 10 + ((raw >> 8) & 0xf) * 100 + ((raw >> 12) & 0xf) * 1000;
  return value % BCD_RANGE; // digits above 9 are the guest's mistake
}

function toBcd(value: number): number {
  return (
    (value % 10) |
    ((Math.floor(value / 10) % 10) << 4) |
    ((Math.floor(value / 100) % 10) << 8) |
    (Math.floor(value / 1000) << 12)
  );
}
