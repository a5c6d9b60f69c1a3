/**
 * Supervisors of pods as processes: this one becomes one, or starts one, or talks to one that another has started. The pod's
 * record says who is its only supervisor.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerImage, MachineOptions } from '../container/lifecycle/config.ts';
import type { ContainerStore } from '../container/lifecycle/node-container-store.ts';
import type { SupervisorRecord } from '../container/lifecycle/node-pod-store.ts';
import { SupervisorConnection } from '../container/supervisor/node-client.ts';
import { SupervisorServer } from '../container/supervisor/node-server.ts';
import { socketPath } from '../container/supervisor/node-socket-path.ts';
import type { PodHost } from '../container/supervisor/pod-host.ts';
import { Pod } from '../container/supervisor/pod.ts';
import type { OperationName, Operations } from '../container/supervisor/protocol.ts';
import { thisOwner } from '../oci/store/node-owner.ts';
import { ErrorCodes, VivariumError, type ErrorCode } from '../util/errors.ts';
import { cacheFolder, dataFolder, packageRoot } from './paths.ts';
import { podHost, type PodHostOptions } from './pod-host.ts';

const LOG_FILE = 'supervisor.log';
const ERRORS_MAX = 4000;
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 30;
/** A supervisor that was started again and again and always ended is not tried any more. */
const STARTS_MAX = 5;

/** A supervisor in this process, whose machine starts at once. */
export class HostedSupervisor {
  readonly server: SupervisorServer;
  readonly #store: ContainerStore;
  readonly #podId: string;
  readonly #host: PodHost;
  #isKept = true;

  private constructor(store: ContainerStore, podId: string, host: PodHost, socket: string) {
    this.#store = store;
    this.#podId = podId;
    this.#host = host;
    this.server = new SupervisorServer({
      podId,
      socket,
      pod: (changed) => new Pod(host, changed),
      isKept: () => this.#isKept,
    });
  }

  /** Makes one. Its pod need not be recorded yet. */
  static async make(
    store: ContainerStore,
    podId: string,
    machine: MachineOptions,
    options: Pick<PodHostOptions, 'onConsole' | 'keepsMachine' | 'note'>,
  ): Promise<HostedSupervisor> {
    const host = podHost({ store, machine, ...options });
    const hosted = new HostedSupervisor(store, podId, host, await socketPath(resolve(dataFolder()), podId));
    void hosted.server.pod.guest().catch(() => {}); // whoever starts a container is told
    return hosted;
  }

  /** Makes an image ready that a container of it is about to use. Throws what reading an image may. */
  prepareImage(image: ContainerImage, signal: AbortSignal): Promise<unknown> {
    return this.#host.prepareImage({ image }, signal);
  }

  /** For the pod's record, when that is made. */
  get record(): SupervisorRecord {
    return { owner: thisOwner(), socket: this.server.socket };
  }

  /** Becomes the supervisor of a pod that is recorded, and listens. Resolves to false when another one is. */
  async claim(): Promise<boolean> {
    if ((await this.#store.pods.claim(this.#podId, this.record)) !== undefined) return false;
    await this.server.listen();
    return true;
  }

  /** Lets it end when nobody has a use for it any more. */
  letGo(): void {
    this.#isKept = false;
    this.server.endIfIdle();
  }

  /** Resolves when it has ended and everything is written down. */
  async ended(): Promise<void> {
    await this.server.ended;
    await this.#host.records.flush();
    await this.#store.pods.release(this.#podId, thisOwner());
  }
}

/** Connects to the supervisor of a pod. Undefined when there is none. */
export async function findSupervisor(store: ContainerStore, podId: string): Promise<SupervisorConnection | undefined> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const record = await store.pods.supervisor(podId);
    if (record === undefined) return undefined;
    const connection = await SupervisorConnection.open(record.socket);
    if (connection !== undefined) return connection;
    await sleep(waitMs); // it is about to listen, or to end
  }
}

/**
 * Connects to the supervisor of a pod, which is started if need be; `early` is one that was started ahead of time. Throws what
 * kept it from starting.
 */
export async function openSupervisor(
  store: ContainerStore,
  podId: string,
  early?: SupervisorProcess,
): Promise<SupervisorConnection> {
  let started = early;
  for (let starts = 0, waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const connection = await findSupervisor(store, podId);
    if (connection !== undefined) {
      started?.leave();
      return connection;
    }
    if (started === undefined || started.hasEnded) {
      if (starts++ === STARTS_MAX || started?.hasFailed === true)
        throw cannotStart(store, podId, started?.errors ?? '');
      started = new SupervisorProcess(podId);
    }
    await sleep(waitMs);
  }
}

/** One operation that needs no streams. */
export async function ask<K extends OperationName>(
  connection: SupervisorConnection,
  op: K,
  request: Operations[K]['request'],
): Promise<Operations[K]['result']> {
  try {
    return await connection.request(op, request);
  } finally {
    connection.close();
  }
}

/** A supervisor as a process of its own, which outlives us and our terminal. */
export class SupervisorProcess {
  readonly #child: ChildProcess;
  #errors = '';
  #isLeft = false;

  /** Starts it. With `machine` it begins before its pod is recorded, and ends with us until then. */
  constructor(podId: string, machine?: MachineOptions) {
    const words = ['--', join(packageRoot(), 'bin', 'viv.mjs'), 'supervise', podId];
    if (machine !== undefined) words.push('--machine', JSON.stringify(machine));
    this.#child = spawn(process.execPath, words, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      // It keeps no folder busy; what is relative means what it means here.
      cwd: '/',
      env: { ...process.env, VIVARIUM_HOME: resolve(dataFolder()), VIVARIUM_CACHE: resolve(cacheFolder()) },
    });
    this.#child.stderr!.on(
      'data',
      (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-ERRORS_MAX)),
    );
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** One that found another supervisor has not failed. */
  get hasFailed(): boolean {
    return this.hasEnded && this.#child.exitCode !== 0;
  }

  /** What it said before it had a log. */
  get errors(): string {
    return this.#errors;
  }

  /** It is on its own from here on. */
  leave(): void {
    this.#isLeft = true;
    this.#child.stderr!.destroy();
    this.#child.unref();
  }

  /** Ends it, unless it was left. */
  abandon(): void {
    if (this.#isLeft) return;
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    this.leave();
  }
}

/** Where a supervisor writes what nobody is there to be told. */
export function supervisorLogPath(store: ContainerStore, podId: string): string {
  return store.pods.pathOf(podId, LOG_FILE);
}

/** What it said of itself, with the code that it gave. */
function cannotStart(store: ContainerStore, podId: string, errors: string): VivariumError {
  const [, message, code] = /^viv: (.*) \(([A-Z_]+)\)$/m.exec(errors) ?? [];
  if (message !== undefined && code !== undefined && Object.hasOwn(ErrorCodes, code))
    return new VivariumError(code as ErrorCode, message);
  const reason = errors.trim() || `its log is ${supervisorLogPath(store, podId)}`;
  return new VivariumError(ErrorCodes.GUEST_STOPPED, `the supervisor of the pod could not be started; ${reason}`);
}
