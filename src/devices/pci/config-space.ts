/**
 * The 256 bytes of one function's configuration space: content, a mask of what software may write, and the capability
 * list. PCI Local Bus Specification 3.0, §6. Extended (PCI Express) space is left out: mechanism #1 can't reach it.
 */
import { assert } from '../../util/errors.ts';
import type { AccessSize } from '../bus.ts';
import { CAPABILITIES_POINTER, CONFIG_SPACE_SIZE, DEVICE_SPECIFIC, STATUS, STATUS_CAPABILITIES } from './registers.ts';

export class ConfigSpace {
  readonly #bytes = new Uint8Array(CONFIG_SPACE_SIZE);
  readonly #writable = new Uint8Array(CONFIG_SPACE_SIZE);
  #nextCapability = DEVICE_SPECIFIC;
  #lastCapability = CAPABILITIES_POINTER;

  /** Sets a little-endian field and, optionally, which of its bits software may write. */
  define(offset: number, byteCount: 1 | 2 | 3 | 4, value: number, writableBits = 0): void {
    for (let i = 0; i < byteCount; i++) {
      this.#bytes[offset + i] = value >>> (8 * i);
      this.#writable[offset + i] = writableBits >>> (8 * i);
    }
  }

  /**
   * Appends a capability to the list (§6.7). `body` is what follows the ID and next-pointer bytes; `writable` masks it
   * byte by byte. Returns the capability's offset.
   */
  addCapability(id: number, body: Uint8Array, writable?: Uint8Array): number {
    const offset = this.#nextCapability;
    assert(offset + 2 + body.length <= CONFIG_SPACE_SIZE, 'PCI capabilities do not fit into configuration space');
    this.#bytes[offset] = id;
    this.#bytes[offset + 1] = 0;
    this.#bytes.set(body, offset + 2);
    if (writable) this.#writable.set(writable, offset + 2);
    this.#bytes[this.#lastCapability] = offset;
    this.#lastCapability = offset + 1;
    this.#nextCapability = (offset + 2 + body.length + 3) & ~3;
    this.set16(STATUS, this.get16(STATUS) | STATUS_CAPABILITIES);
    return offset;
  }

  get8(offset: number): number {
    return this.#bytes[offset]!;
  }
  get16(offset: number): number {
    return this.#bytes[offset]! | (this.#bytes[offset + 1]! << 8);
  }
  get32(offset: number): number {
    return (this.get16(offset) | (this.get16(offset + 2) << 16)) >>> 0;
  }

  /** Device-side writes: ignore the mask. */
  set8(offset: number, value: number): void {
    this.#bytes[offset] = value;
  }
  set16(offset: number, value: number): void {
    this.#bytes[offset] = value;
    this.#bytes[offset + 1] = value >>> 8;
  }
  set32(offset: number, value: number): void {
    this.set16(offset, value);
    this.set16(offset + 2, value >>> 16);
  }

  /** Software's read; `offset + size` stays inside the space because mechanism #1 addresses one doubleword. */
  read(offset: number, size: AccessSize): number {
    return size === 1 ? this.get8(offset) : size === 2 ? this.get16(offset) : this.get32(offset);
  }

  /** Software's write: only bits marked writable change. */
  write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      const mask = this.#writable[offset + i]!;
      this.#bytes[offset + i] = (this.#bytes[offset + i]! & ~mask) | ((value >>> (8 * i)) & mask);
    }
  }

  /** Content as software left it. The masks and the list are the device's and not part of it. */
  snapshot(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Takes the writable bits of `bytes`; what is read-only stays as this device defines it. */
  restore(bytes: Uint8Array): void {
    for (let i = 0; i < CONFIG_SPACE_SIZE; i++) {
      const mask = this.#writable[i]!;
      this.#bytes[i] = (this.#bytes[i]! & ~mask) | ((bytes[i] ?? 0) & mask);
    }
  }
}
