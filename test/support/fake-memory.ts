/** Guest RAM for device tests: an array with the bounds of the real thing. */
import { GuestAddressError, type GuestMemory } from '../../src/devices/bus.ts';

export class FakeMemory implements GuestMemory {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(byteCount: number) {
    this.size = byteCount;
    this.bytes = new Uint8Array(byteCount);
    this.#view = new DataView(this.bytes.buffer);
  }

  #check(physical: number, byteCount: number): void {
    if (!(physical >= 0 && physical + byteCount <= this.size)) throw new GuestAddressError(physical, byteCount);
  }
  read8(physical: number): number {
    this.#check(physical, 1);
    return this.#view.getUint8(physical);
  }
  read16(physical: number): number {
    this.#check(physical, 2);
    return this.#view.getUint16(physical, true);
  }
  read32(physical: number): number {
    this.#check(physical, 4);
    return this.#view.getUint32(physical, true);
  }
  read64(physical: number): bigint {
    this.#check(physical, 8);
    return this.#view.getBigUint64(physical, true);
  }
  write8(physical: number, value: number): void {
    this.#check(physical, 1);
    this.#view.setUint8(physical, value);
  }
  write16(physical: number, value: number): void {
    this.#check(physical, 2);
    this.#view.setUint16(physical, value, true);
  }
  write32(physical: number, value: number): void {
    this.#check(physical, 4);
    this.#view.setUint32(physical, value, true);
  }
  write64(physical: number, value: bigint): void {
    this.#check(physical, 8);
    this.#view.setBigUint64(physical, value, true);
  }
  view(physical: number, byteCount: number): Uint8Array {
    this.#check(physical, byteCount);
    return this.bytes.subarray(physical, physical + byteCount);
  }
  write(physical: number, bytes: Uint8Array): void {
    this.#check(physical, bytes.length);
    this.bytes.set(bytes, physical);
  }
  fill(physical: number, byteCount: number, value: number): void {
    this.#check(physical, byteCount);
    this.bytes.fill(value, physical, physical + byteCount);
  }
}
