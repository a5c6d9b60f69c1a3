/** A place for pods that is all in memory: fake machines, one image, and records that tests look at. */
import { Guest } from '../../src/container/guest.ts';
import type { ContainerConfig, ContainerState } from '../../src/container/lifecycle/config.ts';
import { INITIAL_STATE } from '../../src/container/lifecycle/state.ts';
import { Reply, Request } from '../../src/container/agent-protocol.ts';
import type { PodHost, PodImage, PodRecords } from '../../src/container/supervisor/pod-host.ts';
import type { RuntimeSpec } from '../../src/container/runtime-spec.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES } from '../../src/oci/tree.ts';
import { containerConfig } from './container-fixture.ts';
import { FakeMachine } from './fake-machine.ts';

const IMAGE: PodImage = {
  execution: {
    user: '',
    env: ['A=image'],
    entrypoint: [],
    cmd: ['default'],
    workingDir: '/srv',
    stopSignal: 'SIGTERM',
    labels: new Map(),
    exposedPorts: [],
    volumes: [],
  },
  accounts: new Map([['/etc/passwd', new TextEncoder().encode('www:x:33:44::/var/www:/bin/sh\n')]]),
  layers: [{ path: '/cache/layer.erofs', byteCount: 8192 }],
  rootAttributes: DEFAULT_DIRECTORY_ATTRIBUTES,
  takesIdentity: ['hostname', 'hosts'],
};

/** A container's id of 64 digits that begins with one. */
export function idOf(digit: number): string {
  return String(digit).padEnd(64, '0');
}

export function configOf(id: string, change: Partial<ContainerConfig> = {}): ContainerConfig {
  return containerConfig({ id, cmd: [], hostname: 'box', storageBytes: 64 << 20, ...change });
}

export class FakePodHost implements PodHost {
  /** One for each guest that was started. */
  readonly machines: FakeMachine[] = [];
  readonly configs = new Map<string, ContainerConfig>();
  readonly states = new Map<string, ContainerState>();
  readonly events: string[] = [];
  readonly logs = new Map<string, string>();
  readonly notes: string[] = [];
  readonly notices: string[] = [];
  readonly scratchFolder = '/scratch';
  keepsMachine = false;
  disks: string[] = [];
  image: Promise<PodImage> = Promise.resolve(IMAGE);
  readonly records: { -readonly [K in keyof PodRecords]: PodRecords[K] };

  constructor(...configs: ContainerConfig[]) {
    for (const config of configs) {
      this.configs.set(config.id, config);
      this.states.set(config.id, INITIAL_STATE);
    }
    this.records = {
      readConfig: (id) => Promise.resolve(this.configs.get(id)!),
      readState: (id) => Promise.resolve(this.states.get(id)!),
      writeState: async (id, state) => void this.states.set(id, state),
      writeConfig: async (config) => void this.configs.set(config.id, config),
      remove: async ({ id }) => {
        this.configs.delete(id);
        this.states.delete(id);
        this.events.push(`${id[0]} destroy`);
      },
      event: ({ id }, action) => void this.events.push(`${id[0]} ${action}`),
      flush: () => Promise.resolve(),
      openLog: ({ id }) => {
        this.logs.set(id, this.logs.get(id) ?? '');
        return Promise.resolve({
          write: (stream, bytes) =>
            void this.logs.set(id, `${this.logs.get(id)}${stream}:${new TextDecoder().decode(bytes)}`),
          close: () => Promise.resolve(),
        });
      },
    };
  }

  async startGuest(started: (guest: Guest) => void) {
    const machine = new FakeMachine();
    machine.agent.confirms = true;
    this.machines.push(machine);
    const guest = await Guest.start({
      startMachine: machine.starter,
      config: { core: new Uint8Array(), ramBytes: 1 << 26, boot: { kernel: new Uint8Array(), commandLine: '' } },
    });
    started(guest);
    await guest.booted();
    return { guest, saved: Promise.resolve() };
  }
  prepareImage(): Promise<PodImage> {
    return this.image;
  }
  async diskFile({ id }: ContainerConfig): Promise<string> {
    this.disks.push(id);
    return `/containers/${id}/disk.ext4`;
  }
  folderShare(tag: string, folder: string, readOnly: boolean) {
    return { tag, kind: 'host', folder, readOnly };
  }
  nowMs(): number {
    return performance.now();
  }
  timestamp(): string {
    return '2024-01-01T00:00:01.000000000Z';
  }
  guestFailed(error: Error): void {
    this.notes.push(error.message);
  }
  takeNotices(): readonly string[] {
    return this.notices.splice(0);
  }
  note(text: string): void {
    this.notes.push(text);
  }

  /** The last guest's machine. */
  get machine(): FakeMachine {
    return this.machines.at(-1)!;
  }

  /** Programs that the last guest was asked to start: their channels, names and specifications, in order. */
  get programs(): { channel: number; name: string; spec: RuntimeSpec & RuntimeSpec['process'] }[] {
    const { frames } = this.machine.agent;
    return frames
      .filter(({ type }) => type === Request.SPAWN)
      .map(({ channel, payload }) => {
        const text = frames
          .filter((frame) => frame.type === Request.SPEC && frame.channel === channel)
          .map((frame) => new TextDecoder().decode(frame.payload))
          .join('');
        const length = new DataView(payload.buffer, payload.byteOffset).getUint16(16, true);
        return {
          channel,
          name: new TextDecoder().decode(payload.subarray(18, 18 + length)),
          spec: JSON.parse(text) as RuntimeSpec & RuntimeSpec['process'],
        };
      });
  }

  /** Signals that a program got. */
  signals(channel: number): number[] {
    return this.machine.agent.frames
      .filter((frame) => frame.type === Request.SIGNAL && frame.channel === channel)
      .map(({ payload }) => payload[0]!);
  }

  print(channel: number, text: string): void {
    this.machine.agent.output(Reply.STDOUT, channel, text);
  }
}
