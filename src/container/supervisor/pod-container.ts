/**
 * A container of a pod and its whole life: started, stopped, restarted by its policy, paused, attached to, and in the end removed
 * if it is to be. What it is at each moment is in its record before anybody is told.
 */
import { GuestFiles } from '../guest-files.ts';
import type { ContainerConfig, ContainerState, HealthState } from '../lifecycle/config.ts';
import { isActive } from '../lifecycle/state.ts';
import { StartError } from '../start-error.ts';
import { signalNumber } from '../signals.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

import { readAccounts } from './accounts.ts';
import { ContainerPlace } from './container-place.ts';
import { ContainerRecord } from './container-record.ts';
import { ContainerRun, mountPointsOf, type RunEnd } from './container-run.ts';
import { ExecSession } from './exec-session.ts';
import { FanOut, type OutputTaker } from './fan-out.ts';
import type { HealthMonitor } from './health.ts';
import { watchHealth } from './health-probe.ts';
import type { Pod } from './pod.ts';
import type { OutputLog } from './pod-host.ts';
import type {
  ContainerStats,
  ExecRequest,
  ExitReport,
  LimitsUpdate,
  ProcessRow,
  TerminalSize,
  WaitCondition,
} from './protocol.ts';
import { RestartBackOff } from './restart.ts';
import { readProcesses } from './processes.ts';
import { readStats } from './stats.ts';
import { Waiters } from './waiters.ts';

const SIGKILL = 9;
const DEFAULT_STOP_TIMEOUT_MS = 10_000;
const EXIT_NOT_STARTED = 128;

export interface StopOptions {
  /** Instead of the container's own. */
  readonly signal?: string | undefined;
  /** Until it is killed; negative: never. Default: the container's. */
  readonly timeoutMs?: number | undefined;
}

export interface StartOptions {
  readonly terminal?: TerminalSize | undefined;
  /** Gives the start up. */
  readonly signal?: AbortSignal | undefined;
}

export class PodContainer {
  readonly #pod: Pod;
  readonly #changed: () => void;
  readonly #record: ContainerRecord;
  readonly #place: ContainerPlace;
  readonly #output = new FanOut();
  readonly #backOff = new RestartBackOff();
  readonly #execs = new Map<string, ExecSession>();
  readonly #ends = new Waiters<ExitReport>();
  readonly #removals = new Waiters<ExitReport>();
  #turn: Promise<unknown> = Promise.resolve();
  #isStarting = false;
  #isEnding = false;
  #run: ContainerRun | undefined;
  /** Resolves when everything about the last run is over. */
  #ended: Promise<void> = Promise.resolve();
  #log: OutputLog | undefined;
  #health: HealthMonitor | undefined;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #startedMs = 0;

  constructor(pod: Pod, config: ContainerConfig, state: ContainerState, changed: () => void) {
    this.#pod = pod;
    this.#record = new ContainerRecord(pod.host.records, config, state);
    this.#place = new ContainerPlace(pod, this.#record);
    this.#changed = changed;
  }

  get id(): string {
    return this.config.id;
  }
  get config(): ContainerConfig {
    return this.#record.config;
  }
  get state(): ContainerState {
    return this.#record.state;
  }
  /** Whether it needs the pod. */
  get isBusy(): boolean {
    return this.#isStarting || this.#isEnding || isActive(this.state);
  }

  // Starting

  /** Starts it; nothing to do when it runs. Throws StartError, CONFLICT, and what images and guests may. */
  start(options: StartOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
      if (isActive(this.state)) return;
      this.#backOff.reset();
      await this.#startRun(options);
    });
  }

  async #startRun({ terminal, signal = new AbortController().signal }: StartOptions): Promise<void> {
    this.#isStarting = true;
    try {
      await this.#ended;
      // It may have been changed since.
      await this.#record.reload();
      const run = await this.#launch(terminal, signal);
      const { host } = this.#pod;
      this.#startedMs = host.nowMs();
      await this.#record.become({
        status: 'running',
        pid: await run.started,
        exitCode: 0,
        error: '',
        oomKilled: false,
        startedAt: host.timestamp(),
        restartCount: this.#backOff.count,
        stoppedByUser: false,
      });
      this.#record.event('start');
      this.#health = watchHealth({
        config: this.config,
        host: this.#pod.host,
        exec: (args) => this.exec({ id: this.id, args, env: [], tty: false, privileged: false }),
        changed: (health, isNew) => this.#healthChanged(run, health, isNew),
        isPaused: () => this.state.status === 'paused',
      });
      this.#isEnding = true;
      this.#ended = this.#follow(run);
    } catch (error) {
      await this.#endUnrecorded();
      await this.#startFailed(error);
      throw error;
    } finally {
      this.#isStarting = false;
      this.#changed();
    }
  }

  async #launch(terminal: TerminalSize | undefined, signal: AbortSignal): Promise<ContainerRun> {
    const { records } = this.#pod.host;
    const plugged = await this.#place.plug(signal);
    this.#log = await records.openLog(this.config);
    const log = this.#log;
    const sinks = new FanOut();
    sinks.add({ stdout: (bytes) => log.write('stdout', bytes), stderr: (bytes) => log.write('stderr', bytes) });
    sinks.add(this.#output);
    const run = new ContainerRun({
      config: this.config,
      plugged,
      number: this.#place.nextRun(),
      terminal,
      onStdout: sinks.stdout,
      onStderr: sinks.stderr,
    });
    const giveUp = (): void => run.killNow();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await run.started;
      signal.throwIfAborted();
    } catch (error) {
      run.killNow();
      await run.end;
      await run.release().catch(() => {});
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
    this.#run = run;
    return run;
  }

  /** A program whose start could not be written down must not go on. */
  async #endUnrecorded(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.killNow();
    await run?.end;
    await run?.release().catch(() => {}); // the guest may be gone
  }

  async #startFailed(error: unknown): Promise<void> {
    const { host } = this.#pod;
    await this.#closeLog();
    await this.#unplug();
    const exitCode = error instanceof StartError ? error.exitCode : EXIT_NOT_STARTED;
    const wasCreated = this.state.status === 'created';
    await this.#record
      .become({
        status: wasCreated ? 'created' : 'exited',
        pid: 0,
        exitCode,
        error: messageOf(error),
        ...(wasCreated ? {} : { finishedAt: host.timestamp() }),
      })
      .catch((failure: unknown) => this.#pod.host.note(messageOf(failure)));
    if (this.config.autoRemove) await this.#remove();
    this.#ends.tell(this.#report());
  }

  // Ending

  /** Sees a run to its end, and what comes after it. Never rejects. */
  async #follow(run: ContainerRun): Promise<void> {
    const end = await run.end;
    try {
      await this.#finish(run, end);
    } catch (error) {
      this.#pod.host.note(`container ${this.id}: ${messageOf(error)}`);
    } finally {
      this.#isEnding = false;
      this.#ends.tell(this.#report()); // also if the record could not be written: whoever looks next settles it
      this.#changed();
    }
  }

  async #finish(run: ContainerRun, end: RunEnd): Promise<void> {
    const { host } = this.#pod;
    this.#run = undefined;
    this.#health?.stop();
    this.#health = undefined;
    this.#execs.clear();
    await this.#closeLog();
    await this.#record.settled(); // a pause that was under way
    const ranMs = host.nowMs() - this.#startedMs;
    const { stoppedByUser } = this.state;
    const pauseMs = this.#backOff.next(this.config.restart, { exitCode: end.exitCode, ranMs, stoppedByUser });
    if (end.guestFailed) this.#place.lost();
    else {
      // A guest that goes now need not clear away what crun keeps of it.
      if (pauseMs !== undefined || this.#pod.isUsedBesides(this)) await run.release();
      if (pauseMs === undefined) await this.#unplug();
    }
    const { exitCode, error, oomKilled } = end;
    const isLast = pauseMs === undefined && this.config.autoRemove;
    const after: Partial<ContainerState> = {
      status: pauseMs === undefined ? 'exited' : 'restarting',
      pid: 0,
      exitCode,
      error,
      oomKilled,
      finishedAt: host.timestamp(),
    };
    const isMachineUseless = isLast && this.config.pod === this.id && !this.#pod.isUsedBesides(this);
    if (isMachineUseless && !host.keepsMachine) void this.#pod.close().catch(() => {}); // whoever ends the pod is told
    if (isLast) this.#record.becomeLast(after);
    else await this.#record.become(after);
    if (oomKilled) this.#record.event('oom');
    this.#record.event('die', { exitCode: String(exitCode), execDuration: String(Math.floor(ranMs / 1000)) });
    if (isLast) await this.#remove();
    if (pauseMs !== undefined) this.#restartTimer = setTimeout(() => this.#restartByPolicy(), pauseMs);
  }

  #restartByPolicy(): void {
    this.#restartTimer = undefined;
    void this.#inTurn(async () => {
      if (this.state.status === 'restarting') await this.#startRun({});
    }).catch((error: unknown) => this.#pod.host.note(`container ${this.id} does not start again: ${messageOf(error)}`));
  }

  async #remove(): Promise<void> {
    await this.#record.remove();
    this.#pod.forget(this.id);
    this.#removals.tell(this.#report());
  }

  /** Takes its disks out of the guest, unless they go with it anyway. */
  #unplug(): Promise<void> {
    return this.#place.unplug(this.config.autoRemove && !this.#pod.isUsedBesides(this));
  }

  async #closeLog(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close().catch((error: unknown) => this.#pod.host.note(`log of ${this.id}: ${messageOf(error)}`));
  }

  // Stopping

  /** Stops it: its signal, then SIGKILL. Nothing to do when it does not run. */
  stop(options: StopOptions = {}): Promise<void> {
    return this.#inTurn(() => this.#stop(options));
  }

  async #stop({
    signal,
    timeoutMs = this.config.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS,
  }: StopOptions): Promise<void> {
    const number = signal === undefined ? undefined : signalNumber(signal);
    if (!isActive(this.state)) return;
    await this.#record.become({ stoppedByUser: true });
    if (this.state.status === 'restarting') {
      await this.#cancelRestart();
    } else {
      const run = this.#run;
      if (run !== undefined) {
        this.#signal(run, number ?? run.stopSignal);
        await this.#thaw();
        if (!(await this.#endsWithin(timeoutMs))) this.#signal(run, SIGKILL);
      }
      await this.#ended;
    }
    this.#record.event('stop');
  }

  async #cancelRestart(): Promise<void> {
    clearTimeout(this.#restartTimer);
    await this.#unplug();
    await this.#record.become({ status: 'exited' });
    if (this.config.autoRemove) await this.#remove();
    this.#ends.tell(this.#report());
    this.#changed();
  }

  async #endsWithin(timeoutMs: number): Promise<boolean> {
    if (timeoutMs < 0) return this.#ended.then(() => true);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, timeoutMs, false)));
    const inTime = await Promise.race([this.#ended.then(() => true), late]);
    clearTimeout(timer);
    return inTime;
  }

  restart(options: StopOptions = {}): Promise<void> {
    return this.#inTurn(async () => {
      await this.#stop(options);
      this.#backOff.reset();
      await this.#startRun({});
      this.#record.event('restart');
    });
  }

  /** Sends a signal to its first process. Throws CONFLICT when it does not run, USAGE for no signal. */
  async kill(signal: string): Promise<void> {
    const number = signalNumber(signal);
    const run = this.#running(() => `cannot kill container: ${this.id}: container ${this.id} is not running`);
    const isEnd = number === SIGKILL || number === run.stopSignal;
    if (isEnd) await this.#record.become({ stoppedByUser: true });
    this.#signal(run, number);
    if (isEnd && number !== SIGKILL) await this.#thaw();
  }

  #signal(run: ContainerRun, number: number): void {
    run.kill(number);
    this.#record.event('kill', { signal: String(number) });
  }

  // Pausing

  pause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state.status === 'paused') throw conflict(`Container ${this.id} is already paused`);
      const run = this.#running(() => `Container ${this.id} is not running`);
      await run.cgroup.freeze(true);
      await this.#record.become({ status: 'paused' });
      this.#record.event('pause');
    });
  }

  unpause(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state.status !== 'paused') throw conflict(`Container ${this.id} is not paused`);
      await this.#thaw();
    });
  }

  /** Pauses it, if it runs, until the result is called. */
  async holdStill(): Promise<() => Promise<void>> {
    if (this.state.status !== 'running') return async () => {};
    await this.pause();
    return () => this.#inTurn(() => this.#thaw());
  }

  async #thaw(): Promise<void> {
    if (this.state.status !== 'paused') return;
    await this.#run?.cgroup.freeze(false).catch(() => {}); // it has ended meanwhile
    if (this.state.status !== 'paused') return;
    await this.#record.become({ status: 'running' });
    this.#record.event('unpause');
  }

  // Attaching

  /** Gives what it prints from now on to a taker too; the result takes it away. */
  attach(taker: OutputTaker): () => void {
    return this.#output.add(taker);
  }

  /** Throws CONFLICT unless somebody can attach to it now. */
  checkAttachable(): void {
    const { status } = this.state;
    if (status === 'paused') throw conflict('You cannot attach to a paused container, unpause it first');
    if (status === 'restarting')
      throw conflict('You cannot attach to a restarting container, wait until it is running');
    if (status !== 'running') throw conflict('You cannot attach to a stopped container, start it first');
    this.tellAttach();
  }

  /** Somebody takes what it prints. */
  tellAttach(): void {
    this.#record.event('attach');
  }

  /** Input for its program; resolves when the guest has it. What nobody takes is dropped. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#run?.process.write(bytes);
  }

  /** The input of one who attached has ended. */
  endInput(): void {
    if (this.config.stdinOnce === true && !this.config.tty) this.#run?.process.end();
  }

  resize({ columns, rows }: TerminalSize): void {
    this.#run?.process.resize(columns, rows);
    this.#record.event('resize', { width: String(columns), height: String(rows) });
  }

  // Exec

  /** Starts a command beside its program. Throws CONFLICT or StartError. */
  async exec(request: ExecRequest): Promise<ExecSession> {
    this.#checkRunning();
    // Programs of the container may have made the user.
    const accounts = request.user === undefined ? undefined : await readAccounts(this.files());
    const run = this.#checkRunning();
    const [program, ...args] = request.args;
    const words = `${program} ${args.join(' ')}`; // with its space at the end, as Docker has it
    const session = new ExecSession(run, request, accounts, (action, attributes) =>
      this.#record.event(action === 'exec_die' ? action : `${action}: ${words}`, attributes),
    );
    this.#execs.set(session.id, session);
    void session.end.then(() => this.#execs.delete(session.id));
    return session;
  }

  #checkRunning(): ContainerRun {
    if (this.state.status === 'paused')
      throw conflict(`Container ${this.id} is paused, unpause the container before exec`);
    return this.#running(() => `Container ${this.id} is not running`);
  }

  /** One that exec has started. Throws NOT_FOUND. */
  execSession(id: string): ExecSession {
    const session = this.#execs.get(id);
    if (session === undefined) throw new VivariumError(ErrorCodes.NOT_FOUND, `No such exec instance: ${id}`);
    return session;
  }

  // Waiting

  wait(condition: WaitCondition): Promise<ExitReport> {
    if (condition === 'not-running' && !isActive(this.state) && !this.#isStarting)
      return Promise.resolve(this.#report());
    return condition === 'removed' ? this.#removals.wait() : this.#ends.wait();
  }

  #report(): ExitReport {
    return { exitCode: this.state.exitCode, error: this.state.error };
  }

  // Files

  /** Has its files at hand, also when it does not run; the result lets go of them. */
  holdFiles(signal: AbortSignal): Promise<() => Promise<void>> {
    return this.#inTurn(async () => {
      await this.#place.plug(signal);
      const letGo = this.#place.hold();
      return async () => {
        if (letGo()) await this.#inTurn(async () => (this.isBusy ? undefined : this.#unplug()));
      };
    });
  }

  /** Throws CONFLICT when they are not at hand. */
  files(): GuestFiles {
    const { plugged } = this.#place;
    if (plugged === undefined) throw conflict(`the files of container ${this.id} are not at hand; hold them first`);
    const { client } = plugged.guest;
    const { path, upper, lowers } = plugged.plan;
    const mountPoints = mountPointsOf(this.config, plugged);
    // Who looks into a process sees volumes too.
    const root = this.state.pid > 0 && this.#run !== undefined ? `/proc/${this.state.pid}/root` : path;
    return new GuestFiles(client, { path: root, upper, lowers, mountPoints });
  }

  // Looking, changing

  async processes(): Promise<ProcessRow[]> {
    const run = this.#running(() => `container ${this.id} is not running`);
    this.#record.event('top');
    return readProcesses(run.plugged.guest.client, await run.cgroup.processes());
  }

  /** Zero for one that does not run. */
  async stats(): Promise<ContainerStats> {
    return readStats(this.#run);
  }

  /** Changes limits, also while it runs, and the restart policy. */
  update({ limits, restart }: LimitsUpdate): Promise<void> {
    return this.#inTurn(async () => {
      await this.#run?.cgroup.limit(limits);
      const { isolation } = this.config;
      await this.#record.configure({
        isolation: { ...isolation, limits: { ...isolation.limits, ...limits } },
        ...(restart === undefined ? {} : { restart }),
      });
      this.#record.event('update');
    });
  }

  // Inside

  #running(otherwise: () => string): ContainerRun {
    if (this.#run === undefined) throw conflict(otherwise());
    return this.#run;
  }

  /** Orders that change what it is come one after the other. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  #healthChanged(run: ContainerRun, health: HealthState, isNew: boolean): void {
    if (this.#run !== run) return;
    if (isNew) this.#record.event(`health_status: ${health.status}`);
    this.#record.become({ health }).catch((error: unknown) => this.#pod.host.note(messageOf(error)));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function conflict(message: string): VivariumError {
  return new VivariumError(ErrorCodes.CONFLICT, message);
}
