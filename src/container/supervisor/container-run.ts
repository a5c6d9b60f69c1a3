/** One run of a container: its program in the guest from start to end, and the commands that exec starts beside it. */
import { exitCodeOf, type GuestProcess, type OutputSinks } from '../guest-process.ts';
import { processIsolation } from '../isolation/options.ts';
import type { ContainerConfig } from '../lifecycle/config.ts';
import { runtimeProcess, runtimeSpec } from '../runtime-spec.ts';
import { signalNumber } from '../signals.ts';
import { programStarted, StartError } from '../start-error.ts';
import { resolveProcess, type ProcessSpec } from '../../oci/process.ts';
import { resolveGroups } from '../../oci/user.ts';
import { VivariumError } from '../../util/errors.ts';
import { Cgroup } from './cgroup.ts';
import type { Plugged } from './plugged.ts';
import { shortId } from './pod.ts';
import type { ExecRequest, TerminalSize } from './protocol.ts';

/** A program that ends with its guest. */
const EXIT_GUEST_FAILED = 255;
const SIGKILL = 9;

/** How a run ended. */
export interface RunEnd {
  readonly exitCode: number;
  /** Why, when it was not the program's own doing. */
  readonly error: string;
  /** The kernel has killed one of its processes for want of memory. */
  readonly oomKilled: boolean;
  /** The guest is gone. */
  readonly guestFailed: boolean;
}

export interface RunOptions extends OutputSinks {
  readonly config: ContainerConfig;
  readonly plugged: Plugged;
  /** Runs of this container in this guest before. */
  readonly number: number;
  readonly terminal?: TerminalSize | undefined;
}

/** The streams of a command that exec starts. */
export interface ExecOptions extends OutputSinks {
  readonly stdin: boolean;
  readonly terminal?: TerminalSize | undefined;
  /** Files of the container that say who is who; default: those of its image. */
  readonly accounts?: ReadonlyMap<string, Uint8Array> | undefined;
}

export class ContainerRun {
  readonly plugged: Plugged;
  readonly process: GuestProcess;
  readonly stopSignal: number;
  readonly args: readonly string[];
  readonly cgroup: Cgroup;
  /** Its process id in the guest; rejects with a StartError, or why the guest is gone. */
  readonly started: Promise<number>;
  /** Never rejects. Resolves when all output is taken. */
  readonly end: Promise<RunEnd>;
  readonly #config: ContainerConfig;
  readonly #name: string;

  /** Starts it. Throws USAGE or NOT_FOUND for a command or a user that is none. */
  constructor({ config, plugged, number, terminal, ...sinks }: RunOptions) {
    this.#config = config;
    this.plugged = plugged;
    // A name of its own each time: what crun still clears away of the run before must not be this one's.
    this.#name = number === 0 ? shortId(config) : `${shortId(config)}.${number}`;
    const { client } = plugged.guest;
    this.cgroup = new Cgroup(client, this.#name);
    const process = this.#resolve({});
    this.args = process.args;
    this.stopSignal = signalNumber(process.stopSignal);
    const size = config.tty ? (terminal ?? { columns: 0, rows: 0 }) : undefined;
    this.process = client.run({
      kind: 'container',
      name: this.#name,
      spec: runtimeSpec({
        ...this.#processRequest(process, size),
        name: this.#name,
        isolation: config.isolation,
        rootfs: plugged.plan.path,
        hostname: config.hostname,
        volumes: plugged.volumes,
      }),
      stdin: config.openStdin,
      terminal: size,
      ...sinks,
    });
    this.started = plugged.guest.watched('start the program', programStarted(this.process, process.args));
    this.started.catch(() => {}); // who started it awaits it
    this.end = this.#awaitEnd();
  }

  /** Starts a command in the container; `accounts` are its files that say who is who. Throws StartError when it can't be. */
  exec(
    request: ExecRequest,
    { stdin, terminal, accounts, ...sinks }: ExecOptions,
  ): { process: GuestProcess; started: Promise<number> } {
    const { args, env, workingDir, user, tty, privileged } = request;
    const { isolation } = this.#config;
    const wanted = {
      command: args,
      env,
      ...(workingDir === undefined ? {} : { workingDir }),
      ...(user === undefined ? {} : { user }),
      terminal: tty,
      entrypoint: [],
    };
    const spec = notStarted(() => this.#resolve(wanted, accounts));
    const size = tty ? (terminal ?? { columns: 0, rows: 0 }) : undefined;
    const { guest } = this.plugged;
    const process = guest.client.run({
      kind: 'exec',
      name: this.#name,
      process: runtimeProcess({
        ...this.#processRequest(spec, size),
        ...processIsolation(privileged ? { ...isolation, privileged } : isolation),
      }),
      stdin,
      terminal: size,
      ...sinks,
    });
    const started = guest.watched('start the command', programStarted(process, spec.args));
    started.catch(() => {});
    return { process, started };
  }

  /** Lets the guest forget it. */
  async release(): Promise<void> {
    await this.plugged.guest.client.release(this.process);
  }

  kill(signal: number): void {
    this.process.kill(signal);
  }

  /** Ends it for sure. */
  killNow(): void {
    this.process.kill(SIGKILL);
  }

  async #awaitEnd(): Promise<RunEnd> {
    let exitCode = EXIT_GUEST_FAILED;
    try {
      const status = await this.process.exit;
      exitCode = exitCodeOf(status);
      const oomKilled = status.kind !== 'start-failed' && (await this.cgroup.wasOutOfMemory().catch(() => false));
      return { exitCode, oomKilled, error: '', guestFailed: false };
    } catch (error) {
      return {
        exitCode,
        oomKilled: false,
        error: error instanceof Error ? error.message : String(error),
        guestFailed: true,
      };
    }
  }

  /** What to start: the container's own program, or a command of exec. */
  #resolve(
    exec: Parameters<typeof resolveProcess>[1],
    accounts: ReadonlyMap<string, Uint8Array> = this.plugged.image.accounts,
  ): ProcessSpec {
    const { image } = this.plugged;
    const { cmd, entrypoint, env, workingDir, user, stopSignal, hostname, tty } = this.#config;
    return resolveProcess(
      image.execution,
      {
        command: cmd,
        hostname,
        terminal: tty,
        ...(entrypoint === undefined ? {} : { entrypoint }),
        ...(workingDir === undefined ? {} : { workingDir }),
        ...(user === undefined ? {} : { user }),
        ...(stopSignal === undefined ? {} : { stopSignal }),
        ...exec,
        env: [...env, ...(exec.env ?? [])],
      },
      (path) => accounts.get(path),
    );
  }

  #processRequest({ args, env, cwd, user }: ProcessSpec, terminal: TerminalSize | undefined) {
    const groups = resolveGroups(this.#config.isolation.groupAdd, this.#lookup);
    const additionalGids = [...new Set([...user.additionalGids, ...groups])];
    return { args, env, cwd, uid: user.uid, gid: user.gid, additionalGids, terminal };
  }

  readonly #lookup = (path: string): Uint8Array | undefined => this.plugged.image.accounts.get(path);
}

/** What is wrong with a command of exec, such as a user that is not there, keeps it from being started (126, as with Docker). */
function notStarted<T>(resolve: () => T): T {
  try {
    return resolve();
  } catch (error) {
    if (error instanceof VivariumError) throw new StartError(126, error.message);
    throw error;
  }
}

/** Where its runtime mounts something, which makes folders and files there that are not the container's doing. */
export function mountPointsOf({ hostname, isolation }: ContainerConfig, { plan, volumes }: Plugged): string[] {
  const plain = { args: ['none'], env: [], cwd: '/', uid: 0, gid: 0 };
  const { mounts } = runtimeSpec({ ...plain, name: 'none', rootfs: plan.path, hostname, volumes, isolation });
  return mounts.map(({ destination }) => destination);
}
