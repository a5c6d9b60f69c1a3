/**
 * The guest's side for device tests: a PCI bus behind real port and MMIO maps, and a small virtio driver that finds its
 * structures through configuration space and drives split queues, politely or not.
 */
import type { AccessSize } from '../../src/devices/bus.ts';
import { MmioMap } from '../../src/devices/mmio-map.ts';
import { PciHost } from '../../src/devices/pci/host-bridge.ts';
import { PortMap } from '../../src/devices/port-map.ts';
import type { VirtioDevice } from '../../src/devices/virtio/device.ts';
import { VirtioPci } from '../../src/devices/virtio/pci.ts';
import { FakeMemory } from './fake-memory.ts';

const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const RAM_BYTES = 8 * 1024 * 1024;
const HEAP_START = 0x100000;

export const STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  NEEDS_RESET: 64,
  FAILED: 128,
} as const;
export const FEATURE = { INDIRECT: 1n << 28n, EVENT_IDX: 1n << 29n, VERSION_1: 1n << 32n } as const;
export const DESC = { NEXT: 1, WRITE: 2, INDIRECT: 4 } as const;
/** Offsets in the common configuration structure. */
export const COMMON = {
  deviceFeatureSelect: 0x00,
  deviceFeature: 0x04,
  driverFeatureSelect: 0x08,
  driverFeature: 0x0c,
  configVector: 0x10,
  numQueues: 0x12,
  status: 0x14,
  generation: 0x15,
  queueSelect: 0x16,
  queueSize: 0x18,
  queueVector: 0x1a,
  queueEnable: 0x1c,
  queueNotifyOff: 0x1e,
  queueDesc: 0x20,
  queueDriver: 0x28,
  queueDevice: 0x30,
} as const;

/** A PCI bus with nothing else around it. */
export class PciBench {
  readonly memory = new FakeMemory(RAM_BYTES);
  readonly ports = new PortMap();
  readonly mmio = new MmioMap();
  readonly levels = [false, false, false, false];
  readonly messages: { address: number; data: number }[] = [];
  readonly host: PciHost;
  #heap = HEAP_START;

  constructor() {
    this.host = new PciHost({
      ports: this.ports,
      mmio: this.mmio,
      interruptLines: this.levels.map((_, index) => ({
        set: (asserted: boolean) => {
          this.levels[index] = asserted;
        },
      })),
      interruptLineNumbers: [16, 17, 18, 19],
    });
  }

  /** Adds a virtio device; returns its function. */
  plug(device: VirtioDevice, slot?: number): VirtioPci {
    const pciFunction = new VirtioPci({
      device,
      memory: this.memory,
      msi: { send: (address, data) => this.messages.push({ address, data }) },
    });
    this.host.attach(pciFunction, slot);
    return pciFunction;
  }

  configRead(device: number, offset: number, size: AccessSize): number {
    this.#select(device, offset);
    return this.ports.read(CONFIG_DATA + (offset & 3), size);
  }
  configWrite(device: number, offset: number, size: AccessSize, value: number): void {
    this.#select(device, offset);
    this.ports.write(CONFIG_DATA + (offset & 3), size, value);
  }
  #select(device: number, offset: number): void {
    this.ports.write(CONFIG_ADDRESS, 4, (0x80000000 | (device << 11) | (offset & 0xfc)) >>> 0);
  }

  /** Fresh guest memory, zeroed, 4 KiB aligned. */
  allocate(byteCount: number): number {
    const address = this.#heap;
    this.#heap += Math.ceil(byteCount / 4096) * 4096;
    return address;
  }
  /** Fresh guest memory that holds these bytes. */
  place(bytes: Uint8Array): number {
    const address = this.allocate(bytes.length);
    this.memory.write(address, bytes);
    return address;
  }
}

/** A buffer to put on a queue. */
export interface TestBuffer {
  address: number;
  length: number;
  writable?: boolean;
}

export class TestQueue {
  readonly size: number;
  readonly descriptors: number;
  readonly avail: number;
  readonly used: number;
  readonly #bench: PciBench;
  #nextDescriptor = 0;
  #taken = 0;

  constructor(bench: PciBench, size: number) {
    this.#bench = bench;
    this.size = size;
    this.descriptors = bench.allocate(16 * size);
    this.avail = bench.allocate(6 + 2 * size);
    this.used = bench.allocate(6 + 8 * size);
  }

  /** Writes one descriptor as told. */
  describe(index: number, address: number, length: number, flags: number, next = 0, table = this.descriptors): void {
    const { memory } = this.#bench;
    const at = table + 16 * index;
    memory.write64(at, BigInt(address));
    memory.write32(at + 8, length);
    memory.write16(at + 12, flags);
    memory.write16(at + 14, next);
  }

  /** Puts a chain into the next descriptors; returns its head. */
  chain(buffers: readonly TestBuffer[]): number {
    const head = this.#nextDescriptor;
    buffers.forEach((buffer, i) => {
      const index = (head + i) % this.size;
      const last = i === buffers.length - 1;
      this.describe(
        index,
        buffer.address,
        buffer.length,
        (buffer.writable ? DESC.WRITE : 0) | (last ? 0 : DESC.NEXT),
        (index + 1) % this.size,
      );
    });
    this.#nextDescriptor = (head + buffers.length) % this.size;
    return head;
  }

  /** The same through an indirect table. */
  indirectChain(buffers: readonly TestBuffer[]): number {
    const table = this.#bench.allocate(16 * buffers.length);
    buffers.forEach((buffer, i) => {
      this.describe(
        i,
        buffer.address,
        buffer.length,
        (buffer.writable ? DESC.WRITE : 0) | (i === buffers.length - 1 ? 0 : DESC.NEXT),
        i + 1,
        table,
      );
    });
    const head = this.#nextDescriptor;
    this.describe(head, table, 16 * buffers.length, DESC.INDIRECT);
    this.#nextDescriptor = (head + 1) % this.size;
    return head;
  }

  /** Makes a chain available, without notifying. */
  offer(head: number): void {
    const { memory } = this.#bench;
    const index = memory.read16(this.avail + 2);
    memory.write16(this.avail + 4 + 2 * (index % this.size), head);
    memory.write16(this.avail + 2, index + 1);
  }

  /** Used elements that were not taken yet. */
  take(): { head: number; written: number }[] {
    const { memory } = this.#bench;
    const found: { head: number; written: number }[] = [];
    for (const index = memory.read16(this.used + 2); this.#taken !== index; this.#taken = (this.#taken + 1) & 0xffff) {
      const at = this.used + 4 + 8 * (this.#taken % this.size);
      found.push({ head: memory.read32(at), written: memory.read32(at + 4) });
    }
    return found;
  }

  /** Empties the rings, for a new session of the device. */
  clear(): void {
    this.#bench.memory.fill(this.avail, 6 + 2 * this.size, 0);
    this.#bench.memory.fill(this.used, 6 + 8 * this.size, 0);
    this.#nextDescriptor = 0;
    this.#taken = 0;
  }
  /** Memory was restored: takes the used ring as it is now. */
  rewind(): void {
    this.#taken = this.#bench.memory.read16(this.used + 2);
  }
  setAvailIndex(index: number): void {
    this.#bench.memory.write16(this.avail + 2, index);
  }
  setNoInterrupt(on: boolean): void {
    this.#bench.memory.write16(this.avail, on ? 1 : 0);
  }
  setUsedEvent(index: number): void {
    this.#bench.memory.write16(this.avail + 4 + 2 * this.size, index);
  }
  get availEvent(): number {
    return this.#bench.memory.read16(this.used + 4 + 8 * this.size);
  }
}

/** Where one structure is. */
interface Structure {
  address: number;
  length: number;
  capability: number;
}

export class VirtioDriver {
  readonly bench: PciBench;
  readonly device: number;
  readonly queues: TestQueue[] = [];
  readonly structures = new Map<number, Structure>();
  readonly msixCapability: number;
  readonly msixTable: number;
  readonly #notifyMultiplier: number;

  constructor(bench: PciBench, device = 1) {
    this.bench = bench;
    this.device = device;
    bench.configWrite(device, 0x04, 2, 0x6); // memory, bus master
    let msix = 0;
    let multiplier = 0;
    for (let at = bench.configRead(device, 0x34, 1); at !== 0; at = bench.configRead(device, at + 1, 1)) {
      const id = bench.configRead(device, at, 1);
      if (id === 0x11) msix = at;
      if (id !== 0x09) continue;
      const type = bench.configRead(device, at + 3, 1);
      const bar = bench.configRead(device, at + 4, 1);
      const base = bench.configRead(device, 0x10 + 4 * bar, 4) & ~0xf;
      this.structures.set(type, {
        address: (base >>> 0) + bench.configRead(device, at + 8, 4),
        length: bench.configRead(device, at + 12, 4),
        capability: at,
      });
      if (type === 2) multiplier = bench.configRead(device, at + 16, 4);
    }
    this.msixCapability = msix;
    const table = bench.configRead(device, msix + 4, 4);
    this.msixTable = ((bench.configRead(device, 0x10 + 4 * (table & 7), 4) & ~0xf) >>> 0) + (table & ~7);
    this.#notifyMultiplier = multiplier;
  }

  common(offset: number, size: AccessSize): number {
    return this.bench.mmio.read(this.structures.get(1)!.address + offset, size);
  }
  setCommon(offset: number, size: AccessSize, value: number): void {
    this.bench.mmio.write(this.structures.get(1)!.address + offset, size, value);
  }
  config(offset: number, size: AccessSize): number {
    return this.bench.mmio.read(this.structures.get(4)!.address + offset, size);
  }
  get status(): number {
    return this.common(COMMON.status, 1);
  }
  set status(value: number) {
    this.setCommon(COMMON.status, 1, value);
  }
  readIsr(): number {
    return this.bench.mmio.read(this.structures.get(3)!.address, 1);
  }
  get offeredFeatures(): bigint {
    this.setCommon(COMMON.deviceFeatureSelect, 4, 0);
    const low = this.common(COMMON.deviceFeature, 4);
    this.setCommon(COMMON.deviceFeatureSelect, 4, 1);
    return BigInt(low) | (BigInt(this.common(COMMON.deviceFeature, 4)) << 32n);
  }
  acceptFeatures(features: bigint): void {
    this.setCommon(COMMON.driverFeatureSelect, 4, 0);
    this.setCommon(COMMON.driverFeature, 4, Number(features & 0xffffffffn));
    this.setCommon(COMMON.driverFeatureSelect, 4, 1);
    this.setCommon(COMMON.driverFeature, 4, Number(features >> 32n));
  }

  /** Everything up to DRIVER_OK. By default accepts all features and uses full-size queues. */
  start(options: { features?: bigint; queueSize?: number } = {}): this {
    this.status = 0;
    this.status = STATUS.ACKNOWLEDGE;
    this.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
    this.acceptFeatures(options.features ?? this.offeredFeatures & ~FEATURE.EVENT_IDX);
    this.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
    const count = this.common(COMMON.numQueues, 2);
    for (let index = 0; index < count; index++) this.setUpQueue(index, options.queueSize);
    this.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK;
    return this;
  }

  setUpQueue(index: number, size?: number): TestQueue {
    this.setCommon(COMMON.queueSelect, 2, index);
    if (size !== undefined) this.setCommon(COMMON.queueSize, 2, size);
    const queue = new TestQueue(this.bench, this.common(COMMON.queueSize, 2));
    this.setQueueAddresses(queue.descriptors, queue.avail, queue.used);
    this.setCommon(COMMON.queueEnable, 2, 1);
    this.queues[index] = queue;
    return queue;
  }
  setQueueAddresses(descriptors: number, avail: number, used: number): void {
    for (const [offset, address] of [
      [COMMON.queueDesc, descriptors],
      [COMMON.queueDriver, avail],
      [COMMON.queueDevice, used],
    ] as const) {
      this.setCommon(offset, 4, address % 2 ** 32);
      this.setCommon(offset + 4, 4, Math.floor(address / 2 ** 32));
    }
  }

  /** Routes queue and configuration interrupts to MSI-X vectors: vector v sends data 0x40 + v. */
  useMsix(vectorCount: number): void {
    for (let vector = 0; vector < vectorCount; vector++) {
      const entry = this.msixTable + 16 * vector;
      this.bench.mmio.write(entry, 4, 0xfee00000);
      this.bench.mmio.write(entry + 4, 4, 0);
      this.bench.mmio.write(entry + 8, 4, 0x40 + vector);
      this.bench.mmio.write(entry + 12, 4, 0);
    }
    this.bench.configWrite(this.device, this.msixCapability + 2, 2, 0x8000);
  }
  setQueueVector(index: number, vector: number): number {
    this.setCommon(COMMON.queueSelect, 2, index);
    this.setCommon(COMMON.queueVector, 2, vector);
    return this.common(COMMON.queueVector, 2);
  }

  notify(index: number): void {
    this.bench.mmio.write(this.structures.get(2)!.address + index * this.#notifyMultiplier, 2, index);
  }

  /** Puts one request on a queue and notifies; returns where its writable part is. */
  submit(
    index: number,
    readable: readonly Uint8Array[],
    writable: readonly number[] = [],
  ): { head: number; room: TestBuffer[] } {
    const queue = this.queues[index]!;
    const sent = readable.map((bytes) => ({ address: this.bench.place(bytes), length: bytes.length }));
    const room = writable.map((length) => ({ address: this.bench.allocate(length), length, writable: true }));
    const head = queue.chain([...sent, ...room]);
    queue.offer(head);
    this.notify(index);
    return { head, room };
  }

  /** What the device wrote into writable buffers. */
  collect(room: readonly TestBuffer[], written: number): Uint8Array {
    const bytes = new Uint8Array(written);
    let done = 0;
    for (const { address, length } of room) {
      const take = Math.min(length, written - done);
      bytes.set(this.bench.memory.view(address, take), done);
      done += take;
    }
    return bytes;
  }

  /** A request that is answered at once; its answer. */
  request(index: number, readable: readonly Uint8Array[], writable: readonly number[] = []): Uint8Array {
    const { head, room } = this.submit(index, readable, writable);
    const used = this.queues[index]!.take().find((element) => element.head === head);
    if (!used) throw new Error('the device did not answer at once');
    return this.collect(room, used.written);
  }
}
