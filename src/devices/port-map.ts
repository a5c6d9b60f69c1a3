/**
 * The I/O port map of a board: 65,536 ports, each look-up one table read. An access that one device can't take whole
 * (narrow device, or a range that ends) is split into halves down to bytes, as a PC chipset does; a port nobody claims
 * reads as all ones and ignores writes.
 */
import { assert } from '../util/errors.ts';
import type { AccessSize, PortBus, PortDevice } from './bus.ts';

const PORT_COUNT = 0x10000; // SDM 1 §19.3: the I/O address space is 64 KiB
const BYTE_MASK = 0xff;
const WORD_MASK = 0xffff;
const UNCLAIMED = 0;

/** A port device may say the widest access that it takes; wider ones reach it in pieces. Without it, 4. */
export interface SizedPortDevice extends PortDevice {
  readonly widestPortAccess: AccessSize;
}

/** A claimed run of ports. It can move (PCI I/O BARs); where it then meets another claim, the older claim answers. */
export interface PortRange {
  /** Moves the range to a new first port, or unmaps it with `undefined`. A place that does not fit in 64 KiB unmaps it. */
  move(firstPort: number | undefined): void;
}

interface Claim {
  first: number | undefined;
  readonly count: number;
  readonly device: PortDevice;
  readonly widest: AccessSize;
}

/** The board's {@link PortBus}, and the CPU's way in. */
export class PortMap implements PortBus {
  /** Reads and writes that no device answered, for diagnosis. */
  unclaimedReads = 0;
  unclaimedWrites = 0;

  readonly #claims: Claim[] = [];
  /** Claim number + 1 by port, {@link UNCLAIMED} where none. */
  readonly #table = new Uint16Array(PORT_COUNT);
  /** The same for claims of byte accesses only, which go before the others. */
  readonly #byteTable = new Uint16Array(PORT_COUNT);

  /** Claims ports. Throws an assertion when another device has one of them (our bug). */
  register(firstPort: number, portCount: number, device: PortDevice): PortRange {
    assert(
      portCount > 0 && firstPort >= 0 && firstPort + portCount <= PORT_COUNT,
      `port range 0x${firstPort.toString(16)}+${portCount} is outside the I/O space`,
    );
    const taken = this.#table.subarray(firstPort, firstPort + portCount).findIndex((number) => number !== UNCLAIMED);
    assert(taken < 0, `port 0x${(firstPort + taken).toString(16)} is claimed twice`);
    const claim: Claim = { first: firstPort, count: portCount, device, widest: widestAccess(device) };
    this.#claims.push(claim);
    assert(this.#claims.length <= WORD_MASK, 'too many port claims');
    this.#table.fill(this.#claims.length, firstPort, firstPort + portCount);
    return {
      move: (first) => {
        claim.first = first !== undefined && first >= 0 && first + portCount <= PORT_COUNT ? first : undefined;
        this.#rebuild();
      },
    };
  }

  /**
   * Claims the byte accesses to one port, whoever has the wider ones: the reset register at 0xcf9 lies inside the PCI
   * configuration address register, which takes 32-bit accesses only (PCI Local Bus 3.0 §3.2.2.3.2).
   */
  registerByte(port: number, device: PortDevice): void {
    assert(this.#byteTable[port] === UNCLAIMED, `the byte port 0x${port.toString(16)} is claimed twice`);
    this.#claims.push({ first: undefined, count: 1, device, widest: 1 });
    this.#byteTable[port] = this.#claims.length;
  }

  /** Reads a port: an unsigned value of `size` bytes. */
  read(port: number, size: AccessSize): number {
    const claim = this.#find(port, size);
    if (claim !== undefined) {
      if (size === 1) return claim.device.portRead(port, 1) & BYTE_MASK;
      if (size === 2) return claim.device.portRead(port, 2) & WORD_MASK;
      return claim.device.portRead(port, 4) >>> 0;
    }
    if (this.#isUnclaimed(port, size)) {
      this.unclaimedReads++;
      return size === 4 ? 0xffffffff : size === 2 ? WORD_MASK : BYTE_MASK;
    }
    if (size === 4) return (this.read(port, 2) | (this.read(port + 2, 2) << 16)) >>> 0;
    return this.read(port, 1) | (this.read(port + 1, 1) << 8);
  }

  /** Writes a port. Bits of `value` beyond `size` bytes are ignored. */
  write(port: number, size: AccessSize, value: number): void {
    const claim = this.#find(port, size);
    if (claim !== undefined) {
      claim.device.portWrite(port, size, size === 1 ? value & BYTE_MASK : size === 2 ? value & WORD_MASK : value >>> 0);
    } else if (this.#isUnclaimed(port, size)) {
      this.unclaimedWrites++;
    } else if (size === 4) {
      this.write(port, 2, value & WORD_MASK);
      this.write(port + 2, 2, value >>> 16);
    } else {
      this.write(port, 1, value & BYTE_MASK);
      this.write(port + 1, 1, (value >>> 8) & BYTE_MASK);
    }
  }

  /** The claim that takes this access whole. */
  #find(port: number, size: AccessSize): Claim | undefined {
    if (size === 1) {
      const byteClaim = this.#byteTable[port];
      if (byteClaim !== UNCLAIMED && byteClaim !== undefined) return this.#claims[byteClaim - 1];
    }
    const number = this.#table[port];
    if (number === UNCLAIMED || number === undefined || (size !== 1 && this.#table[port + size - 1] !== number))
      return undefined;
    const claim = this.#claims[number - 1];
    return claim !== undefined && claim.widest >= size ? claim : undefined;
  }

  #isUnclaimed(port: number, size: AccessSize): boolean {
    for (let i = port; i < port + size; i++) {
      if (i < PORT_COUNT && (this.#table[i] !== UNCLAIMED || this.#byteTable[i] !== UNCLAIMED)) return false;
    }
    return true;
  }

  #fill(claim: Claim, number: number): void {
    if (claim.first === undefined) return;
    for (let port = claim.first; port < claim.first + claim.count; port++) {
      if (this.#table[port] === UNCLAIMED) this.#table[port] = number;
    }
  }

  #rebuild(): void {
    this.#table.fill(UNCLAIMED);
    this.#claims.forEach((claim, index) => this.#fill(claim, index + 1));
  }
}

function widestAccess(device: PortDevice): AccessSize {
  return (device as Partial<SizedPortDevice>).widestPortAccess ?? 4;
}
