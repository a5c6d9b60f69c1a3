/**
 * A virtio device as a PCI function. Virtio 1.2, §4.1, modern only (no legacy or transitional interface).
 * BAR 0 holds the common, ISR, device and notification structures, BAR 1 the MSI-X table and pending bits.
 */
import type { AccessSize, DeviceState, GuestMemory, MmioDevice } from '../bus.ts';
import type { MsiSink } from '../irq.ts';
import { PciFunction } from '../pci/function.ts';
import { Msix } from '../pci/msix.ts';
import { CAP_MSIX, CAP_VENDOR, MSIX_ENTRY_SIZE, MSIX_MESSAGE_CONTROL } from '../pci/registers.ts';
import { StateReader } from '../state.ts';
import { DeviceTypes, type VirtioDevice } from './device.ts';
import type { QueueArea, Virtqueue } from './queue.ts';
import { VirtioTransport } from './transport.ts';

// PCI identity, §4.1.2.
const VIRTIO_VENDOR_ID = 0x1af4;
const MODERN_DEVICE_ID_BASE = 0x1040;
const MODERN_REVISION = 1;
/** Class codes, PCI Code and ID Assignment 1.11; drivers don't look, people reading lspci do. */
const CLASS_CODES: Readonly<Record<number, number>> = {
  [DeviceTypes.network]: 0x020000,
  [DeviceTypes.block]: 0x018000,
  [DeviceTypes.console]: 0x078000,
};
const CLASS_OTHER = 0xff0000;
const INTA = 1;

// Structure capability, §4.1.4.
const CFG_TYPE_COMMON = 1;
const CFG_TYPE_NOTIFY = 2;
const CFG_TYPE_ISR = 3;
const CFG_TYPE_DEVICE = 4;
const CFG_TYPE_PCI = 5;
const CAP_LENGTH = 16;
const CAP_BAR = 4;
const CAP_OFFSET = 8;
const CAP_STRUCTURE_LENGTH = 12;
/** Extra field of the notification and PCI access capabilities, §4.1.4.4 and §4.1.4.9. */
const CAP_EXTRA = 16;
const CAP_EXTRA_LENGTH = 4;

// Layout of BAR 0.
const STRUCTURES_BAR = 0;
const MSIX_BAR = 1;
const COMMON_OFFSET = 0x0000;
const ISR_OFFSET = 0x1000;
const DEVICE_OFFSET = 0x2000;
const NOTIFY_OFFSET = 0x3000;
const STRUCTURES_SIZE = 0x4000;
const STRUCTURE_SPACING = 0x1000;
const NOTIFY_OFF_MULTIPLIER = 4;
// Layout of BAR 1: room for 64 vectors, then the pending bits.
const MSIX_TABLE_OFFSET = 0;
const MSIX_PBA_OFFSET = 0x800;
const MSIX_BAR_SIZE = 0x1000;

// Common configuration structure, §4.1.4.3.
const DEVICE_FEATURE_SELECT = 0x00;
const DEVICE_FEATURE = 0x04;
const DRIVER_FEATURE_SELECT = 0x08;
const DRIVER_FEATURE = 0x0c;
const CONFIG_MSIX_VECTOR = 0x10;
const NUM_QUEUES = 0x12;
const DEVICE_STATUS = 0x14;
const CONFIG_GENERATION = 0x15;
const QUEUE_SELECT = 0x16;
const QUEUE_SIZE = 0x18;
const QUEUE_MSIX_VECTOR = 0x1a;
const QUEUE_ENABLE = 0x1c;
const QUEUE_NOTIFY_OFF = 0x1e;
const QUEUE_DESC = 0x20;
const QUEUE_DRIVER = 0x28;
const QUEUE_DEVICE = 0x30;
const COMMON_LENGTH = 0x38;
/** No interrupt is mapped, §4.1.4.3. */
const NO_VECTOR = 0xffff;

// ISR status, §4.1.4.5.
const ISR_QUEUE = 1;
const ISR_CONFIG = 2;
const ISR_LENGTH = 1;

/** A field that must be accessed with its own width (§4.1.3.1). */
interface CommonField {
  size: AccessSize;
  read(self: VirtioPci): number;
  write?(self: VirtioPci, value: number): void;
}

export interface VirtioPciOptions {
  device: VirtioDevice;
  memory: GuestMemory;
  msi: MsiSink;
}

export class VirtioPci extends PciFunction {
  readonly transport: VirtioTransport;
  readonly #msix: Msix;
  readonly #msixCapability: number;
  readonly #pciAccessCapability: number;
  /** Plain registers of the common structure; COMMON_FIELDS below gives them their meaning. */
  readonly registers = { deviceFeatureSelect: 0, driverFeatureSelect: 0, queueSelect: 0, configVector: NO_VECTOR };
  readonly #queueVectors: Uint16Array;
  #isr = 0;

  constructor({ device, memory, msi }: VirtioPciOptions) {
    const deviceId = MODERN_DEVICE_ID_BASE + device.deviceType;
    super({
      vendorId: VIRTIO_VENDOR_ID,
      deviceId,
      classCode: CLASS_CODES[device.deviceType] ?? CLASS_OTHER,
      revision: MODERN_REVISION,
      subsystemVendorId: VIRTIO_VENDOR_ID,
      subsystemId: deviceId,
      interruptPin: INTA,
    });
    this.transport = new VirtioTransport(device, memory, {
      queueInterrupt: (queueIndex) => this.#interrupt(this.#queueVectors[queueIndex]!, ISR_QUEUE),
      configInterrupt: () => this.#interrupt(this.registers.configVector, ISR_CONFIG),
    });
    const queueCount = this.transport.queues.length;
    this.#queueVectors = new Uint16Array(queueCount).fill(NO_VECTOR);
    // One vector a queue and one for configuration changes, as far as the table has room; drivers share beyond that.
    const vectorCount = Math.min(queueCount + 1, (MSIX_PBA_OFFSET - MSIX_TABLE_OFFSET) / MSIX_ENTRY_SIZE);
    this.#msix = new Msix(vectorCount, msi);

    this.#addStructure(CFG_TYPE_COMMON, COMMON_OFFSET, COMMON_LENGTH);
    this.#addStructure(CFG_TYPE_ISR, ISR_OFFSET, ISR_LENGTH);
    if (device.configLength > 0) this.#addStructure(CFG_TYPE_DEVICE, DEVICE_OFFSET, device.configLength);
    this.#addStructure(CFG_TYPE_NOTIFY, NOTIFY_OFFSET, NOTIFY_OFF_MULTIPLIER * queueCount, NOTIFY_OFF_MULTIPLIER);
    this.#pciAccessCapability = this.#addStructure(CFG_TYPE_PCI, 0, 0, 0);
    const msixCapability = this.#msix.capability(MSIX_BAR, MSIX_TABLE_OFFSET, MSIX_BAR, MSIX_PBA_OFFSET);
    this.#msixCapability = this.config.addCapability(CAP_MSIX, msixCapability.body, msixCapability.writable);

    this.addBar(STRUCTURES_BAR, 'memory32', STRUCTURES_SIZE, {
      mmioRead: (offset, size) => this.#structureRead(offset, size),
      mmioWrite: (offset, size, value) => this.#structureWrite(offset, size, value),
    });
    this.addBar(MSIX_BAR, 'memory32', MSIX_BAR_SIZE, this.#msixRegion());
  }

  #addStructure(type: number, offset: number, length: number, extra?: number): number {
    const body = new Uint8Array(CAP_LENGTH + (extra === undefined ? 0 : CAP_EXTRA_LENGTH) - 2);
    const writable = new Uint8Array(body.length);
    const view = new DataView(body.buffer);
    body[0] = body.length + 2;
    body[1] = type;
    body[CAP_BAR - 2] = STRUCTURES_BAR;
    view.setUint32(CAP_OFFSET - 2, offset, true);
    view.setUint32(CAP_STRUCTURE_LENGTH - 2, length, true);
    if (extra !== undefined) view.setUint32(CAP_EXTRA - 2, extra, true);
    if (type === CFG_TYPE_PCI) {
      // §4.1.4.9: the driver chooses BAR, offset and length, then reads or writes the data field.
      writable[CAP_BAR - 2] = 0xff;
      writable.fill(0xff, CAP_OFFSET - 2);
    }
    return this.config.addCapability(CAP_VENDOR, body, writable);
  }

  #msixRegion(): MmioDevice {
    const { table, pba } = this.#msix;
    return {
      mmioRead: (offset, size) =>
        offset < MSIX_PBA_OFFSET ? table.mmioRead(offset, size) : pba.mmioRead(offset - MSIX_PBA_OFFSET, size),
      mmioWrite: (offset, size, value) => {
        if (offset < MSIX_PBA_OFFSET) table.mmioWrite(offset, size, value);
      },
    };
  }

  // --- Interrupts, §4.1.5.3 ---

  #interrupt(vector: number, isrBit: number): void {
    if (this.#msix.enabled) {
      if (this.busMaster) this.#msix.trigger(vector);
      return;
    }
    this.#isr |= isrBit;
    this.setIntx(true);
  }

  // --- BAR 0 ---

  #structureRead(offset: number, size: AccessSize): number {
    const within = offset % STRUCTURE_SPACING;
    switch (offset - within) {
      case COMMON_OFFSET: {
        const field = COMMON_FIELDS[within];
        return field?.size === size ? field.read(this) : 0;
      }
      case ISR_OFFSET:
        return within === 0 ? this.#readIsr() : 0;
      case DEVICE_OFFSET:
        return within + size <= this.transport.device.configLength ? this.transport.device.configRead(within, size) : 0;
      default:
        return 0;
    }
  }

  #structureWrite(offset: number, size: AccessSize, value: number): void {
    const within = offset % STRUCTURE_SPACING;
    switch (offset - within) {
      case COMMON_OFFSET: {
        const field = COMMON_FIELDS[within];
        if (field?.size === size) field.write?.(this, value);
        break;
      }
      case DEVICE_OFFSET:
        if (within + size <= this.transport.device.configLength)
          this.transport.guard(() => this.transport.device.configWrite(within, size, value));
        break;
      case NOTIFY_OFFSET:
        // The offset names the queue; the value repeats it (§4.1.5.2). Without bus mastering rings can't be read.
        if (within % NOTIFY_OFF_MULTIPLIER === 0 && this.busMaster)
          this.transport.notify(within / NOTIFY_OFF_MULTIPLIER);
        break;
      default:
    }
  }

  /** Reading clears it and lowers the pin, §4.1.4.5.1. */
  #readIsr(): number {
    const isr = this.#isr;
    this.#isr = 0;
    this.setIntx(false);
    return isr;
  }

  // --- Common structure; called through COMMON_FIELDS ---

  /** The selected queue, or undefined when the driver selected one that does not exist. */
  get selectedQueue(): Virtqueue | undefined {
    return this.transport.queues[this.registers.queueSelect];
  }
  /** What a vector register takes: a vector that can't be mapped reads back as NO_VECTOR (§4.1.5.1.2.1). */
  mappableVector(value: number): number {
    return value < this.#msix.vectorCount ? value : NO_VECTOR;
  }
  get queueVector(): number {
    return this.#queueVectors[this.registers.queueSelect] ?? NO_VECTOR;
  }
  set queueVector(value: number) {
    if (this.selectedQueue) this.#queueVectors[this.registers.queueSelect] = this.mappableVector(value);
  }
  /** Driver's write to device status. */
  setDeviceStatus(value: number): void {
    if (value === 0) this.#resetRegisters();
    this.transport.setStatus(value);
  }

  #resetRegisters(): void {
    Object.assign(this.registers, {
      deviceFeatureSelect: 0,
      driverFeatureSelect: 0,
      queueSelect: 0,
      configVector: NO_VECTOR,
    });
    this.#queueVectors.fill(NO_VECTOR);
    this.#isr = 0;
    this.setIntx(false);
  }

  // --- Configuration space ---

  override configRead(offset: number, size: AccessSize): number {
    if (offset === this.#pciAccessCapability + CAP_EXTRA) {
      const access = this.#pciAccess();
      if (access && access.size === size) return this.#structureRead(access.offset, size);
    }
    return super.configRead(offset, size);
  }

  override configWrite(offset: number, size: AccessSize, value: number): void {
    super.configWrite(offset, size, value);
    if (offset === this.#pciAccessCapability + CAP_EXTRA) {
      const access = this.#pciAccess();
      if (access && access.size === size) this.#structureWrite(access.offset, size, value);
    }
    const control = this.#msixCapability + MSIX_MESSAGE_CONTROL;
    if (offset < control + 2 && offset + size > control) {
      this.#msix.controlChanged(this.config.get16(control));
      if (this.#msix.enabled) this.setIntx(false);
    }
  }

  /** What the PCI access capability points at, if that is valid (§4.1.4.9.1). */
  #pciAccess(): { offset: number; size: AccessSize } | undefined {
    const at = this.#pciAccessCapability;
    const length = this.config.get32(at + CAP_STRUCTURE_LENGTH);
    const offset = this.config.get32(at + CAP_OFFSET);
    const widthValid = length === 1 || length === 2 || length === 4;
    if (
      !widthValid ||
      this.config.get8(at + CAP_BAR) !== STRUCTURES_BAR ||
      offset % length !== 0 ||
      offset + length > STRUCTURES_SIZE
    )
      return undefined;
    return { offset, size: length };
  }

  /** Once bus mastering comes on, catch up with notifications that came before. */
  protected override commandChanged(): void {
    if (!this.busMaster) return;
    this.transport.queues.forEach((_, index) => this.transport.notify(index));
  }

  override reset(): void {
    this.#resetRegisters();
    this.#msix.reset();
    this.config.write(this.#msixCapability + MSIX_MESSAGE_CONTROL, 2, 0);
    this.transport.reset();
    super.reset();
  }

  // --- State ---

  override save(): DeviceState {
    return {
      ...super.save(),
      virtio: this.transport.save(),
      msix: this.#msix.save(),
      registers: { ...this.registers },
      queueVectors: [...this.#queueVectors],
      isr: this.#isr,
    };
  }

  override load(state: DeviceState): void {
    const reader = new StateReader('a virtio-pci function', state);
    this.#msix.load(reader.part('msix'));
    const registers = new StateReader('a virtio-pci function', reader.part('registers'));
    for (const name of Object.keys(this.registers) as (keyof typeof this.registers)[])
      this.registers[name] = registers.int(name);
    this.#queueVectors.set(reader.ints('queueVectors', this.#queueVectors.length, NO_VECTOR));
    this.#isr = reader.int('isr', ISR_QUEUE | ISR_CONFIG);
    this.transport.load(reader.part('virtio'));
    super.load(state);
  }

  override async quiesce(): Promise<void> {
    await this.transport.device.quiesce();
  }
}

function registerField(size: AccessSize, name: keyof VirtioPci['registers']): CommonField {
  return {
    size,
    read: (self) => self.registers[name],
    write: (self, value) => {
      self.registers[name] = value;
    },
  };
}

/** Two 32-bit halves of a queue address register. */
function addressField(area: QueueArea, half: 0 | 1): CommonField {
  return {
    size: 4,
    read: (self) => self.selectedQueue?.addressRegister(area, half) ?? 0,
    write: (self, value) => self.selectedQueue?.setAddressRegister(area, half, value),
  };
}

/** The common structure by offset. */
const COMMON_FIELDS: Readonly<Record<number, CommonField | undefined>> = {
  [DEVICE_FEATURE_SELECT]: registerField(4, 'deviceFeatureSelect'),
  [DEVICE_FEATURE]: { size: 4, read: (self) => self.transport.offeredFeatureWord(self.registers.deviceFeatureSelect) },
  [DRIVER_FEATURE_SELECT]: registerField(4, 'driverFeatureSelect'),
  [DRIVER_FEATURE]: {
    size: 4,
    read: (self) => self.transport.driverFeatureWord(self.registers.driverFeatureSelect),
    write: (self, value) => self.transport.setDriverFeatureWord(self.registers.driverFeatureSelect, value),
  },
  [CONFIG_MSIX_VECTOR]: {
    size: 2,
    read: (self) => self.registers.configVector,
    write: (self, value) => {
      self.registers.configVector = self.mappableVector(value);
    },
  },
  [NUM_QUEUES]: { size: 2, read: (self) => self.transport.queues.length },
  [DEVICE_STATUS]: {
    size: 1,
    read: (self) => self.transport.status,
    write: (self, value) => self.setDeviceStatus(value),
  },
  [CONFIG_GENERATION]: { size: 1, read: (self) => self.transport.configGeneration },
  [QUEUE_SELECT]: registerField(2, 'queueSelect'),
  [QUEUE_SIZE]: {
    size: 2,
    read: (self) => self.selectedQueue?.size ?? 0,
    write: (self, value) => {
      if (self.selectedQueue && !self.selectedQueue.ready) self.selectedQueue.size = value;
    },
  },
  [QUEUE_MSIX_VECTOR]: {
    size: 2,
    read: (self) => self.queueVector,
    write: (self, value) => {
      self.queueVector = value;
    },
  },
  [QUEUE_ENABLE]: {
    size: 2,
    read: (self) => Number(self.selectedQueue?.ready ?? false),
    // §4.1.4.3.2: the driver must not write 0.
    write: (self, value) => {
      if (value === 1 && self.selectedQueue) self.transport.enableQueue(self.selectedQueue);
    },
  },
  [QUEUE_NOTIFY_OFF]: { size: 2, read: (self) => (self.selectedQueue ? self.registers.queueSelect : 0) },
  [QUEUE_DESC]: addressField('descriptors', 0),
  [QUEUE_DESC + 4]: addressField('descriptors', 1),
  [QUEUE_DRIVER]: addressField('driver', 0),
  [QUEUE_DRIVER + 4]: addressField('driver', 1),
  [QUEUE_DEVICE]: addressField('device', 0),
  [QUEUE_DEVICE + 4]: addressField('device', 1),
};
