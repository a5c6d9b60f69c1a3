/**
 * The part of a virtio transport that PCI and MMIO share: device status, feature negotiation, queues, notifications.
 * Virtio 1.2, §2.1 (status), §2.2 (features), §2.4 (reset), §3.1 (initialisation). Left out: RING_RESET, packed rings.
 */
import { VivariumError, ErrorCodes } from '../../util/errors.ts';
import { GuestAddressError, type DeviceState, type GuestMemory } from '../bus.ts';
import { StateReader } from '../state.ts';
import type { VirtioDevice, VirtioLink } from './device.ts';
import { Virtqueue } from './queue.ts';

// Device status field, §2.1.
export const STATUS_ACKNOWLEDGE = 1;
export const STATUS_DRIVER = 2;
export const STATUS_DRIVER_OK = 4;
export const STATUS_FEATURES_OK = 8;
export const STATUS_NEEDS_RESET = 64;
export const STATUS_FAILED = 128;

// Reserved feature bits, §6.
export const F_INDIRECT_DESC = 1n << 28n;
export const F_EVENT_IDX = 1n << 29n;
export const F_VERSION_1 = 1n << 32n;
const TRANSPORT_FEATURES = F_INDIRECT_DESC | F_EVENT_IDX | F_VERSION_1;

/**
 * The status state machine: a driver may set a bit only when the ones it builds on are set, in the order of §3.1.1.
 * Anything else is ignored. DEVICE_NEEDS_RESET is the device's alone, and only a reset clears bits (§2.1.1).
 */
const STATUS_TRANSITIONS: readonly { bit: number; after: number; section: string }[] = [
  { bit: STATUS_ACKNOWLEDGE, after: 0, section: '§3.1.1 step 2' },
  { bit: STATUS_DRIVER, after: STATUS_ACKNOWLEDGE, section: '§3.1.1 step 3' },
  { bit: STATUS_FEATURES_OK, after: STATUS_ACKNOWLEDGE | STATUS_DRIVER, section: '§3.1.1 step 5' },
  { bit: STATUS_DRIVER_OK, after: STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK, section: '§3.1.1 step 8' },
  { bit: STATUS_FAILED, after: 0, section: '§2.1.1' },
];

/** What the concrete transport does with an event. */
export interface TransportOwner {
  queueInterrupt(queueIndex: number): void;
  configInterrupt(): void;
}

const STATE_VERSION = 1;

export class VirtioTransport implements VirtioLink {
  readonly device: VirtioDevice;
  readonly queues: readonly Virtqueue[];
  readonly #owner: TransportOwner;
  #status = 0;
  #driverFeatures = 0n;
  #configGeneration = 0;
  #faultCount = 0;
  #lastFault = '';

  constructor(device: VirtioDevice, memory: GuestMemory, owner: TransportOwner) {
    this.device = device;
    this.#owner = owner;
    const queueOwner = {
      interrupt: (queueIndex: number) => owner.queueInterrupt(queueIndex),
      fail: (reason: string) => this.fail(reason),
    };
    this.queues = device.queueSizes.map((size, index) => new Virtqueue(index, size, memory, queueOwner));
    device.connect(this);
  }

  get offeredFeatures(): bigint {
    return this.device.features | TRANSPORT_FEATURES;
  }
  get features(): bigint {
    return this.#driverFeatures;
  }
  get status(): number {
    return this.#status;
  }
  get running(): boolean {
    return (this.#status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) === STATUS_DRIVER_OK;
  }
  get configGeneration(): number {
    return this.#configGeneration;
  }
  /** How often the driver broke the device since power-on, and how the last time; for logs. */
  get faults(): { count: number; last: string } {
    return { count: this.#faultCount, last: this.#lastFault };
  }

  /** 32 offered bits; `select` 0 is bits 0 to 31, 1 is 32 to 63, more are reserved and 0. */
  offeredFeatureWord(select: number): number {
    return select > 1 ? 0 : Number((this.offeredFeatures >> BigInt(32 * select)) & 0xffffffffn);
  }
  driverFeatureWord(select: number): number {
    return select > 1 ? 0 : Number((this.#driverFeatures >> BigInt(32 * select)) & 0xffffffffn);
  }
  /** The driver's choice; final once FEATURES_OK is set (§3.1.1 step 5). */
  setDriverFeatureWord(select: number, value: number): void {
    if (select > 1 || (this.#status & STATUS_FEATURES_OK) !== 0) return;
    const shift = BigInt(32 * select);
    this.#driverFeatures = (this.#driverFeatures & ~(0xffffffffn << shift)) | (BigInt(value >>> 0) << shift);
  }

  /** The driver writes device status; 0 resets. */
  setStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    for (const { bit, after } of STATUS_TRANSITIONS) {
      if ((value & bit) === 0 || (this.#status & bit) !== 0 || (this.#status & after) !== after) continue;
      if (bit === STATUS_FEATURES_OK && !this.#featuresAcceptable()) continue;
      this.#status |= bit;
      if (bit === STATUS_DRIVER_OK) this.guard(() => this.device.start());
    }
  }

  /** Only offered bits (§2.2.1), and never a legacy driver: VERSION_1 is required (§6.2). */
  #featuresAcceptable(): boolean {
    return (this.#driverFeatures & ~this.offeredFeatures) === 0n && (this.#driverFeatures & F_VERSION_1) !== 0n;
  }

  enableQueue(queue: Virtqueue): void {
    if (queue.ready || (this.#status & STATUS_FEATURES_OK) === 0) return;
    queue.enable({
      indirect: (this.#driverFeatures & F_INDIRECT_DESC) !== 0n,
      eventIndex: (this.#driverFeatures & F_EVENT_IDX) !== 0n,
    });
  }

  /** The driver notified a queue; before DRIVER_OK there is nothing to do (§3.1.1). */
  notify(queueIndex: number): void {
    if (!this.running || queueIndex >= this.queues.length || !this.queues[queueIndex]!.ready) return;
    this.guard(() => this.device.notify(queueIndex));
  }

  /** Runs device code; a guest address that is not RAM breaks the device, not the host. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof GuestAddressError)) throw error;
      this.fail(error.message);
    }
  }

  configChanged(): void {
    this.#configGeneration = (this.#configGeneration + 1) & 0xff;
    if (this.running) this.#owner.configInterrupt();
  }

  fail(reason: string): void {
    this.#faultCount++;
    this.#lastFault = reason;
    if ((this.#status & STATUS_NEEDS_RESET) !== 0) return;
    const wasRunning = this.running;
    this.#status |= STATUS_NEEDS_RESET;
    // §2.1.2: after DRIVER_OK the device must also send a configuration change notification.
    if (wasRunning) this.#owner.configInterrupt();
  }

  reset(): void {
    this.#status = 0;
    this.#driverFeatures = 0n;
    for (const queue of this.queues) queue.reset();
    this.device.reset();
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      deviceType: this.device.deviceType,
      status: this.#status,
      driverFeatures: this.#driverFeatures,
      configGeneration: this.#configGeneration,
      queues: this.queues.map((queue) => queue.save()),
      device: this.device.save(),
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('a virtio device', state, STATE_VERSION);
    if (reader.int('deviceType') !== this.device.deviceType) {
      throw new VivariumError(
        ErrorCodes.BAD_STATE,
        'the saved state is of another virtio device; start the machine with the same devices',
      );
    }
    this.#status = reader.int('status', 0xff);
    this.#driverFeatures = reader.uint64('driverFeatures') & this.offeredFeatures;
    this.#configGeneration = reader.int('configGeneration', 0xff);
    const queues = reader.parts('queues', this.queues.length);
    this.queues.forEach((queue, index) => queue.load(queues[index]!));
    this.device.load(reader.part('device'));
  }
}
