/**
 * A guest: a machine that runs our kernel, with the agent in it. Boots it, mounts what the host shares, and tells when it
 * fails. docs/agent-protocol.md. Left out: restoring a saved guest.
 */
import type { MachineConfig, MachineStatistics, ShareConfig } from '../worker/protocol.ts';
import { AgentClient, p9Options, type AgentPort } from './agent-client.ts';
import { PORT_NAME } from './agent-protocol.ts';
import { failureOf, GuestFailure, panicFailure } from './guest-failure.ts';
import type { GuestMachine, StartMachine } from './guest-machine.ts';
import { KernelLog } from './kernel-log.ts';
import type { RootfsPlan } from './rootfs-plan.ts';
import { withProgress } from './progress-watch.ts';

/** Where shares are mounted in the guest, each under its tag. */
const MOUNT_FOLDER = '/run/vivarium';
/** A panicked kernel resets the machine at once; one that can't loops. */
const PANIC_RESET_MS = 2000;
/** A machine that does not stop in this time is ended with its thread. */
const STOP_MS = 1000;

/** A folder of the guest that the host shares. */
export interface GuestShare {
  readonly share: ShareConfig;
  /** `loose`: nobody but this guest changes it, so that the guest may cache what it likes. */
  readonly cache: 'loose' | 'mmap';
  readonly readOnly: boolean;
}

export interface GuestOptions {
  readonly startMachine: StartMachine;
  readonly config: Omit<MachineConfig, 'ports' | 'shares'>;
  readonly shares: readonly GuestShare[];
  /** Takes what the kernel prints. */
  readonly onConsole?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Gives up until the guest is ready. */
  readonly signal?: AbortSignal | undefined;
}

/** A share's path in the guest. */
export function sharePath(tag: string): string {
  return `${MOUNT_FOLDER}/${tag}`;
}

export class Guest {
  readonly client: AgentClient;
  /** Rejects with a GuestFailure, or an AssertionError, when the guest ends without having been closed. Never resolves. */
  readonly failure: Promise<never>;
  readonly #machine: GuestMachine;
  readonly #options: GuestOptions;
  readonly #fail: (error: Error) => void;
  readonly #log: KernelLog;
  #panicTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** What its machine did so far. */
  statistics(): Promise<MachineStatistics> {
    return this.#machine.statistics();
  }

  private constructor(machine: GuestMachine, client: AgentClient, log: KernelLog, options: GuestOptions) {
    this.#machine = machine;
    this.client = client;
    this.#log = log;
    this.#options = options;
    let reject!: (error: Error) => void;
    this.failure = new Promise((_, refuse) => (reject = refuse));
    this.failure.catch(() => {}); // whoever cares races against it
    this.#fail = (error) => {
      if (this.#isClosed) return;
      reject(error);
      client.close(error);
    };
    void log.panicked.then(() => this.#awaitReset());
    machine.exit.then(
      (exit) => this.#fail(failureOf(exit, log.panic)),
      (error: Error) => this.#fail(error),
    );
  }

  /** Starts the machine; the guest then boots. Throws what starting a machine does. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { startMachine, config, shares, onConsole, signal } = options;
    const log = new KernelLog();
    let client!: AgentClient;
    const machine = await startMachine({
      config: { ...config, ports: [{ name: PORT_NAME }], shares: shares.map(({ share }) => share) },
      signal,
      prepare: (started) => {
        const port = started.stream('port0');
        const agentPort: AgentPort = { send: (bytes) => port.send(bytes), onData: null };
        port.onData = (bytes) => agentPort.onData?.(bytes);
        client = new AgentClient(agentPort);
        started.stream('com1').onData = (bytes) => {
          log.see(bytes);
          return onConsole?.(bytes);
        };
      },
    });
    return new Guest(machine, client, log, options);
  }

  /** What opening each share told. */
  get shareDetails(): readonly unknown[] {
    return this.#machine.shareDetails;
  }

  /** Resolves when the guest has booted and all shares are mounted. */
  async ready(): Promise<void> {
    const { signal, shares } = this.#options;
    await this.watched('start its agent', this.client.hello(signal === undefined ? {} : { signal }));
    for (const { share, cache, readOnly } of shares) {
      signal?.throwIfAborted();
      const target = sharePath(share.tag);
      const request = { source: share.tag, target, type: '9p', options: p9Options(cache), readOnly };
      await this.watched(`mount ${share.tag}`, this.client.mount(request));
    }
  }

  /** Puts a container's root filesystem together from disks that are plugged in. */
  async mountRootfs({ mounts }: RootfsPlan): Promise<void> {
    // The agent takes them one after the other; all are on their way at once.
    const requests = mounts.map((request) => this.client.mount(request));
    await this.watched('mount the root filesystem', Promise.all(requests));
  }

  /** Plugs a container's disks into the running guest and mounts its root filesystem; nothing is left if that fails. */
  async plugRootfs(plan: RootfsPlan): Promise<void> {
    const plugged: string[] = [];
    try {
      for (const disk of plan.disks) {
        await this.#machine.attachDisk(disk);
        plugged.push(disk.serial);
      }
      await this.mountRootfs(plan);
    } catch (error) {
      for (const { target } of [...plan.mounts].reverse()) await this.client.unmount(target).catch(() => {});
      for (const serial of plugged) await this.#unplugDisk(serial).catch(() => {});
      throw error;
    }
  }

  /** Takes a root filesystem apart that no container uses any more, and its disks out. */
  async unplugRootfs(plan: RootfsPlan): Promise<void> {
    for (const { target } of [...plan.mounts].reverse())
      await this.watched(`unmount ${target}`, this.client.unmount(target));
    for (const { serial } of plan.disks) await this.#unplugDisk(serial);
  }

  async #unplugDisk(serial: string): Promise<void> {
    await this.watched(`remove the disk ${serial}`, this.client.removeDisk(serial));
    await this.#machine.detachDisk(serial);
  }

  /** Waits for something that the guest does of itself; a guest that fails or makes no progress rejects it. */
  async watched<T>(what: string, task: Promise<T>): Promise<T> {
    try {
      return await Promise.race([withProgress(this.#machine, what, task), this.failure]);
    } catch (error) {
      // Everything that hangs on the agent fails for the guest's reason, which may come a little later.
      if (error instanceof GuestFailure) this.#fail(error);
      throw error;
    }
  }

  /** Switches the machine off, whatever runs in it. What it wrote to volumes is with the host already. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#panicTimer);
    this.client.close();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_MS)));
    const stopped = this.#machine.stop().then(() => this.#machine.exit);
    await Promise.race([stopped.catch(() => {}), late]);
    clearTimeout(timer);
    await this.#machine.terminate();
  }

  /** The kernel has panicked: it resets the machine, or else we end it. */
  #awaitReset(): void {
    if (this.#isClosed) return;
    this.#panicTimer = setTimeout(() => {
      void this.#machine.dump().then(
        (dump) => this.#fail(panicFailure(this.#log.panic!, dump)),
        (error: Error) => this.#fail(error),
      );
    }, PANIC_RESET_MS);
  }
}
