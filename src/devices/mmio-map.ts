/**
 * The memory-mapped register ranges of a board, found by binary search over a sorted list that is rebuilt when a range
 * moves. The guest places some ranges itself (PCI BARs), so overlaps are not errors after registration: the range that
 * was registered first answers. Unclaimed addresses read as all ones and ignore writes.
 */
import { assert } from '../util/errors.ts';
import type { AccessSize, MmioBus, MmioDevice, MmioRange } from './bus.ts';

const ADDRESS_LIMIT = 2 ** 52; // SDM 3A §4.1.4: physical addresses have at most 52 bits
const BYTE_MASK = 0xff;
const WORD_MASK = 0xffff;

interface Claim {
  start: number | undefined;
  readonly byteCount: number;
  readonly device: MmioDevice;
}

/** A run of addresses that one claim answers. */
interface Segment {
  readonly start: number;
  readonly end: number;
  /** The start of the claim, to which offsets are relative. */
  readonly base: number;
  readonly device: MmioDevice;
}

/** The board's {@link MmioBus}, and the CPU's way in. */
export class MmioMap implements MmioBus {
  /** Reads and writes that no device answered, for diagnosis. */
  unclaimedReads = 0;
  unclaimedWrites = 0;

  readonly #claims: Claim[] = [];
  #segments: Segment[] = [];
  /** The segment of the last access: drivers go on where they were. */
  #last: Segment | undefined;

  /** Claims addresses. Throws an assertion when another device has one of them (our bug). */
  register(physical: number, byteCount: number, device: MmioDevice): MmioRange {
    assert(
      fits(physical, byteCount),
      `MMIO range 0x${physical.toString(16)}+${byteCount} is outside the physical address space`,
    );
    assert(
      !this.#segments.some((other) => physical < other.end && other.start < physical + byteCount),
      `MMIO range 0x${physical.toString(16)}+${byteCount} overlaps another`,
    );
    const range = this.reserve(byteCount, device);
    range.move(physical);
    return range;
  }

  /** Adds a range that is mapped nowhere yet: a BAR before the guest sets it. */
  reserve(byteCount: number, device: MmioDevice): MmioRange {
    const claim: Claim = { start: undefined, byteCount, device };
    this.#claims.push(claim);
    return {
      move: (physical) => {
        const start = physical !== undefined && fits(physical, byteCount) ? physical : undefined;
        if (start === claim.start) return;
        claim.start = start;
        this.#rebuild();
      },
    };
  }

  /** What is mapped where, by address. */
  get ranges(): readonly { readonly start: number; readonly byteCount: number; readonly device: MmioDevice }[] {
    return this.#segments.map(({ start, end, device }) => ({ start, byteCount: end - start, device }));
  }

  /** Whether some device answers at this address. */
  claims(physical: number): boolean {
    return this.#find(physical) !== undefined;
  }

  /** Reads registers: an unsigned value of `size` bytes. */
  read(physical: number, size: AccessSize): number {
    const segment = this.#find(physical);
    if (segment !== undefined && physical + size <= segment.end) {
      const value = segment.device.mmioRead(physical - segment.base, size);
      return size === 4 ? value >>> 0 : size === 2 ? value & WORD_MASK : value & BYTE_MASK;
    }
    if (segment === undefined && this.#find(physical + size - 1) === undefined) {
      this.unclaimedReads++;
      return size === 4 ? 0xffffffff : size === 2 ? WORD_MASK : BYTE_MASK;
    }
    if (size === 4) return (this.read(physical, 2) | (this.read(physical + 2, 2) << 16)) >>> 0;
    return this.read(physical, 1) | (this.read(physical + 1, 1) << 8);
  }

  /** Writes registers. Bits of `value` beyond `size` bytes are ignored. */
  write(physical: number, size: AccessSize, value: number): void {
    const segment = this.#find(physical);
    if (segment !== undefined && physical + size <= segment.end) {
      segment.device.mmioWrite(
        physical - segment.base,
        size,
        size === 4 ? value >>> 0 : size === 2 ? value & WORD_MASK : value & BYTE_MASK,
      );
    } else if (segment === undefined && this.#find(physical + size - 1) === undefined) {
      this.unclaimedWrites++;
    } else if (size === 4) {
      this.write(physical, 2, value & WORD_MASK);
      this.write(physical + 2, 2, value >>> 16);
    } else {
      this.write(physical, 1, value & BYTE_MASK);
      this.write(physical + 1, 1, (value >>> 8) & BYTE_MASK);
    }
  }

  #find(physical: number): Segment | undefined {
    const last = this.#last;
    if (last !== undefined && physical >= last.start && physical < last.end) return last;
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const segment = this.#segments[middle] as Segment;
      if (physical < segment.start) high = middle;
      else if (physical >= segment.end) low = middle + 1;
      else return (this.#last = segment);
    }
    return undefined;
  }

  /** Lays the claims out in order of registration, each into what the earlier ones leave free. */
  #rebuild(): void {
    let segments: Segment[] = [];
    for (const { start, byteCount, device } of this.#claims) {
      if (start === undefined) continue;
      const end = start + byteCount;
      const added: Segment[] = [];
      let free = start;
      for (const taken of segments) {
        if (taken.end <= free || taken.start >= end) continue;
        if (taken.start > free) added.push({ start: free, end: taken.start, base: start, device });
        free = taken.end;
      }
      if (free < end) added.push({ start: free, end, base: start, device });
      segments = [...segments, ...added].sort((a, b) => a.start - b.start);
    }
    this.#segments = segments;
    this.#last = undefined;
  }
}

function fits(physical: number, byteCount: number): boolean {
  return Number.isInteger(physical) && physical >= 0 && byteCount > 0 && physical + byteCount <= ADDRESS_LIMIT;
}
