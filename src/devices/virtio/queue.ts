/**
 * The device side of a split virtqueue. Virtio 1.2, §2.6 (virtqueues), §2.7 (split), with indirect descriptors (§2.7.5.3)
 * and notification suppression by flags or event index (§2.7.7, §2.7.10). Left out: packed rings, in-order use.
 *
 * The driver is hostile: every address, length and index is checked, chains are bounded, and what breaks a rule breaks
 * the device (`fail`), never the host.
 */
import { assert } from '../../util/errors.ts';
import type { DeviceState, GuestMemory } from '../bus.ts';
import { StateReader } from '../state.ts';
import { DescriptorChain } from './chain.ts';

// Descriptor, §2.7.5.
const DESCRIPTOR_SIZE = 16;
const DESCRIPTOR_LENGTH = 8;
const DESCRIPTOR_FLAGS = 12;
const DESCRIPTOR_NEXT = 14;
const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
// Available ring, §2.7.6: flags, idx, ring[size], used_event.
const AVAIL_FLAGS = 0;
const AVAIL_IDX = 2;
const AVAIL_RING = 4;
const AVAIL_F_NO_INTERRUPT = 1;
// Used ring, §2.7.8: flags, idx, ring[size] of {id, len}, avail_event.
const USED_IDX = 2;
const USED_RING = 4;
const USED_ELEMENT_SIZE = 8;
const EVENT_SIZE = 2;
// Alignment, §2.7.
const DESCRIPTOR_ALIGNMENT = 16;
const AVAIL_ALIGNMENT = 2;
const USED_ALIGNMENT = 4;
/** Largest queue size, §2.7. */
export const MAX_QUEUE_SIZE = 32768;
/**
 * Most buffers in one chain. Drivers stay at or under the queue size (§2.7.5.3.1), but Linux lets an indirect table be
 * longer than the queue; this is the bound that other devices use.
 */
const MAX_CHAIN_LENGTH = 1024;
const INDEX_MASK = 0xffff;

/** Which part of the queue an address register belongs to. */
export type QueueArea = 'descriptors' | 'driver' | 'device';

/** What a queue needs from its transport. */
export interface QueueOwner {
  /** Used buffers await the driver. */
  interrupt(queueIndex: number): void;
  /** The driver broke a rule: the device needs a reset. */
  fail(reason: string): void;
}

/** A queue as people look at it. Addresses are physical; indices run modulo 65,536. */
export interface QueueView {
  readonly index: number;
  readonly size: number;
  readonly ready: boolean;
  /** Descriptor table, available ring, used ring. */
  readonly descriptors: number;
  readonly availableRing: number;
  readonly usedRing: number;
  /** What the driver made available, what the device took, what it gave back. */
  readonly available: number;
  readonly taken: number;
  readonly used: number;
  /** Taken and not given back yet; made available and not taken yet. */
  readonly inFlight: number;
  readonly waiting: number;
}

export class Virtqueue {
  readonly index: number;
  readonly maxSize: number;
  /** Entries; the driver may choose fewer than `maxSize`. */
  size: number;
  readonly #memory: GuestMemory;
  readonly #owner: QueueOwner;
  /** Address registers as the driver wrote them, low and high halves. */
  readonly #registers = { descriptors: [0, 0], driver: [0, 0], device: [0, 0] };
  #descriptors = 0;
  #avail = 0;
  #used = 0;
  #ready = false;
  #indirect = false;
  #eventIndex = false;
  #nextAvail = 0;
  #nextUsed = 0;
  /** Used index when the driver was last considered for an interrupt, §2.7.7.2. */
  #consideredUsed = 0;
  /** Rises with every reset, so that a buffer finished late can't reach the next driver's ring. */
  #generation = 0;
  readonly #spare: DescriptorChain[] = [];

  constructor(index: number, maxSize: number, memory: GuestMemory, owner: QueueOwner) {
    assert(
      maxSize > 0 && maxSize <= MAX_QUEUE_SIZE && (maxSize & (maxSize - 1)) === 0,
      'virtqueue size must be a power of two',
    );
    this.index = index;
    this.maxSize = maxSize;
    this.size = maxSize;
    this.#memory = memory;
    this.#owner = owner;
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Reads half (0 low, 1 high) of an area's address. */
  addressRegister(area: QueueArea, half: 0 | 1): number {
    return this.#registers[area][half]!;
  }
  setAddressRegister(area: QueueArea, half: 0 | 1, value: number): void {
    if (!this.#ready) this.#registers[area][half] = value >>> 0;
  }
  #address(area: QueueArea): number {
    const [low, high] = this.#registers[area];
    return low! + high! * 2 ** 32;
  }

  /** Starts using the rings where the address registers say; fails the device when they can't be there. */
  enable(features: { indirect: boolean; eventIndex: boolean }): void {
    const { size } = this;
    const descriptors = this.#address('descriptors');
    const avail = this.#address('driver');
    const used = this.#address('device');
    const sizeValid = size > 0 && size <= this.maxSize && (size & (size - 1)) === 0;
    if (
      !sizeValid ||
      !this.#fits(descriptors, DESCRIPTOR_SIZE * size, DESCRIPTOR_ALIGNMENT) ||
      !this.#fits(avail, AVAIL_RING + 2 * size + EVENT_SIZE, AVAIL_ALIGNMENT) ||
      !this.#fits(used, USED_RING + USED_ELEMENT_SIZE * size + EVENT_SIZE, USED_ALIGNMENT)
    ) {
      this.#owner.fail(`queue ${this.index} has a bad size or ring address`);
      return;
    }
    this.#descriptors = descriptors;
    this.#avail = avail;
    this.#used = used;
    this.#indirect = features.indirect;
    this.#eventIndex = features.eventIndex;
    this.#ready = true;
  }

  reset(): void {
    this.size = this.maxSize;
    for (const area of ['descriptors', 'driver', 'device'] as const) this.#registers[area] = [0, 0];
    this.#ready = false;
    this.#nextAvail = 0;
    this.#nextUsed = 0;
    this.#consideredUsed = 0;
    this.#generation++;
    this.#spare.length = 0;
  }

  /**
   * Takes the next chain that the driver made available, or undefined when there is none (or the queue is not usable).
   * When there is none, the driver is asked to notify about the next one.
   */
  pop(): DescriptorChain | undefined {
    if (!this.#ready) return undefined;
    const waiting = this.#waiting();
    if (waiting === 0) return undefined;
    if (waiting > this.size) return this.#broken('has an available index that ran ahead of its size');
    const slot = this.#nextAvail & (this.size - 1);
    const head = this.#memory.read16(this.#avail + AVAIL_RING + 2 * slot);
    this.#nextAvail = (this.#nextAvail + 1) & INDEX_MASK;
    return this.#parse(head);
  }

  #waiting(): number {
    const waiting = this.#availableIndex();
    if (waiting !== 0 || !this.#eventIndex) return waiting;
    // Ask first, then look again: a buffer added in between is then seen either here or by its notification, §2.7.10.
    this.#memory.write16(this.#used + USED_RING + USED_ELEMENT_SIZE * this.size, this.#nextAvail);
    return this.#availableIndex();
  }
  #availableIndex(): number {
    return (this.#memory.read16(this.#avail + AVAIL_IDX) - this.#nextAvail) & INDEX_MASK;
  }

  /**
   * Gives a chain back with `writtenBytes` of its device-writable part filled. Call {@link signal} after a batch. The
   * chain object is reused: don't touch it afterwards. A chain from before a reset is dropped.
   */
  push(chain: DescriptorChain, writtenBytes: number): void {
    if (chain.generation !== this.#generation) return;
    const element = this.#used + USED_RING + USED_ELEMENT_SIZE * (this.#nextUsed & (this.size - 1));
    this.#memory.write32(element, chain.head);
    this.#memory.write32(element + 4, writtenBytes);
    this.#nextUsed = (this.#nextUsed + 1) & INDEX_MASK;
    this.#memory.write16(this.#used + USED_IDX, this.#nextUsed);
    if (this.#spare.length < this.size) this.#spare.push(chain);
  }

  /** Interrupts the driver for what was pushed since the last time, unless it asked not to be. */
  signal(): void {
    if (!this.#ready || this.#consideredUsed === this.#nextUsed) return;
    const before = this.#consideredUsed;
    this.#consideredUsed = this.#nextUsed;
    if (this.#eventIndex) {
      // The driver wants to know once the used index passes used_event, §2.7.7.2.
      const usedEvent = this.#memory.read16(this.#avail + AVAIL_RING + 2 * this.size);
      const pushed = (this.#nextUsed - before) & INDEX_MASK;
      if (((this.#nextUsed - usedEvent - 1) & INDEX_MASK) >= pushed) return;
    } else if ((this.#memory.read16(this.#avail + AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT) !== 0) return;
    this.#owner.interrupt(this.index);
  }

  /** Whether a chain still belongs to the running driver (false once the device was reset). */
  owns(chain: DescriptorChain): boolean {
    return chain.generation === this.#generation;
  }

  #parse(head: number): DescriptorChain | undefined {
    const memory = this.#memory;
    const chain = this.#spare.pop() ?? new DescriptorChain(memory);
    chain.begin(head, this.#generation);
    let table = this.#descriptors;
    let tableLength = this.size;
    let index = head;
    let followed = 0;
    let inIndirect = false;
    for (;;) {
      if (index >= tableLength) return this.#broken('has a descriptor index outside its table');
      const entry = table + DESCRIPTOR_SIZE * index;
      const address = memory.read32(entry) + memory.read32(entry + 4) * 2 ** 32;
      const length = memory.read32(entry + DESCRIPTOR_LENGTH);
      const flags = memory.read16(entry + DESCRIPTOR_FLAGS);
      if (!this.#fits(address, length, 1)) return this.#broken('has a buffer outside RAM');
      if ((flags & DESC_F_INDIRECT) !== 0) {
        const misplaced = !this.#indirect || inIndirect || (flags & DESC_F_NEXT) !== 0;
        if (misplaced || length === 0 || length % DESCRIPTOR_SIZE !== 0)
          return this.#broken('has a misplaced indirect descriptor');
        inIndirect = true;
        table = address;
        tableLength = length / DESCRIPTOR_SIZE;
        index = 0;
        followed = 0;
        continue;
      }
      if (!chain.append(address, length, (flags & DESC_F_WRITE) !== 0))
        return this.#broken('has a readable buffer after a writable one');
      if ((flags & DESC_F_NEXT) === 0) return chain;
      // More links than entries means a loop.
      if (++followed >= tableLength || chain.bufferCount >= MAX_CHAIN_LENGTH)
        return this.#broken('has a descriptor chain that loops or is too long');
      index = memory.read16(entry + DESCRIPTOR_NEXT);
    }
  }

  #fits(address: number, byteCount: number, alignment: number): boolean {
    return address % alignment === 0 && address + byteCount <= this.#memory.size;
  }

  #broken(what: string): undefined {
    this.#ready = false;
    this.#owner.fail(`queue ${this.index} ${what}`);
    return undefined;
  }

  /** Where it is and how far both sides have come, for people. Changes nothing. */
  look(): QueueView {
    const available = this.#ready ? this.#memory.read16(this.#avail + AVAIL_IDX) : 0;
    return {
      index: this.index,
      size: this.size,
      ready: this.#ready,
      descriptors: this.#address('descriptors'),
      availableRing: this.#address('driver'),
      usedRing: this.#address('device'),
      available,
      taken: this.#nextAvail,
      used: this.#nextUsed,
      inFlight: (this.#nextAvail - this.#nextUsed) & INDEX_MASK,
      waiting: this.#ready ? (available - this.#nextAvail) & INDEX_MASK : 0,
    };
  }

  save(): DeviceState {
    return {
      size: this.size,
      descriptors: this.#registers.descriptors,
      driver: this.#registers.driver,
      device: this.#registers.device,
      ready: this.#ready,
      indirect: this.#indirect,
      eventIndex: this.#eventIndex,
      nextAvail: this.#nextAvail,
      nextUsed: this.#nextUsed,
      consideredUsed: this.#consideredUsed,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('a virtqueue', state);
    this.reset();
    this.size = reader.int('size', INDEX_MASK);
    for (const area of ['descriptors', 'driver', 'device'] as const) this.#registers[area] = reader.ints(area, 2);
    if (reader.boolean('ready'))
      this.enable({ indirect: reader.boolean('indirect'), eventIndex: reader.boolean('eventIndex') });
    this.#nextAvail = reader.int('nextAvail', INDEX_MASK);
    this.#nextUsed = reader.int('nextUsed', INDEX_MASK);
    this.#consideredUsed = reader.int('consideredUsed', INDEX_MASK);
  }
}
