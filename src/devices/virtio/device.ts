/**
 * What a virtio device is to a transport, and a transport to a device. Virtio 1.2, §2. The transport (PCI today, MMIO
 * possible) owns status, features and queues; the device owns its configuration structure and what requests mean.
 */
import type { AccessSize, Stateful } from '../bus.ts';
import type { Virtqueue } from './queue.ts';

/** Device types, virtio 1.2 §5. */
export const DeviceTypes = { network: 1, block: 2, console: 3, entropy: 4, balloon: 5, p9: 9, vsock: 19 } as const;

export interface VirtioDevice extends Stateful {
  readonly deviceType: number;
  /** Device-specific feature bits offered (0 to 23, 50 to 127); the transport adds its own. */
  readonly features: bigint;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Length of the configuration structure in bytes. */
  readonly configLength: number;
  configRead(offset: number, size: AccessSize): number;
  configWrite(offset: number, size: AccessSize, value: number): void;
  /** Called once, by the transport, before anything else. */
  connect(link: VirtioLink): void;
  /** The driver is ready (DRIVER_OK): queues and negotiated features are final. */
  start(): void;
  /** The driver added buffers to a queue. Only called while {@link VirtioLink.running}. */
  notify(queueIndex: number): void;
  /** Back to power-on: forget the driver. Requests under way may still end; their chains are then stale and dropped. */
  reset(): void;
}

export interface VirtioLink {
  readonly queues: readonly Virtqueue[];
  /** Negotiated feature bits; valid from `start` on. */
  readonly features: bigint;
  /** DRIVER_OK is set and nothing failed. */
  readonly running: boolean;
  /** The configuration structure changed: tells the driver. */
  configChanged(): void;
  /** The driver broke a rule: the device stops until it is reset (DEVICE_NEEDS_RESET, §2.1.2). */
  fail(reason: string): void;
}

/** A VirtioLink for a device that no transport has connected. */
export const DISCONNECTED: VirtioLink = {
  queues: [],
  features: 0n,
  running: false,
  configChanged: () => {},
  fail: () => {},
};

/** Reads a little-endian field out of a configuration structure; bytes past its end read 0. */
export function readConfigBytes(config: Uint8Array, offset: number, size: AccessSize): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (config[offset + i] ?? 0);
  return value;
}
