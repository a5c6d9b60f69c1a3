/**
 * Reads a device's saved state. A snapshot file is hostile input: every field is checked for presence, type and range
 * before a device takes it over, and what does not fit is a BAD_STATE error that names the device and the field.
 */
import { VivariumError } from '../util/errors.ts';
import type { DeviceState, StateValue } from './bus.ts';

const UINT32_MAX = 0xffffffff;

/** Typed, checked access to one {@link DeviceState}. Every method throws a {@link VivariumError} (BAD_STATE) on a bad field. */
export class StateReader {
  readonly #device: string;
  readonly #state: DeviceState;

  /** @param version the only version that the device reads, or undefined for a part of a state that has none. */
  constructor(device: string, state: DeviceState, version?: number) {
    this.#device = device;
    this.#state = state;
    if (version !== undefined && state['version'] !== version) {
      throw new VivariumError(
        'BAD_STATE',
        `the saved state of ${device} has version ${String(state['version'])}, but this build reads ${version}: save it again with this build`,
      );
    }
  }

  /** An integer in [min, max]. */
  int(key: string, max = UINT32_MAX, min = 0): number {
    const value = this.#state[key];
    return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : this.#refuse(key);
  }

  /** Any finite number. */
  number(key: string): number {
    const value = this.#state[key];
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#refuse(key);
  }

  /** A finite number, or null read as undefined. */
  optionalNumber(key: string): number | undefined {
    return this.#state[key] === null ? undefined : this.number(key);
  }

  boolean(key: string): boolean {
    const value = this.#state[key];
    return typeof value === 'boolean' ? value : this.#refuse(key);
  }

  /** An unsigned integer of at most 64 bits. */
  uint64(key: string): bigint {
    const value = this.#state[key];
    return typeof value === 'bigint' && value >= 0n && value < 1n << 64n ? value : this.#refuse(key);
  }

  /** Exactly `count` integers in [0, max]. */
  ints(key: string, count: number, max = UINT32_MAX): number[] {
    const values = this.intsUpTo(key, count, max);
    return values.length === count ? values : this.#refuse(key);
  }

  /** At most `maxCount` integers in [0, max]. */
  intsUpTo(key: string, maxCount: number, max = UINT32_MAX): number[] {
    const value = this.#state[key];
    if (!Array.isArray(value) || value.length > maxCount) return this.#refuse(key);
    return value.map((item) =>
      typeof item === 'number' && Number.isInteger(item) && item >= 0 && item <= max ? item : this.#refuse(key),
    );
  }

  /** At most `maxCount` bytes, copied. */
  bytes(key: string, maxCount: number): Uint8Array {
    const value = this.#state[key];
    return value instanceof Uint8Array && value.length <= maxCount ? value.slice() : this.#refuse(key);
  }

  /** A nested state, as the part's own `load` takes it. */
  part(key: string): DeviceState {
    const value = this.#state[key];
    return isDeviceState(value) ? value : this.#refuse(key);
  }

  /** Exactly `count` nested states. */
  parts(key: string, count: number): DeviceState[] {
    const value = this.#state[key];
    if (!Array.isArray(value) || value.length !== count) return this.#refuse(key);
    return value.map((item) => (isDeviceState(item) ? item : this.#refuse(key)));
  }

  #refuse(key: string): never {
    throw new VivariumError(
      'BAD_STATE',
      `the saved state of ${this.#device} has no valid field "${key}": the snapshot is damaged`,
    );
  }
}

function isDeviceState(value: StateValue | undefined): value is DeviceState {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
