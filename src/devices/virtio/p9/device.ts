/**
 * Virtio 9P transport device: a shared folder with a mount tag. Device type 9 (virtio 1.2 §5); the configuration layout
 * is Linux's (include/uapi/linux/virtio_9p.h), for the specification only reserves the number.
 */
import { assert } from '../../../util/errors.ts';
import type { AccessSize, DeviceState } from '../../bus.ts';
import type { DescriptorChain } from '../chain.ts';
import { DeviceTypes, DISCONNECTED, readConfigBytes, type VirtioDevice, type VirtioLink } from '../device.ts';
import type { Virtqueue } from '../queue.ts';
import { Errno } from './errno.ts';
import type { FileSystem } from './filesystem.ts';
import { HEADER_LENGTH } from './message.ts';
import { ERROR_LENGTH, MessageType, MSIZE_MAX, WRITE_HEADER_LENGTH } from './protocol.ts';
import { P9Request } from './request.ts';
import { P9Server } from './server.ts';

export const P9_F_MOUNT_TAG = 1n << 0n;
const REQUEST_QUEUE = 0;
const QUEUE_SIZE = 128;
/** tag_len[2] tag[tag_len] */
const CONFIG_TAG = 2;
const TAG_LENGTH_MAX = 255;

export interface VirtioP9Options {
  /** What the guest names in `mount -t 9p TAG`. */
  tag: string;
  fileSystem: FileSystem;
}

export class VirtioP9 implements VirtioDevice {
  readonly deviceType = DeviceTypes.p9;
  readonly features = P9_F_MOUNT_TAG;
  readonly queueSizes = [QUEUE_SIZE];
  readonly configLength: number;
  readonly #config: Uint8Array;
  readonly #server: P9Server;
  readonly #idle: P9Request[] = [];
  #scratch = new Uint8Array(4096);
  readonly #headerScratch = new Uint8Array(HEADER_LENGTH);
  #link: VirtioLink = DISCONNECTED;

  constructor({ tag, fileSystem }: VirtioP9Options) {
    const tagBytes = new TextEncoder().encode(tag);
    assert(tagBytes.length > 0 && tagBytes.length <= TAG_LENGTH_MAX, 'a 9P mount tag has 1 to 255 bytes');
    this.#config = new Uint8Array(CONFIG_TAG + tagBytes.length);
    this.#config[0] = tagBytes.length;
    this.#config.set(tagBytes, CONFIG_TAG);
    this.configLength = this.#config.length;
    this.#server = new P9Server(fileSystem);
  }

  connect(link: VirtioLink): void {
    this.#link = link;
  }
  configRead(offset: number, size: AccessSize): number {
    return readConfigBytes(this.#config, offset, size);
  }
  configWrite(): void {}
  start(): void {}
  reset(): void {
    this.#server.reset();
  }

  notify(): void {
    const queue = this.#link.queues[REQUEST_QUEUE]!;
    // At most one ring's worth: what a driver adds meanwhile comes with its own notification.
    for (let served = 0; served < queue.size; served++) {
      const chain = queue.pop();
      if (!chain) break;
      if (!this.#serve(queue, chain)) return;
    }
    queue.signal();
  }

  /** False when the request is so broken that it can't be answered. */
  #serve(queue: Virtqueue, chain: DescriptorChain): boolean {
    const header = this.#headerScratch;
    const headerRead = chain.read(0, header);
    const size = (header[0]! | (header[1]! << 8) | (header[2]! << 16) | (header[3]! << 24)) >>> 0;
    if (
      headerRead < HEADER_LENGTH ||
      size < HEADER_LENGTH ||
      size > chain.readableBytes ||
      size > MSIZE_MAX ||
      chain.writableBytes < ERROR_LENGTH
    ) {
      this.#link.fail('9P message that is cut off or has no room for its answer');
      return false;
    }
    const request = this.#idle.pop() ?? new P9Request();
    request.size = size;
    request.type = header[4]!;
    request.tag = header[5]! | (header[6]! << 8);
    request.replyCapacity = chain.writableBytes;
    // The data of a write stays where it is; everything else is small or rare.
    const inputLength = request.type === MessageType.Twrite ? Math.min(size, WRITE_HEADER_LENGTH) : size;
    request.input.begin(this.#gather(chain, HEADER_LENGTH, inputLength - HEADER_LENGTH));
    request.dataLength = size - inputLength;
    request.forEachData = (byteCount, visit) => chain.forEachReadable(WRITE_HEADER_LENGTH, byteCount, visit);

    const result = this.#server.serve(request);
    if (!(result instanceof Promise)) {
      this.#reply(queue, chain, request, result);
      return true;
    }
    void result.then((type) => {
      this.#reply(queue, chain, request, type);
      queue.signal();
    });
    return true;
  }

  #gather(chain: DescriptorChain, offset: number, byteCount: number): Uint8Array {
    const view = chain.viewReadable(offset, byteCount);
    if (view) return view;
    if (this.#scratch.length < byteCount) this.#scratch = new Uint8Array(byteCount);
    const gathered = this.#scratch.subarray(0, byteCount);
    chain.read(offset, gathered);
    return gathered;
  }

  #reply(queue: Virtqueue, chain: DescriptorChain, request: P9Request, type: number): void {
    if (queue.owns(chain)) {
      let { payload } = request;
      let head = request.output.finish(type, request.tag, payload?.length ?? 0);
      if (head.length + (payload?.length ?? 0) > chain.writableBytes) {
        // The client left too little room for what it asked; an error always fits.
        request.output.begin();
        request.output.u32(Errno.EMSGSIZE);
        payload = undefined;
        head = request.output.finish(MessageType.Rlerror, request.tag, 0);
      }
      let written = chain.write(0, head);
      if (payload) written += chain.write(written, payload);
      queue.push(chain, written);
    }
    request.payload = undefined;
    this.#idle.push(request);
  }

  save(): DeviceState {
    return this.#server.save();
  }
  load(state: DeviceState): void {
    this.#server.load(state);
  }
  quiesce(): Promise<void> {
    return this.#server.quiesce();
  }
}
