/**
 * A computer: a guest with one container that stays, in which programs, terminals and files come and go, and which can be put
 * back to how it was. Browser-safe: an entry point brings what differs by platform (ComputerParts). Left out: networking,
 * volumes, several containers.
 *
 *   await using computer = await Computer.start(parts, { image: 'debian.tar' });
 *   const { stdout } = await computer.run({ args: ['uname', '-a'] });
 *   const before = await computer.save();
 *   await computer.run({ args: ['rm', '-rf', '/etc'] });
 *   await computer.restore(before);
 */
import type { Guest } from '../container/guest.ts';
import { GuestEdits } from '../container/guest-edits.ts';
import { GuestFiles } from '../container/guest-files.ts';
import type { GuestMachine } from '../container/guest-machine.ts';
import type { GuestProcess } from '../container/guest-process.ts';
import { processIsolation } from '../container/isolation/options.ts';
import { outputStream } from '../container/output-stream.ts';
import { runtimeProcess } from '../container/runtime-spec.ts';
import { programStarted } from '../container/start-error.ts';
import { readAccounts } from '../container/supervisor/accounts.ts';
import { resolveProcess } from '../oci/process.ts';
import { resolveGroups } from '../oci/user.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { MachineStatistics } from '../worker/protocol.ts';
import type {
  ComputerFiles,
  ComputerOptions,
  ComputerParts,
  ComputerSnapshot,
  ProgramOptions,
  ProgramResult,
  RunProgramOptions,
} from './computer-options.ts';
import { checkKeepName, startContainer, type StartedContainer } from './computer-start.ts';
import { SandboxProcess } from './process.ts';
import { checkRunProgram, runToEnd } from './program.ts';
import { checkTerminal } from './run-options.ts';

const BUSYBOX = '/bin/busybox';
const SIGKILL = 9;
/** How long a computer that is closed may take to write down what is kept. */
const SYNC_MS = 5000;
/** A number of a user, perhaps with one of a group. */
const NUMERIC_USER = /^\d+(:\d+)?$/;

class Snapshot implements ComputerSnapshot {
  readonly byteCount: number;
  readonly computer: Computer;
  readonly checkpoint: number;
  isReleased = false;

  constructor(computer: Computer, checkpoint: number, byteCount: number) {
    this.computer = computer;
    this.checkpoint = checkpoint;
    this.byteCount = byteCount;
  }

  async release(): Promise<void> {
    if (this.isReleased) return;
    this.isReleased = true;
    await this.computer.machine.releaseCheckpoint(this.checkpoint).catch(() => {}); // the machine may be gone, and it too
  }
}

/** Tells `restored` when it was put back: the screens of terminals show what was done meanwhile. */
export class Computer extends EventTarget {
  readonly files: ComputerFiles;
  /** Rejects with a GuestFailure, or an AssertionError, when it fails or ends without having been closed. Never resolves. */
  readonly failure: Promise<never>;
  readonly #container: StartedContainer;
  readonly #fail: (error: Error) => void;
  /** Rejects when it was closed. */
  readonly #closed: Promise<never>;
  readonly #setClosed: () => void;
  /** What saves and restores, one after the other; never rejects. */
  #changing: Promise<unknown> = Promise.resolve();
  /** Programs whose end somebody sees to. */
  readonly #followed = new WeakSet<GuestProcess>();
  #isClosed = false;

  private constructor(container: StartedContainer) {
    super();
    this.#container = container;
    const { guest } = container;
    let fail!: (error: Error) => void;
    const broken = new Promise<never>((_, reject) => (fail = reject));
    this.#fail = fail;
    this.failure = Promise.race([guest.failure, broken]);
    this.failure.catch(() => {}); // whoever cares races against it
    let setClosed!: () => void;
    this.#closed = new Promise((_, reject) => {
      setClosed = () => reject(new VivariumError(ErrorCodes.GUEST_STOPPED, 'the computer was closed; start it again'));
    });
    this.#closed.catch(() => {});
    this.#setClosed = setClosed;
    this.files = new GuestEdits(guest.client, async () => {
      await this.#changing;
      return this.#root;
    });
    this.#watch(container.keeper);
  }

  /**
   * Starts a machine, gives it the image, and resolves when programs can run. Throws GuestFailure when the guest fails, what
   * reading an image may throw, USAGE, BAD_MEMORY_SIZE or LIMIT for wrong options, CONFLICT when what is kept by that name is
   * of something else or in use, or the reason of the signal.
   */
  static async start(parts: ComputerParts, options: ComputerOptions): Promise<Computer> {
    return new Computer(await startContainer(parts, options));
  }

  /** Removes what is kept by a name; the next computer that has it begins anew. Throws CONFLICT while one uses it. */
  static async forget({ kept }: ComputerParts, name: string): Promise<void> {
    checkKeepName(name);
    await kept?.remove(name);
  }

  /** The machine, to look inside. */
  get machine(): GuestMachine {
    return this.#guest.machine;
  }

  /**
   * Starts a program; resolves when it runs. Throws StartError when there is no such program, USAGE or NOT_FOUND for a user that
   * is none, GuestFailure when the guest fails, or the reason of the signal.
   */
  async spawn(options: ProgramOptions): Promise<SandboxProcess> {
    return (await this.#spawn(options, true)).running;
  }

  /** Runs a program to its end; its exit may be what a signal or the time that was over made of it. Throws as {@link spawn}. */
  async run(options: RunProgramOptions): Promise<ProgramResult> {
    checkRunProgram(options);
    const { running, process } = await this.#spawn({ ...options, stdin: options.input !== undefined }, false);
    return runToEnd(running, options, () => this.#killAll(process));
  }

  /**
   * Keeps it as it stands, memory and disk; it goes on. Several may be kept, and they share what is the same. Throws LIMIT
   * when that takes more memory than it may.
   */
  save(): Promise<ComputerSnapshot> {
    return this.#change(async () => {
      const { number, byteCount } = await this.#guest.checkpoint();
      return new Snapshot(this, number, byteCount);
    });
  }

  /**
   * Makes everything what it was, but the time. Programs that {@link spawn} had started before it was saved, and that have not
   * ended meanwhile, go on from there with their streams: a terminal stays. What ended since runs again, followed by
   * nobody. For everything else that is under way, exit rejects with RESTORED and streams end with it. Throws BAD_STATE for
   * a snapshot of another computer or one that was released; then nothing has changed.
   */
  restore(snapshot: ComputerSnapshot): Promise<void> {
    return this.#change(async () => {
      if (!(snapshot instanceof Snapshot) || snapshot.computer !== this)
        throw new VivariumError(
          ErrorCodes.BAD_STATE,
          'the saved state is of another computer; restore one of this computer',
        );
      if (snapshot.isReleased)
        throw new VivariumError(ErrorCodes.BAD_STATE, 'the saved state was released; save the computer again');
      for (const process of await this.#guest.goBack(snapshot.checkpoint))
        if (!this.#followed.has(process)) this.#releaseInTheEnd(process);
      this.dispatchEvent(new Event('restored'));
    });
  }

  /** Makes its clock right again, after the host has slept for instance. */
  async correctClock(): Promise<void> {
    await this.#guest.correctClock();
  }

  /** Writes what the guest has in its caches to its disk; with `keep`, it is kept then. */
  async sync(): Promise<void> {
    await this.#inGuest(['sync']);
  }

  statistics(): Promise<MachineStatistics> {
    return this.#guest.statistics();
  }

  /** Switches it off, whatever runs in it. What is to be kept is kept. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#setClosed();
    const { saved, unlock, isKept } = this.#container;
    if (isKept) await within(SYNC_MS, this.sync());
    await this.#guest.close();
    await saved;
    await unlock();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #guest(): Guest {
    return this.#container.guest;
  }

  /** Path in the guest of its root, as its processes see it. */
  get #root(): string {
    return `/proc/${this.#container.pid}/root`;
  }

  async #spawn(
    options: ProgramOptions,
    outlivesRestore: boolean,
  ): Promise<{ readonly running: SandboxProcess; readonly process: GuestProcess }> {
    const { tty, stdin = false, signal } = options;
    signal?.throwIfAborted();
    checkTerminal(tty);
    await this.#changing;
    const { client } = this.#guest;
    const { process: wanted, stopSignal } = await this.#resolve(options);
    await this.#changing;
    const stdout = outputStream();
    const stderr = outputStream();
    const process = client.run({
      kind: 'exec',
      name: this.#container.id,
      process: wanted,
      stdin,
      terminal: tty,
      outlivesRestore,
      onStdout: stdout.sink,
      onStderr: stderr.sink,
    });
    const running = new SandboxProcess(process, stdout, stderr, stopSignal);
    const kill = (): void => process.kill(SIGKILL);
    signal?.addEventListener('abort', kill, { once: true });
    this.#releaseInTheEnd(process, () => signal?.removeEventListener('abort', kill));
    await this.#guest.watched('start the program', programStarted(process, wanted.args));
    signal?.throwIfAborted();
    return { running, process };
  }

  /** What crun is told to start. */
  async #resolve({ args, env = [], cwd, user, tty }: ProgramOptions) {
    const { image, isolation, hostname } = this.#container;
    // Who is who may have changed since the image was made.
    const accounts =
      user === undefined || NUMERIC_USER.test(user)
        ? image.accounts
        : await readAccounts(new GuestFiles(this.#guest.client, { path: this.#root, upper: '', lowers: [] }));
    const lookup = (path: string): Uint8Array | undefined => accounts.get(path);
    const spec = resolveProcess(
      image.execution,
      {
        command: args,
        entrypoint: [],
        env: [...this.#container.env, ...env],
        hostname,
        terminal: tty !== undefined,
        ...(cwd === undefined ? {} : { workingDir: cwd }),
        ...(user === undefined ? {} : { user }),
      },
      lookup,
    );
    const groups = resolveGroups(isolation.groupAdd, lookup);
    const process = runtimeProcess({
      args: spec.args,
      env: spec.env,
      cwd: spec.cwd,
      uid: spec.user.uid,
      gid: spec.user.gid,
      additionalGids: [...new Set([...spec.user.additionalGids, ...groups])],
      terminal: tty,
      ...processIsolation(isolation),
    });
    return { process, stopSignal: this.#container.stopSignal };
  }

  /** A program with its process group, in which is what it has started, but for what has gone into another. */
  async #killAll(process: GuestProcess): Promise<void> {
    const pid = await process.started;
    const stat = new TextDecoder().decode(await this.#guest.client.readFile(`/proc/${pid}/stat`));
    const group = processGroupOf(stat);
    // A group of its own it has from crun; that of the agent is not to be killed.
    const targets = group > 1 ? [`-${group}`, String(pid)] : [String(pid)];
    await this.#inGuest(['kill', `-${SIGKILL}`, ...targets]);
  }

  /** Runs a tool of the guest, outside of the container. */
  async #inGuest(words: readonly string[]): Promise<void> {
    const { client } = this.#guest;
    const process = client.run({ kind: 'guest', args: [BUSYBOX, ...words] });
    await process.exit;
    await client.release(process);
  }

  #releaseInTheEnd(process: GuestProcess, ended: () => void = () => {}): void {
    this.#followed.add(process);
    const release = async (): Promise<void> => {
      try {
        await process.exit;
        await this.#guest.client.release(process);
      } catch {
        // The guest is gone, or was put back: it knows nothing of it any more.
      } finally {
        ended();
      }
    };
    void release();
  }

  /** The container's first process, which does nothing but stay. */
  #watch(keeper: GuestProcess): void {
    const ended = (): void =>
      this.#fail(new VivariumError(ErrorCodes.GUEST_STOPPED, "the computer's first process has ended; start it again"));
    this.#followed.add(keeper);
    keeper.exit.then(ended, () => {}); // the guest fails or is closed
  }

  #change<T>(action: () => Promise<T>): Promise<T> {
    const changed = Promise.race([this.#changing.then(action), this.failure, this.#closed]);
    this.#changing = changed.catch(() => {});
    return changed;
  }
}

/** Of proc(5), /proc/PID/stat: what follows the name, which may hold anything, is state, parent, group. */
function processGroupOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}

/** Waits for something that may fail, and not too long. */
async function within(delayMs: number, task: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, delayMs)));
  await Promise.race([task.catch(() => {}), late]);
  clearTimeout(timer);
}
