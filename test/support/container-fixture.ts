/** Containers as `create` would record them, with a clock that stands still unless a test moves it. */
import { DEFAULT_ISOLATION } from '../../src/container/isolation/options.ts';
import type { ContainerConfig, MachineOptions } from '../../src/container/lifecycle/config.ts';
import { newContainerId } from '../../src/container/lifecycle/names.ts';
import type { Clock } from '../../src/container/lifecycle/node-clock.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { parseTime } from '../../src/util/time.ts';

export const MACHINE: MachineOptions = { memoryBytes: 512 * 1024 * 1024, warm: true };
export const IMAGE_ID = `sha256:${'1'.repeat(64)}` as Digest;
export const CREATED = '2024-01-02T03:04:05.000000000Z';

/** A configuration with everything at its default. */
export function containerConfig(parts: Partial<ContainerConfig> = {}): ContainerConfig {
  const id = parts.id ?? newContainerId();
  return {
    version: 1,
    id,
    created: CREATED,
    image: { name: 'busybox', id: IMAGE_ID, place: '/nowhere', platform: 'linux/amd64' },
    cmd: ['sh'],
    env: [],
    hostname: id.slice(0, 12),
    tty: false,
    openStdin: false,
    labels: {},
    volumes: [],
    isolation: DEFAULT_ISOLATION,
    restart: { name: 'no', maximumRetryCount: 0 },
    autoRemove: false,
    log: { driver: 'json-file', maxFiles: 1 },
    storageBytes: 10 * 1024 ** 3,
    pod: id,
    ...parts,
  };
}

export class FakeClock implements Clock {
  #ns: bigint;

  constructor(time = CREATED) {
    this.#ns = parseTime(time)!;
  }

  nowNs(): bigint {
    return this.#ns;
  }

  advance(seconds: number): void {
    this.#ns += BigInt(Math.round(seconds * 1e9));
  }
}
