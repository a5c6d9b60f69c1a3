/**
 * PCI host bridge of bus 0: configuration mechanism #1 (PCI Local Bus Specification 3.0, §3.2.2.3.2), the memory and I/O
 * windows, INTx routing, and what firmware does at power-on (addresses and interrupt lines), for there is no firmware.
 * Left out: other buses, extended configuration space. Functions can be attached and detached while the guest runs.
 */
import { assert, VivariumError, ErrorCodes } from '../../util/errors.ts';
import type { AccessSize, DeviceState, MmioBus, MmioDevice, PortBus, PortDevice, Stateful } from '../bus.ts';
import type { IrqLine } from '../irq.ts';
import { StateReader } from '../state.ts';
import { PciFunction, type Bar } from './function.ts';
import * as R from './registers.ts';

/** Memory window: from 3 GiB up to the I/O APIC. */
export const PCI_MEMORY_WINDOW_BASE = 0xc0000000;
export const PCI_MEMORY_WINDOW_END = 0xfec00000;
/** I/O window: above everything that an ISA-style device decodes. */
export const PCI_IO_WINDOW_BASE = 0xc000;
export const PCI_IO_WINDOW_END = 0x10000;
/** BARs start on page boundaries, so that the guest can map one without its neighbour. */
const MEMORY_ALIGNMENT = 0x1000;

const DEVICES_PER_BUS = 32;
const FUNCTIONS_PER_DEVICE = 8;
const ROUTED_LINES = 4;
const ALL_ONES: Record<AccessSize, number> = { 1: 0xff, 2: 0xffff, 4: 0xffffffff };
const STATE_VERSION = 1;

/** Host bridge identity: Red Hat's generic bridge, which no guest has a quirk for. Class 06/00. */
const HOST_BRIDGE_IDENTITY = { vendorId: 0x1b36, deviceId: 0x0008, classCode: 0x060000 };

export interface PciHostOptions {
  ports: PortBus;
  mmio: MmioBus;
  /** Four wires (PIRQA to PIRQD), level-triggered, active high here; device d's pin p goes to wire (d + p − 1) mod 4. */
  interruptLines: readonly IrqLine[];
  /** What firmware would write into the Interrupt Line register for each wire (the ISA IRQ or GSI that it reaches). */
  interruptLineNumbers: readonly number[];
}

interface Decoded {
  base: number;
  end: number;
  device: MmioDevice;
}

export class PciHost implements Stateful {
  readonly #functions = new Map<number, PciFunction>();
  readonly #lines: readonly IrqLine[];
  readonly #lineNumbers: readonly number[];
  readonly #lineLevels: boolean[] = new Array<boolean>(ROUTED_LINES).fill(false);
  #configAddress = 0;
  #memory: Decoded[] = [];
  #io: Decoded[] = [];
  #decodingStale = false;

  constructor(options: PciHostOptions) {
    assert(
      options.interruptLines.length === ROUTED_LINES && options.interruptLineNumbers.length === ROUTED_LINES,
      'a PCI host bridge needs four interrupt lines',
    );
    this.#lines = options.interruptLines;
    this.#lineNumbers = options.interruptLineNumbers;
    const configPorts: PortDevice = {
      portRead: (port, size) => this.#configPortRead(port, size),
      portWrite: (port, size, value) => this.#configPortWrite(port, size, value),
    };
    options.ports.register(R.CONFIG_ADDRESS_PORT, R.CONFIG_PORT_COUNT, configPorts);
    options.ports.register(PCI_IO_WINDOW_BASE, PCI_IO_WINDOW_END - PCI_IO_WINDOW_BASE, {
      portRead: (port, size) => this.#decodedRead(this.#ioRanges(), port, size),
      portWrite: (port, size, value) => this.#decodedWrite(this.#ioRanges(), port, size, value),
    });
    options.mmio.register(PCI_MEMORY_WINDOW_BASE, PCI_MEMORY_WINDOW_END - PCI_MEMORY_WINDOW_BASE, {
      mmioRead: (offset, size) => this.#decodedRead(this.#memoryRanges(), PCI_MEMORY_WINDOW_BASE + offset, size),
      mmioWrite: (offset, size, value) =>
        this.#decodedWrite(this.#memoryRanges(), PCI_MEMORY_WINDOW_BASE + offset, size, value),
    });
    this.attach(new PciFunction(HOST_BRIDGE_IDENTITY), 0);
  }

  /**
   * Puts a function on the bus, as firmware would leave it: addresses assigned, decoding on. While the guest runs, it
   * finds the function by rescanning. Without `device`, the lowest free device number is taken. Returns the device number.
   */
  attach(pciFunction: PciFunction, device = this.#freeDevice(), functionNumber = 0): number {
    assert(
      device < DEVICES_PER_BUS && functionNumber < FUNCTIONS_PER_DEVICE,
      'PCI device or function number out of range',
    );
    const devfn = device * FUNCTIONS_PER_DEVICE + functionNumber;
    assert(!this.#functions.has(devfn), `PCI device ${device} function ${functionNumber} is taken`);
    const addresses = this.#chooseAddresses(pciFunction);
    this.#functions.set(devfn, pciFunction);
    pciFunction.connect({
      decodingChanged: () => {
        this.#decodingStale = true;
      },
      pinChanged: () => this.#updateLine(this.#wire(devfn, pciFunction)),
    });
    const line = pciFunction.interruptPin === 0 ? 0xff : this.#lineNumbers[this.#wire(devfn, pciFunction)]!;
    pciFunction.assignFirmware(addresses, line);
    if (functionNumber > 0) this.#markMultifunction(device);
    return device;
  }

  /** Takes a function off the bus; the guest then reads all ones. */
  detach(device: number, functionNumber = 0): void {
    const devfn = device * FUNCTIONS_PER_DEVICE + functionNumber;
    const pciFunction = this.#functions.get(devfn);
    if (!pciFunction) return;
    pciFunction.setIntx(false);
    pciFunction.disconnect();
    this.#functions.delete(devfn);
    this.#decodingStale = true;
  }

  /** What is on the bus, by device and function number. */
  get functions(): readonly {
    readonly device: number;
    readonly functionNumber: number;
    readonly pciFunction: PciFunction;
  }[] {
    return [...this.#functions]
      .sort(([a], [b]) => a - b)
      .map(([devfn, pciFunction]) => ({
        device: Math.floor(devfn / FUNCTIONS_PER_DEVICE),
        functionNumber: devfn % FUNCTIONS_PER_DEVICE,
        pciFunction,
      }));
  }

  /** Machine reset: every function and the bridge's own registers. */
  reset(): void {
    this.#configAddress = 0;
    for (const pciFunction of this.#functions.values()) pciFunction.reset();
  }

  #freeDevice(): number {
    for (let device = 1; device < DEVICES_PER_BUS; device++) {
      if (!this.#functions.has(device * FUNCTIONS_PER_DEVICE)) return device;
    }
    throw new VivariumError(
      ErrorCodes.LIMIT,
      `a machine has at most ${DEVICES_PER_BUS - 1} PCI devices; use fewer disks and shares`,
    );
  }

  #markMultifunction(device: number): void {
    const first = this.#functions.get(device * FUNCTIONS_PER_DEVICE);
    assert(first, 'a PCI device needs a function 0');
    first.config.set8(R.HEADER_TYPE, first.config.get8(R.HEADER_TYPE) | R.HEADER_TYPE_MULTIFUNCTION);
  }

  // --- Addresses ---

  /** First fit in each window, around what the attached functions' BARs hold now and will hold after a reset. */
  #chooseAddresses(pciFunction: PciFunction): Map<number, number> {
    const addresses = new Map<number, number>();
    const memory: Decoded[] = [];
    const io: Decoded[] = [];
    for (const other of this.#functions.values()) {
      for (const bar of other.bars) {
        const used = bar.kind === 'io' ? io : memory;
        this.#insert(used, other.barAddress(bar), bar);
        this.#insert(used, other.firmwareAddress(bar)!, bar);
      }
    }
    for (const bar of pciFunction.bars) {
      const isIo = bar.kind === 'io';
      const used = isIo ? io : memory;
      const alignment = isIo ? bar.byteCount : Math.max(bar.byteCount, MEMORY_ALIGNMENT);
      const end = isIo ? PCI_IO_WINDOW_END : PCI_MEMORY_WINDOW_END;
      let address = isIo ? PCI_IO_WINDOW_BASE : PCI_MEMORY_WINDOW_BASE;
      for (const range of used.sort((a, b) => a.base - b.base)) {
        if (address + Math.max(bar.byteCount, isIo ? 1 : MEMORY_ALIGNMENT) <= range.base) break;
        if (range.end > address) address = Math.ceil(range.end / alignment) * alignment;
      }
      if (address + bar.byteCount > end) {
        throw new VivariumError(
          ErrorCodes.LIMIT,
          'the PCI window has no room for another device; use fewer or smaller devices',
        );
      }
      addresses.set(bar.index, address);
      this.#insert(used, address, bar);
    }
    return addresses;
  }

  #insert(list: Decoded[], base: number, bar: Bar): void {
    list.push({ base, end: base + bar.byteCount, device: bar.device });
  }

  /** Recomputes what each window decodes. A guest may put BARs on top of each other; the lowest function then answers. */
  #redecode(): void {
    this.#decodingStale = false;
    this.#memory = [];
    this.#io = [];
    for (const devfn of [...this.#functions.keys()].sort((a, b) => a - b)) {
      const pciFunction = this.#functions.get(devfn)!;
      for (const bar of pciFunction.bars) {
        if (pciFunction.decodes(bar))
          this.#insert(bar.kind === 'io' ? this.#io : this.#memory, pciFunction.barAddress(bar), bar);
      }
    }
  }
  #memoryRanges(): Decoded[] {
    if (this.#decodingStale) this.#redecode();
    return this.#memory;
  }
  #ioRanges(): Decoded[] {
    if (this.#decodingStale) this.#redecode();
    return this.#io;
  }

  #decodedRead(ranges: readonly Decoded[], address: number, size: AccessSize): number {
    for (const range of ranges) {
      if (address >= range.base && address + size <= range.end)
        return range.device.mmioRead(address - range.base, size) >>> 0;
    }
    return ALL_ONES[size]; // master abort, §3.3.3.1
  }
  #decodedWrite(ranges: readonly Decoded[], address: number, size: AccessSize, value: number): void {
    for (const range of ranges) {
      if (address >= range.base && address + size <= range.end) {
        range.device.mmioWrite(address - range.base, size, value);
        return;
      }
    }
  }

  // --- Configuration mechanism #1 ---

  #configPortRead(port: number, size: AccessSize): number {
    if (port < R.CONFIG_DATA_PORT) {
      // CONFIG_ADDRESS is a doubleword register; narrower accesses are ordinary I/O, which nothing here answers.
      return port === R.CONFIG_ADDRESS_PORT && size === 4 ? this.#configAddress : ALL_ONES[size];
    }
    const target = this.#configTarget();
    const lane = port - R.CONFIG_DATA_PORT;
    if (!target || lane + size > 4) return ALL_ONES[size];
    return target.configRead((this.#configAddress & R.CONFIG_ADDRESS_REGISTER_MASK) + lane, size) >>> 0;
  }

  #configPortWrite(port: number, size: AccessSize, value: number): void {
    if (port < R.CONFIG_DATA_PORT) {
      if (port === R.CONFIG_ADDRESS_PORT && size === 4) this.#configAddress = (value & R.CONFIG_ADDRESS_WRITABLE) >>> 0;
      return;
    }
    const target = this.#configTarget();
    const lane = port - R.CONFIG_DATA_PORT;
    if (!target || lane + size > 4) return;
    target.configWrite((this.#configAddress & R.CONFIG_ADDRESS_REGISTER_MASK) + lane, size, value);
  }

  #configTarget(): PciFunction | undefined {
    const address = this.#configAddress;
    const enabled = address >>> R.CONFIG_ADDRESS_ENABLE_SHIFT === 1;
    const bus = (address >>> R.CONFIG_ADDRESS_BUS_SHIFT) & 0xff;
    if (!enabled || bus !== 0) return undefined;
    return this.#functions.get((address >>> R.CONFIG_ADDRESS_DEVFN_SHIFT) & 0xff);
  }

  // --- INTx ---

  #wire(devfn: number, pciFunction: PciFunction): number {
    return (Math.floor(devfn / FUNCTIONS_PER_DEVICE) + Math.max(pciFunction.interruptPin - 1, 0)) % ROUTED_LINES;
  }

  /** A wire is the OR of every pin on it (§2.2.6, open drain). */
  #updateLine(wire: number): void {
    let level = false;
    for (const [devfn, pciFunction] of this.#functions) {
      if (pciFunction.pinAsserted && this.#wire(devfn, pciFunction) === wire) level = true;
    }
    if (level === this.#lineLevels[wire]) return;
    this.#lineLevels[wire] = level;
    this.#lines[wire]!.set(level);
  }

  // --- State: the bridge and everything on it ---

  save(): DeviceState {
    const functions: DeviceState = {};
    for (const [devfn, pciFunction] of this.#functions) functions[devfn] = pciFunction.save();
    return { version: STATE_VERSION, configAddress: this.#configAddress, functions };
  }

  /** The same functions must be attached at the same places as when the state was saved. */
  load(state: DeviceState): void {
    const reader = new StateReader('the PCI bus', state, STATE_VERSION);
    const functions = reader.part('functions');
    const sameFunctions =
      Object.keys(functions).length === this.#functions.size &&
      [...this.#functions.keys()].every((devfn) => devfn in functions);
    if (!sameFunctions)
      throw new VivariumError(
        ErrorCodes.BAD_STATE,
        'the saved machine has other PCI devices; start it with the same disks and shares',
      );
    this.#configAddress = reader.int('configAddress');
    const parts = new StateReader('the PCI bus', functions);
    for (const [devfn, pciFunction] of this.#functions) pciFunction.load(parts.part(String(devfn)));
    this.#decodingStale = true;
  }

  async quiesce(): Promise<void> {
    await Promise.all([...this.#functions.values()].map((pciFunction) => pciFunction.quiesce()));
  }
}
