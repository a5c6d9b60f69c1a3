/**
 * A guest: a machine that runs our kernel, with the agent in it. Boots it or goes on from a snapshot, attaches and mounts
 * what the host shares, and tells when it fails. docs/agent-protocol.md.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type {
  CheckpointInfo,
  DiskConfig,
  MachineConfig,
  MachineSnapshot,
  MachineStatistics,
  ShareConfig,
} from '../worker/protocol.ts';
import { AgentClient, p9Options, type AgentPort } from './agent-client.ts';
import { PORT_NAME } from './agent-protocol.ts';
import { failureOf, GuestFailure, panicFailure } from './guest-failure.ts';
import type { GuestMachine, OpenedDevices, StartMachine } from './guest-machine.ts';
import type { GuestProcess } from './guest-process.ts';
import { KernelLog } from './kernel-log.ts';
import type { RootfsPlan } from './rootfs-plan.ts';
import { withProgress } from './progress-watch.ts';

/** Where shares are mounted in the guest, each under its tag. */
const MOUNT_FOLDER = '/run/vivarium';
/** A panicked kernel resets the machine at once; one that can't loops. */
const PANIC_RESET_MS = 2000;
/** What seeds a guest that goes on from a snapshot; the kernel's generator holds 256 bits. */
const ENTROPY_BYTES = 64;
/** A machine that does not stop in this time is ended with its thread. */
const STOP_MS = 1000;

/** A disk stays busy for a moment after the last process of its container has gone. */
const UNPLUG_TRIES = 40;
const UNPLUG_PAUSE_MS = 25;

/** A folder of the guest that the host shares. */
export interface GuestShare {
  readonly share: ShareConfig;
  /** `loose`: nobody but this guest changes it, so that the guest may cache what it likes. */
  readonly cache: 'loose' | 'mmap';
  readonly readOnly: boolean;
}

export interface GuestOptions {
  readonly startMachine: StartMachine;
  readonly config: Omit<MachineConfig, 'ports' | 'shares' | 'disks'>;
  /** Takes what the kernel prints. */
  readonly onConsole?: ((bytes: Uint8Array) => void | Promise<void>) | undefined;
  /** Gives up until the guest is ready. */
  readonly signal?: AbortSignal | undefined;
}

/** What a guest is given while it runs. */
export interface GuestDevices {
  readonly disks?: readonly DiskConfig[];
  /** Mounted once they are attached. */
  readonly shares?: readonly GuestShare[];
}

/** Devices that the guest does not have yet. */
export interface PreparedDevices {
  readonly devices: GuestDevices;
  readonly opened: OpenedDevices;
}

/** A share's path in the guest. */
export function sharePath(tag: string): string {
  return `${MOUNT_FOLDER}/${tag}`;
}

export class Guest {
  readonly client: AgentClient;
  /** Rejects with a GuestFailure, or an AssertionError, when the guest ends without having been closed. Never resolves. */
  readonly failure: Promise<never>;
  readonly machine: GuestMachine;
  readonly #options: GuestOptions;
  readonly #fail: (error: Error) => void;
  readonly #log: KernelLog;
  #panicTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** What its machine did so far. */
  statistics(): Promise<MachineStatistics> {
    return this.machine.statistics();
  }

  private constructor(machine: GuestMachine, client: AgentClient, log: KernelLog, options: GuestOptions) {
    this.machine = machine;
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

  /** Starts the machine; the guest then boots, or goes on. Throws what starting a machine does. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { startMachine, config, onConsole, signal } = options;
    const log = new KernelLog();
    let client!: AgentClient;
    const machine = await startMachine({
      config: { ...config, ports: [{ name: PORT_NAME }] },
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

  /**
   * Resolves when the guest's agent listens. A guest that goes on from a snapshot is told first what is not the same any
   * more: the time, and that its randomness must be its own. The agent sees to that before whatever it is asked next.
   */
  async booted(): Promise<void> {
    const { signal, config } = this.#options;
    await this.watched('start its agent', this.client.hello(signal === undefined ? {} : { signal }));
    if (config.restore !== undefined)
      this.watched('take over the time', this.#refresh()).catch((error: Error) => this.#fail(error));
  }

  /** Tells the guest what time it is, when its clock may be wrong. */
  async correctClock(): Promise<void> {
    await this.client.setClock(this.machine.unixMs());
  }

  async #refresh(): Promise<void> {
    const entropy = crypto.getRandomValues(new Uint8Array(ENTROPY_BYTES));
    await Promise.all([this.client.addEntropy(entropy), this.client.setClock(this.machine.unixMs())]);
  }

  /** A copy of the whole guest. It is at rest: what its agent had to do is done. */
  async save(): Promise<MachineSnapshot> {
    await this.watched('come to rest', this.client.ping());
    return this.machine.save();
  }

  /** Keeps the whole guest as it is, in its worker, to go back to. Throws LIMIT, or USAGE when a disk can't be kept. */
  async checkpoint(): Promise<CheckpointInfo> {
    await this.watched('come to rest', this.client.ping());
    return this.machine.checkpoint();
  }

  /**
   * Goes back to a checkpoint. What was under way is rejected with RESTORED, but programs that outlive it and were there then
   * go on. The result is what runs in the guest now. Throws BAD_STATE when the checkpoint was released; then nothing has
   * changed.
   */
  async goBack(checkpoint: number): Promise<GuestProcess[]> {
    const { client } = this;
    await this.machine.goBack(checkpoint);
    client.suspend(
      new VivariumError(
        ErrorCodes.RESTORED,
        'the computer went back to a saved state, in which the program does not run',
      ),
    );
    const { channels } = await this.watched('answer after it went back', client.hello());
    const programs = channels.map((state) => client.resume(state));
    client.endSuspended();
    await this.watched('take over the time', this.#refresh());
    return programs;
  }

  /** Makes devices; the guest may still boot. Throws what opening them does. */
  async prepare(devices: GuestDevices): Promise<PreparedDevices> {
    const { disks = [], shares = [] } = devices;
    return { devices, opened: await this.machine.open({ disks, shares: shares.map(({ share }) => share) }) };
  }

  /** Gives them to the guest, once it has booted, mounts the shares, and puts a root filesystem together from disks among them. */
  async attach({ devices, opened }: PreparedDevices, rootfs?: RootfsPlan): Promise<void> {
    this.#options.signal?.throwIfAborted();
    await opened.attach();
    // The agent takes them one after the other; all are on their way at once.
    await Promise.all([
      this.watched('find its devices', this.client.rescan()),
      ...(devices.shares ?? []).map((share) => this.#mountShare(share)),
      ...(rootfs === undefined ? [] : [this.mountRootfs(rootfs)]),
    ]);
  }

  async #mountShare({ share, cache, readOnly }: GuestShare): Promise<void> {
    const target = sharePath(share.tag);
    const request = { source: share.tag, target, type: '9p', options: p9Options(cache), readOnly };
    await this.watched(`mount ${share.tag}`, this.client.mount(request));
  }

  /** Puts a container's root filesystem together from disks that are plugged in. */
  async mountRootfs({ mounts }: RootfsPlan): Promise<void> {
    // The agent takes them one after the other; all are on their way at once.
    const requests = mounts.map((request) => this.client.mount(request));
    await this.watched('mount the root filesystem', Promise.all(requests));
  }

  /** Plugs a container's disks into the running guest and mounts its root filesystem; nothing is left if that fails. */
  async plugRootfs(plan: RootfsPlan): Promise<void> {
    const { opened } = await this.prepare({ disks: plan.disks });
    await opened.attach();
    try {
      // Mounting looks for the disks.
      await this.mountRootfs(plan);
    } catch (error) {
      for (const { target } of [...plan.mounts].reverse()) await this.client.unmount(target).catch(() => {});
      for (const { serial } of plan.disks) await this.#unplugDisk(serial).catch(() => {});
      throw error;
    }
  }

  /** Takes a root filesystem apart that no container uses any more, and its disks out. All it wrote is on them then. */
  async unplugRootfs(plan: RootfsPlan): Promise<void> {
    for (const { target } of [...plan.mounts].reverse())
      await this.#patiently(`unmount ${target}`, () => this.client.unmount(target));
    for (const { serial } of plan.disks) await this.#unplugDisk(serial);
  }

  async #unplugDisk(serial: string): Promise<void> {
    await this.#patiently(`remove the disk ${serial}`, () => this.client.removeDisk(serial));
    await this.machine.detachDisk(serial);
  }

  /** What the guest refuses for a moment after the last user of a mount has gone. */
  async #patiently(what: string, order: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.watched(what, order());
        return;
      } catch (error) {
        if (tries === UNPLUG_TRIES || error instanceof GuestFailure || this.#isClosed) throw error;
        await new Promise((resolve) => setTimeout(resolve, UNPLUG_PAUSE_MS));
      }
    }
  }

  /** Waits for something that the guest does of itself; a guest that fails or makes no progress rejects it. */
  async watched<T>(what: string, task: Promise<T>): Promise<T> {
    try {
      return await Promise.race([withProgress(this.machine, what, task), this.failure]);
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
    const stopped = this.machine.stop().then(() => this.machine.exit);
    await Promise.race([stopped.catch(() => {}), late]);
    clearTimeout(timer);
    await this.machine.terminate();
  }

  /** The kernel has panicked: it resets the machine, or else we end it. */
  #awaitReset(): void {
    if (this.#isClosed) return;
    this.#panicTimer = setTimeout(() => {
      void this.machine.dump().then(
        (dump) => this.#fail(panicFailure(this.#log.panic!, dump)),
        (error: Error) => this.#fail(error),
      );
    }, PANIC_RESET_MS);
  }
}
