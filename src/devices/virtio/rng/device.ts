/**
 * Virtio entropy device. Virtio 1.2, §5.4: one queue of buffers that the device fills with random bytes.
 * The source is injected, so that a deterministic machine gives the same bytes every time.
 */
import type { DeviceState } from '../../bus.ts';
import { DeviceTypes, DISCONNECTED, type VirtioDevice, type VirtioLink } from '../device.ts';

const QUEUE_SIZE = 64;
const REQUEST_QUEUE = 0;
/** Most bytes given for one buffer; the used length tells the driver (§5.4.6.2: at least one byte). */
const MAX_FILL_BYTES = 4096;

/** Fills `target` (at most 4096 bytes) with random bytes, at once. */
export type EntropySource = (target: Uint8Array) => void;

export class VirtioRng implements VirtioDevice {
  readonly deviceType = DeviceTypes.entropy;
  readonly features = 0n;
  readonly queueSizes = [QUEUE_SIZE];
  readonly configLength = 0;
  readonly #entropy: EntropySource;
  readonly #scratch = new Uint8Array(MAX_FILL_BYTES);
  #link: VirtioLink = DISCONNECTED;

  constructor(entropy: EntropySource) {
    this.#entropy = entropy;
  }

  connect(link: VirtioLink): void {
    this.#link = link;
  }
  configRead(): number {
    return 0;
  }
  configWrite(): void {}
  start(): void {}
  reset(): void {}

  notify(): void {
    const queue = this.#link.queues[REQUEST_QUEUE]!;
    // At most one ring's worth: what a driver adds meanwhile comes with its own notification.
    for (let served = 0; served < queue.size; served++) {
      const chain = queue.pop();
      if (!chain) break;
      const bytes = this.#scratch.subarray(0, Math.min(chain.writableBytes, MAX_FILL_BYTES));
      this.#entropy(bytes);
      queue.push(chain, chain.write(0, bytes));
    }
    queue.signal();
  }

  save(): DeviceState {
    return {};
  }
  load(): void {}
  async quiesce(): Promise<void> {}
}
