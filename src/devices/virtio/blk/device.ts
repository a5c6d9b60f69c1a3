/**
 * Virtio block device. Virtio 1.2, §5.2. One queue; requests that the back end finishes later complete out of order.
 * Left out: several queues, geometry, topology, secure erase, zoned storage, write-cache control.
 */
import { assert } from '../../../util/errors.ts';
import type { AccessSize, DeviceState } from '../../bus.ts';
import type { DescriptorChain } from '../chain.ts';
import { DeviceTypes, DISCONNECTED, readConfigBytes, type VirtioDevice, type VirtioLink } from '../device.ts';
import type { Virtqueue } from '../queue.ts';
import type { BlockBackend } from './backend.ts';

// Feature bits, §5.2.3.
export const BLK_F_SIZE_MAX = 1n << 1n;
export const BLK_F_SEG_MAX = 1n << 2n;
export const BLK_F_RO = 1n << 5n;
export const BLK_F_BLK_SIZE = 1n << 6n;
export const BLK_F_FLUSH = 1n << 9n;
export const BLK_F_DISCARD = 1n << 13n;
export const BLK_F_WRITE_ZEROES = 1n << 14n;

// Configuration structure, §5.2.4.
const CONFIG_CAPACITY = 0;
const CONFIG_SIZE_MAX = 8;
const CONFIG_SEG_MAX = 12;
const CONFIG_BLK_SIZE = 20;
const CONFIG_MAX_DISCARD_SECTORS = 36;
const CONFIG_MAX_DISCARD_SEG = 40;
const CONFIG_DISCARD_SECTOR_ALIGNMENT = 44;
const CONFIG_MAX_WRITE_ZEROES_SECTORS = 48;
const CONFIG_MAX_WRITE_ZEROES_SEG = 52;
const CONFIG_WRITE_ZEROES_MAY_UNMAP = 56;
const CONFIG_LENGTH = 60;

// Request types and status, §5.2.6.
const T_IN = 0;
const T_OUT = 1;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;
const T_WRITE_ZEROES = 13;
const S_OK = 0;
const S_IOERR = 1;
const S_UNSUPP = 2;
/** Request header: type, reserved, sector. */
const HEADER_LENGTH = 16;
const HEADER_SECTOR = 8;
const STATUS_LENGTH = 1;
const ID_LENGTH = 20;
/** Discard and write-zeroes segment: sector, sector count, flags. */
const SEGMENT_LENGTH = 16;
const SEGMENT_COUNT = 8;
const SEGMENT_FLAGS = 12;
const SEGMENT_FLAG_UNMAP = 1;

const SECTOR_SIZE = 512;
const QUEUE_SIZE = 256;
/** Our limits: 126 segments of 128 KiB, so that one request is under 16 MiB whatever a driver does. */
const SEGMENT_BYTES_MAX = 128 * 1024;
const SEGMENT_COUNT_MAX = 126;
const REQUEST_BYTES_MAX = SEGMENT_BYTES_MAX * SEGMENT_COUNT_MAX;
const RANGE_SECTORS_MAX = 2 ** 22;
const RANGE_SEGMENTS_MAX = 16;

/** A request error that the driver sees as VIRTIO_BLK_S_IOERR or _UNSUPP. */
class RequestError extends Error {
  readonly status: number;
  constructor(status: number) {
    super('block request refused');
    this.status = status;
  }
}

export class VirtioBlk implements VirtioDevice {
  readonly deviceType = DeviceTypes.block;
  readonly features: bigint;
  readonly queueSizes = [QUEUE_SIZE];
  readonly configLength = CONFIG_LENGTH;
  readonly #backend: BlockBackend;
  readonly #config = new Uint8Array(CONFIG_LENGTH);
  readonly #header = new Uint8Array(HEADER_LENGTH);
  readonly #headerView = new DataView(this.#header.buffer);
  readonly #status = new Uint8Array(STATUS_LENGTH);
  /** Transfer buffer for requests that finish at once; one that does not takes it along. */
  #transfer = new Uint8Array(0);
  readonly #underWay = new Set<Promise<void>>();
  #link: VirtioLink = DISCONNECTED;

  constructor(backend: BlockBackend) {
    assert(backend.byteCount % SECTOR_SIZE === 0, 'a block back end holds whole sectors');
    this.#backend = backend;
    this.features =
      BLK_F_SIZE_MAX |
      BLK_F_SEG_MAX |
      BLK_F_BLK_SIZE |
      BLK_F_FLUSH |
      (backend.readOnly ? BLK_F_RO : 0n) |
      (backend.discard && !backend.readOnly ? BLK_F_DISCARD : 0n) |
      (backend.writeZeroes && !backend.readOnly ? BLK_F_WRITE_ZEROES : 0n);
    const config = new DataView(this.#config.buffer);
    config.setBigUint64(CONFIG_CAPACITY, BigInt(backend.byteCount / SECTOR_SIZE), true);
    config.setUint32(CONFIG_SIZE_MAX, SEGMENT_BYTES_MAX, true);
    config.setUint32(CONFIG_SEG_MAX, SEGMENT_COUNT_MAX, true);
    config.setUint32(CONFIG_BLK_SIZE, SECTOR_SIZE, true);
    config.setUint32(CONFIG_MAX_DISCARD_SECTORS, RANGE_SECTORS_MAX, true);
    config.setUint32(CONFIG_MAX_DISCARD_SEG, RANGE_SEGMENTS_MAX, true);
    config.setUint32(CONFIG_DISCARD_SECTOR_ALIGNMENT, 1, true);
    config.setUint32(CONFIG_MAX_WRITE_ZEROES_SECTORS, RANGE_SECTORS_MAX, true);
    config.setUint32(CONFIG_MAX_WRITE_ZEROES_SEG, RANGE_SEGMENTS_MAX, true);
    config.setUint8(CONFIG_WRITE_ZEROES_MAY_UNMAP, 1);
  }

  /** Whether its back end has not finished a request yet. */
  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  connect(link: VirtioLink): void {
    this.#link = link;
  }
  configRead(offset: number, size: AccessSize): number {
    return readConfigBytes(this.#config, offset, size);
  }
  configWrite(): void {}
  start(): void {}
  reset(): void {}

  notify(): void {
    const queue = this.#link.queues[0]!;
    // At most one ring's worth: what a driver adds meanwhile comes with its own notification.
    for (let served = 0; served < queue.size; served++) {
      const chain = queue.pop();
      if (!chain) break;
      this.#serve(queue, chain);
    }
    queue.signal();
  }

  #serve(queue: Virtqueue, chain: DescriptorChain): void {
    if (chain.read(0, this.#header) < HEADER_LENGTH || chain.writableBytes < STATUS_LENGTH) {
      this.#link.fail('block request without header or status');
      return;
    }
    let result: number | Promise<number>;
    try {
      result = this.#execute(queue, chain);
    } catch (error) {
      this.#complete(queue, chain, 0, statusOf(error));
      return;
    }
    if (typeof result === 'number') {
      this.#complete(queue, chain, result, S_OK);
      return;
    }
    const ended = result.then(
      (written) => this.#complete(queue, chain, written, S_OK),
      (error: unknown) => this.#complete(queue, chain, 0, statusOf(error)),
    );
    const settled = ended.then(() => {
      queue.signal();
      this.#underWay.delete(settled);
    });
    this.#underWay.add(settled);
  }

  #complete(queue: Virtqueue, chain: DescriptorChain, written: number, status: number): void {
    if (!queue.owns(chain)) return;
    this.#status[0] = status;
    chain.write(chain.writableBytes - STATUS_LENGTH, this.#status);
    // The used length counts from the start without gaps (§2.7.8.2): it reaches the status only over all the data.
    const dataRoom = chain.writableBytes - STATUS_LENGTH;
    queue.push(chain, written === dataRoom ? chain.writableBytes : written);
  }

  /** Carries a request out; returns how many data bytes the guest got, now or later. Throws when it can't be done. */
  #execute(queue: Virtqueue, chain: DescriptorChain): number | Promise<number> {
    const backend = this.#backend;
    const type = this.#headerView.getUint32(0, true);
    // Exact below 2^53; anything above fails the range check like any other bad sector.
    const offset = Number(this.#headerView.getBigUint64(HEADER_SECTOR, true)) * SECTOR_SIZE;
    switch (type) {
      case T_IN: {
        const byteCount = chain.writableBytes - STATUS_LENGTH;
        this.#checkRange(offset, byteCount);
        const target = this.#borrow(byteCount);
        const pending = backend.read(offset, target);
        if (!pending) return chain.write(0, target);
        this.#transfer = new Uint8Array(0);
        // After a reset the guest memory is no longer ours to write.
        return pending.then(() => (queue.owns(chain) ? chain.write(0, target) : 0));
      }
      case T_OUT: {
        if (backend.readOnly) throw new RequestError(S_IOERR);
        const byteCount = chain.readableBytes - HEADER_LENGTH;
        this.#checkRange(offset, byteCount);
        let bytes = chain.viewReadable(HEADER_LENGTH, byteCount);
        if (!bytes) {
          bytes = this.#borrow(byteCount);
          chain.read(HEADER_LENGTH, bytes);
        }
        return nothingWritten(backend.write(offset, bytes));
      }
      case T_FLUSH:
        return nothingWritten(backend.flush());
      case T_GET_ID: {
        const id = new Uint8Array(Math.min(ID_LENGTH, chain.writableBytes - STATUS_LENGTH));
        for (let i = 0; i < Math.min(id.length, backend.id.length); i++) id[i] = backend.id.charCodeAt(i);
        return chain.write(0, id);
      }
      case T_DISCARD:
      case T_WRITE_ZEROES:
        return this.#executeRanges(chain, type);
      default:
        throw new RequestError(S_UNSUPP);
    }
  }

  #executeRanges(chain: DescriptorChain, type: typeof T_DISCARD | typeof T_WRITE_ZEROES): number | Promise<number> {
    const backend = this.#backend;
    const byteCount = chain.readableBytes - HEADER_LENGTH;
    const supported = type === T_DISCARD ? backend.discard : backend.writeZeroes;
    if (!supported || backend.readOnly) throw new RequestError(S_UNSUPP);
    if (byteCount === 0 || byteCount % SEGMENT_LENGTH !== 0 || byteCount / SEGMENT_LENGTH > RANGE_SEGMENTS_MAX)
      throw new RequestError(S_IOERR);
    const segments = new Uint8Array(byteCount);
    chain.read(HEADER_LENGTH, segments);
    const view = new DataView(segments.buffer);
    const pending: Promise<void>[] = [];
    for (let at = 0; at < byteCount; at += SEGMENT_LENGTH) {
      const offset = Number(view.getBigUint64(at, true)) * SECTOR_SIZE;
      const sectors = view.getUint32(at + SEGMENT_COUNT, true);
      const flags = view.getUint32(at + SEGMENT_FLAGS, true);
      // §5.2.6.2: reserved flags are unsupported, and unmap is meaningless for discard.
      if ((flags & ~SEGMENT_FLAG_UNMAP) !== 0 || (type === T_DISCARD && flags !== 0)) throw new RequestError(S_UNSUPP);
      if (sectors > RANGE_SECTORS_MAX || offset + sectors * SECTOR_SIZE > backend.byteCount)
        throw new RequestError(S_IOERR);
      const result =
        type === T_DISCARD
          ? backend.discard!(offset, sectors * SECTOR_SIZE)
          : backend.writeZeroes!(offset, sectors * SECTOR_SIZE, (flags & SEGMENT_FLAG_UNMAP) !== 0);
      if (result) pending.push(result);
    }
    return pending.length === 0 ? 0 : Promise.all(pending).then(() => 0);
  }

  #checkRange(offset: number, byteCount: number): void {
    const valid =
      byteCount % SECTOR_SIZE === 0 && byteCount <= REQUEST_BYTES_MAX && offset + byteCount <= this.#backend.byteCount;
    if (!valid) throw new RequestError(S_IOERR);
  }

  #borrow(byteCount: number): Uint8Array {
    if (this.#transfer.length < byteCount) this.#transfer = new Uint8Array(byteCount);
    return this.#transfer.subarray(0, byteCount);
  }

  /** The disk itself is saved by reference, by whoever made the back end. */
  save(): DeviceState {
    return {};
  }
  load(): void {}
  async quiesce(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }
}

function nothingWritten(result: void | Promise<void>): number | Promise<number> {
  return result ? result.then(() => 0) : 0;
}

/** Back end errors are the disk's: the guest sees an I/O error, the host goes on. */
function statusOf(error: unknown): number {
  return error instanceof RequestError ? error.status : S_IOERR;
}
