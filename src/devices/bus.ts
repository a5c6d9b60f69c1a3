/**
 * What a device sees of the machine: guest memory, port and MMIO ranges it answers, and its saved state.
 * A device imports these types only; it never imports the machine or the CPU core.
 */

/**
 * Guest physical memory as devices see it. Every write goes through here, so that decoded code and dirty
 * tracking stay right. Addresses are guest-physical. All methods throw {@link GuestAddressError} when the
 * range is not wholly RAM; a device turns that into its own error state, never into a crash.
 */
export interface GuestMemory {
  /** RAM size in bytes; RAM is the physical range [0, size). */
  readonly size: number;
  read8(physical: number): number;
  read16(physical: number): number;
  read32(physical: number): number;
  read64(physical: number): bigint;
  write8(physical: number, value: number): void;
  write16(physical: number, value: number): void;
  write32(physical: number, value: number): void;
  write64(physical: number, value: bigint): void;
  /** A live view for reading only (never write through it). May be on a SharedArrayBuffer; do not keep it across calls. */
  view(physical: number, byteCount: number): Uint8Array;
  /** Copies bytes into guest memory. */
  write(physical: number, bytes: Uint8Array): void;
  /** Fills guest memory. */
  fill(physical: number, byteCount: number, value: number): void;
}

/** A guest address range that is not RAM. */
export class GuestAddressError extends Error {
  override name = 'GuestAddressError';
  constructor(physical: number, byteCount: number) {
    super(`guest-physical range 0x${physical.toString(16)}+${byteCount} is not RAM`);
  }
}

/** Size in bytes of one access. */
export type AccessSize = 1 | 2 | 4;

/** Answers a range of I/O ports. `port` is absolute. Values are unsigned. */
export interface PortDevice {
  portRead(port: number, size: AccessSize): number;
  portWrite(port: number, size: AccessSize, value: number): void;
}

/** Answers a range of memory-mapped registers. `offset` is relative to the range's start. Values are unsigned 32-bit; 64-bit accesses arrive as two 4-byte ones, low half first. */
export interface MmioDevice {
  mmioRead(offset: number, size: AccessSize): number;
  mmioWrite(offset: number, size: AccessSize, value: number): void;
}

/** JSON-compatible device state; Uint8Array and bigint are allowed as leaves (CBOR/structured clone carry them). */
export type StateValue =
  null | boolean | number | string | bigint | Uint8Array | StateValue[] | { [key: string]: StateValue };
export type DeviceState = { [key: string]: StateValue };

/** Every device can save, load and come to rest. */
export interface Stateful {
  /** Version and content of the state; a device reads its own older versions or throws a clear error. */
  save(): DeviceState;
  load(state: DeviceState): void;
  /** Resolves when no asynchronous work is under way, so that `save` is complete. */
  quiesce(): Promise<void>;
}

/** The board's port map. Throws when ranges overlap (our bug). */
export interface PortBus {
  register(firstPort: number, portCount: number, device: PortDevice): void;
}

/** The board's MMIO map; a range can move (PCI BARs). */
export interface MmioBus {
  register(physical: number, byteCount: number, device: MmioDevice): MmioRange;
}
export interface MmioRange {
  /** Moves the range, or unmaps it with `undefined`. */
  move(physical: number | undefined): void;
}
