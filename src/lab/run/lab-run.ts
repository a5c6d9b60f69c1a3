/**
 * A student's way through a lab: starts its machines, prepares the step that the student is at, checks it, and keeps what is
 * passed. What changes machines (an `init`, a solution, a reset) happens one after the other; checks run beside what the student
 * does, one at a time.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Lab, LabStep } from '../format/lab.ts';
import { Checker, type Verdict } from './checker.ts';
import type { LabComputer } from './computer.ts';
import { LabMachines, type MachinesSnapshot } from './machines.ts';
import { formatProgress, parseProgress, type Progress } from './progress.ts';
import type { LabRunner, LabRunParts } from './runner.ts';
import { runScript, type ScriptEnd } from './script.ts';
import { NO_FEEDBACK, type LabEvent, type LabPhase, type LabState } from './state.ts';
import { StepRecord, type Checkpoint } from './step.ts';

const ROOT = '0:0';
const STEP_SNAPSHOTS_MAX = 3;

type Listener = (event: LabEvent, state: LabState) => void;

export class LabRun<C extends LabComputer> implements LabRunner<C> {
  readonly lab: Lab;
  readonly #parts: LabRunParts<C>;
  readonly #steps: ReadonlyMap<string, StepRecord>;
  readonly #checker: Checker;
  readonly #listeners = new Set<Listener>();
  #phase: LabPhase = 'new';
  #failure: string | undefined;
  #current: string | undefined;
  #machines: LabMachines<C> | undefined;
  /** The machines before the first step. */
  #setUp: MachinesSnapshot | undefined;
  /** Steps with a checkpoint, the oldest first. */
  #checkpoints: StepRecord[] = [];
  /** Ends what works in the machines. */
  #stop = new AbortController();
  /** What changes machines; never rejects. */
  #changing: Promise<unknown> = Promise.resolve();
  readonly #asked = new Map<string, Promise<boolean>>();
  #isPolling = true;
  #isKept = true;

  constructor(parts: LabRunParts<C>) {
    this.#parts = parts;
    this.lab = parts.lab;
    this.#steps = new Map(parts.lab.steps.map((step) => [step.id, new StepRecord(step)]));
    this.#checker = new Checker({
      clock: parts.clock,
      pollMs: parts.pollMs,
      run: (step, signal) => this.#runCheck(step, signal),
      polled: () => this.#polled(),
      onPolled: (step, verdict) => void this.#judge(this.#record(step.id), verdict, false),
      onError: (error) => this.#emit({ kind: 'notice', text: `the step could not be checked: ${sentenceOf(error)}` }),
    });
  }

  get state(): LabState {
    const records = [...this.#steps.values()];
    return {
      phase: this.#phase,
      failure: this.#failure,
      current: this.#current,
      steps: records.map((record) => record.state(this.#missing(record))),
      isComplete: records.every(({ isPassed }) => isPassed),
    };
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    if (this.#phase !== 'new') throw notNow('the lab has been started already');
    this.#phase = 'starting';
    await this.#loadProgress();
    await this.#exclusively(() => this.#boot(false));
    this.#emit({ kind: 'ready' });
  }

  computer(machine: string): C {
    if (this.#machines === undefined) throw notNow('the machines of the lab do not run yet; wait until they do');
    return this.#machines.get(machine);
  }

  async enter(step: string): Promise<void> {
    const record = this.#record(step);
    this.#running();
    this.#current = step;
    this.#changed();
    this.#keep();
    await this.#prepare(record);
  }

  async check(step: string): Promise<boolean> {
    const record = this.#workable(step);
    if (record.step.check === undefined)
      throw notNow(`the step ${quoted(record)} has no check; say yourself when it is done`);
    const asked = this.#asked.get(step) ?? this.#check(record).finally(() => this.#asked.delete(step));
    this.#asked.set(step, asked);
    return asked;
  }

  confirm(step: string): void {
    const record = this.#record(step);
    this.#unlocked(record);
    if (record.step.check !== undefined) throw notNow(`the step ${quoted(record)} has a check; let it check the step`);
    this.#pass(record);
  }

  showHint(step: string): void {
    const record = this.#record(step);
    if (record.hintsShown === record.step.hints.length)
      throw notNow(`there is no other hint for the step ${quoted(record)}`);
    const index = record.hintsShown++;
    this.#keep();
    this.#emit({ kind: 'hint', step, index });
  }

  showSolution(step: string): void {
    this.#solvable(step).isSolutionShown = true;
    this.#keep();
    this.#changed();
  }

  async runSolution(step: string): Promise<boolean> {
    const record = this.#solvable(step);
    this.#workable(step);
    record.isSolutionShown = true;
    record.isSolutionRunning = true;
    this.#keep();
    this.#changed();
    try {
      const hasRun = await this.#exclusively((signal) => this.#solve(record, signal));
      if (!hasRun) return false;
    } finally {
      record.isSolutionRunning = false;
      this.#changed();
    }
    this.#emit({ kind: 'solved', step });
    if (record.step.check !== undefined) return this.check(step);
    this.#pass(record);
    return true;
  }

  async reset(step?: string): Promise<void> {
    const record = step === undefined ? undefined : this.#record(step);
    if (record !== undefined) {
      this.#running();
      if (record.checkpoint === undefined)
        throw notNow(`how the step ${quoted(record)} began is not kept any more; reset the whole lab`);
    } else if (this.#phase !== 'ready' && this.#phase !== 'failed') {
      throw notNow('the lab can only be reset when it has started; wait until it has');
    }
    this.#phase = 'resetting';
    this.#changed();
    await this.#interrupt('the lab was reset meanwhile');
    await this.#exclusively(() => (record === undefined ? this.#resetLab() : this.#resetStep(record)));
    this.#emit({ kind: 'reset', step });
    this.#keep();
    if (record === undefined) await this.enter(this.lab.steps[0]!.id);
  }

  setPolling(isOn: boolean): void {
    this.#isPolling = isOn;
    this.#checker.poll();
  }

  exportProgress(): string {
    return formatProgress(this.lab, this.#progress);
  }

  importProgress(text: string): void {
    this.#take(parseProgress(this.lab, text));
    this.#keep();
    this.#changed();
    this.#prepareCurrent();
  }

  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    await this.#interrupt('the lab was closed');
    const machines = this.#machines;
    this.#machines = undefined;
    await machines?.close();
    this.#changed();
  }

  // Machines

  async #boot(fresh: boolean): Promise<void> {
    const { signal } = this.#stop;
    let machines: LabMachines<C> | undefined;
    try {
      machines = await LabMachines.start(this.#parts, { fresh, signal });
      this.#watch(machines);
      this.#setUp = machines.isFresh ? await this.#save(machines, 'the lab') : undefined;
      signal.throwIfAborted();
      this.#machines = machines;
      this.#failure = undefined;
      this.#phase = 'ready';
    } catch (error) {
      await machines?.close().catch(() => {}); // why it did not start is what matters
      this.#fail(error);
      throw error;
    }
  }

  #watch(machines: LabMachines<C>): void {
    machines.failure.catch((error: unknown) => {
      if (this.#machines === machines) this.#fail(error);
    });
  }

  /** Undefined when there is no room for it. */
  async #save(machines: LabMachines<C>, what: string): Promise<MachinesSnapshot | undefined> {
    try {
      return await machines.save();
    } catch (error) {
      if (!(error instanceof VivariumError) || error.code !== ErrorCodes.LIMIT) throw error;
      this.#emit({ kind: 'notice', text: `${what} can't be reset at once: ${error.message}` });
      return undefined;
    }
  }

  /** The student comes to a step, or it opens while the student looks at it. */
  #prepare(record: StepRecord): Promise<void> {
    return this.#exclusively(async (signal) => {
      if (this.#current !== record.step.id || this.#phase !== 'ready' || this.#missing(record).length > 0) return;
      if (record.preparation !== 'done' && !(await this.#init(record, signal))) return;
      if (record.checkpoint === undefined) await this.#keepCheckpoint(record);
      this.#emit({ kind: 'entered', step: record.step.id });
    });
  }

  async #init(record: StepRecord, signal: AbortSignal): Promise<boolean> {
    const { init } = record.step;
    record.clear('running');
    this.#changed();
    try {
      const end = init === undefined ? undefined : await this.#run(record.step, init, ROOT, signal);
      const reason = end === undefined ? undefined : failureOf(end);
      record.preparation = reason === undefined ? 'done' : 'failed';
      if (reason !== undefined) record.problem = `this step could not be prepared: ${reason}`;
    } catch (error) {
      record.clear('none');
      throw error;
    } finally {
      this.#changed();
    }
    return record.preparation === 'done';
  }

  async #keepCheckpoint(record: StepRecord): Promise<void> {
    const machines = await this.#save(this.#machines!, `the step ${quoted(record)}`);
    if (machines === undefined) return;
    const prepared = [...this.#steps.values()].filter(({ preparation }) => preparation === 'done');
    record.checkpoint = { machines, prepared: new Set(prepared.map(({ step }) => step.id)) };
    this.#checkpoints.push(record);
    const { stepSnapshotsMax = STEP_SNAPSHOTS_MAX } = this.#parts;
    while (this.#checkpoints.length > stepSnapshotsMax) await this.#dropCheckpoint(this.#checkpoints.shift()!);
  }

  async #dropCheckpoint(record: StepRecord): Promise<void> {
    const { checkpoint } = record;
    record.checkpoint = undefined;
    await checkpoint?.machines.release();
  }

  async #solve(record: StepRecord, signal: AbortSignal): Promise<boolean> {
    const { step } = record;
    const end = await this.#run(step, step.solution!, this.#machines!.describe(step.machine).user, signal);
    const reason = failureOf(end);
    record.problem = reason === undefined ? undefined : `the solution of this step does not work: ${reason}`;
    return reason === undefined;
  }

  async #resetStep(record: StepRecord): Promise<void> {
    await this.#goBack(record.checkpoint!);
    this.#current = record.step.id;
  }

  async #resetLab(): Promise<void> {
    const setUp = this.#failure === undefined ? this.#setUp : undefined;
    const dropped = this.#checkpoints.splice(0).map((record) => this.#dropCheckpoint(record));
    await Promise.all(dropped);
    if (setUp !== undefined) await this.#goBack({ machines: setUp, prepared: new Set() });
    else await this.#bootAnew();
    for (const record of this.#steps.values()) record.forget();
  }

  async #goBack({ machines, prepared }: Checkpoint): Promise<void> {
    try {
      await this.#machines!.restore(machines);
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    for (const record of this.#steps.values()) record.clear(prepared.has(record.step.id) ? 'done' : 'none');
    if (this.#phase === 'resetting') this.#phase = 'ready';
  }

  async #bootAnew(): Promise<void> {
    const machines = this.#machines;
    this.#machines = undefined;
    await machines?.close().catch(() => {}); // one that has failed says so again
    this.#phase = 'starting';
    this.#changed();
    await this.#boot(true);
  }

  // Checks

  async #check(record: StepRecord): Promise<boolean> {
    record.isChecking = true;
    this.#changed();
    let verdict: Verdict;
    try {
      verdict = await this.#checker.check(record.step);
    } finally {
      record.isChecking = false;
      this.#changed();
    }
    return this.#judge(record, verdict, true);
  }

  async #runCheck(step: LabStep, signal: AbortSignal): Promise<Verdict> {
    const end = await this.#run(step, step.check!, ROOT, signal);
    if (end.kind === 'broken') return end;
    return end.exitCode === 0 ? { kind: 'passed' } : { kind: 'not-yet', feedback: end.lastLine };
  }

  #polled(): LabStep | undefined {
    const record = this.#current === undefined ? undefined : this.#steps.get(this.#current);
    const isOpen = this.#phase === 'ready' && this.#isPolling && record?.preparation === 'done';
    const isWanted = isOpen && !record.isPassed && !record.isSolutionRunning && record.step.check !== undefined;
    return isWanted ? record.step : undefined;
  }

  #judge(record: StepRecord, verdict: Verdict, isAsked: boolean): boolean {
    const step = record.step.id;
    switch (verdict.kind) {
      case 'passed':
        record.problem = record.feedback = undefined;
        this.#pass(record);
        return true;
      case 'not-yet':
        if (isAsked) record.problem = undefined;
        // Nobody is told what is missing before asking; but what was told stays true.
        if (isAsked || record.feedback !== undefined) record.feedback = verdict.feedback ?? NO_FEEDBACK;
        break;
      case 'broken':
        record.feedback = undefined;
        record.problem = `the check of this step does not work: ${verdict.reason}`;
    }
    const text = record.problem ?? record.feedback;
    if (isAsked && text !== undefined) this.#emit({ kind: 'feedback', step, text });
    else this.#changed();
    return false;
  }

  #pass(record: StepRecord): void {
    if (record.isPassed) return this.#changed();
    const waiting = [...this.#steps.values()].filter((other) => this.#missing(other).length > 0);
    record.isPassed = true;
    this.#keep();
    const opened = waiting.filter((other) => this.#missing(other).length === 0).map(({ step }) => step.id);
    const { id: step, title } = record.step;
    this.#emit({ kind: 'passed', step, title, opened });
    if (this.state.isComplete) this.#emit({ kind: 'completed' });
    if (this.#current !== undefined && opened.includes(this.#current)) this.#prepareCurrent();
  }

  /** The step that the student looks at, if it has opened. */
  #prepareCurrent(): void {
    const record = this.#current === undefined ? undefined : this.#steps.get(this.#current);
    if (record === undefined || record.preparation !== 'none' || this.#phase !== 'ready') return;
    this.#prepare(record).catch((error: unknown) => this.#emit({ kind: 'notice', text: sentenceOf(error) }));
  }

  // Progress

  get #progress(): Progress {
    const steps = [...this.#steps].map(([id, record]) => [id, record.progress] as const);
    const touched = steps.filter(([, step]) => step.isPassed || step.hints > 0 || step.isSolutionShown);
    return { current: this.#current, steps: new Map(touched) };
  }

  #take({ steps }: Progress): void {
    for (const [id, progress] of steps) this.#steps.get(id)!.take(progress);
  }

  async #loadProgress(): Promise<void> {
    this.#current = this.lab.steps[0]!.id;
    try {
      const text = await this.#parts.store?.load(this.lab.id);
      if (text === undefined) return;
      const progress = parseProgress(this.lab, text);
      this.#take(progress);
      this.#current = progress.current ?? this.#current;
    } catch (error) {
      this.#emit({ kind: 'notice', text: `your progress can't be read, so the lab begins anew: ${sentenceOf(error)}` });
    }
  }

  #keep(): void {
    this.#parts.store?.save(this.lab.id, this.exportProgress()).catch((error: unknown) => {
      if (!this.#isKept) return; // that has been told
      this.#isKept = false;
      const text = `your progress can't be saved, so export it before you leave: ${sentenceOf(error)}`;
      this.#emit({ kind: 'notice', text });
    });
  }

  // What is asked for, and whether it can be done

  #record(step: string): StepRecord {
    const record = this.#steps.get(step);
    if (record === undefined)
      throw new VivariumError(
        ErrorCodes.NOT_FOUND,
        `the lab has no step ${JSON.stringify(step)}; it has ${[...this.#steps.keys()].join(', ')}`,
      );
    return record;
  }

  #running(): void {
    if (this.#phase === 'failed') throw notNow(`the lab has stopped: ${this.#failure}; reset the lab`);
    if (this.#phase !== 'ready') throw notNow('the machines of the lab are not ready; wait until they are');
  }

  #unlocked(record: StepRecord): void {
    const missing = this.#missing(record).map((id) => quoted(this.#record(id)));
    if (missing.length > 0) throw notNow(`the step ${quoted(record)} opens when you have passed ${missing.join(', ')}`);
  }

  #workable(step: string): StepRecord {
    const record = this.#record(step);
    this.#running();
    this.#unlocked(record);
    if (record.preparation !== 'done') throw notNow(`the step ${quoted(record)} is not prepared; go to it first`);
    return record;
  }

  #solvable(step: string): StepRecord {
    const record = this.#record(step);
    if (record.step.solution === undefined) throw notNow(`the step ${quoted(record)} has no solution to show`);
    return record;
  }

  #missing({ step }: StepRecord): string[] {
    return step.needs.filter((id) => this.#steps.get(id)?.isPassed !== true);
  }

  // How it is done

  #run(
    step: LabStep,
    script: NonNullable<LabStep['check']>,
    user: string | undefined,
    signal: AbortSignal,
  ): Promise<ScriptEnd> {
    const machines = this.#machines!;
    const { cwd } = machines.describe(step.machine);
    return runScript(machines.get(step.machine), script, { user, cwd, timeoutMs: step.timeoutMs, signal });
  }

  #exclusively<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const done = this.#changing.then(() => {
      const { signal } = this.#stop;
      signal.throwIfAborted();
      return work(signal);
    });
    this.#changing = done.catch(() => {});
    return done;
  }

  /** Ends what works in the machines, and waits until it has. */
  async #interrupt(why: string): Promise<void> {
    const reason = notNow(why);
    this.#stop.abort(reason);
    await Promise.all([this.#checker.halt(reason), this.#changing]);
    if (this.#phase !== 'closed') this.#stop = new AbortController();
  }

  #fail(error: unknown): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'failed';
    this.#failure = sentenceOf(error);
    this.#emit({ kind: 'failed', text: this.#failure });
  }

  #changed(): void {
    this.#emit({ kind: 'changed' });
  }

  #emit(event: LabEvent): void {
    this.#checker.poll();
    const { state } = this;
    for (const listener of [...this.#listeners]) listener(event, state);
  }
}

/** Why a script did not do its work; undefined when it did. */
function failureOf(end: ScriptEnd): string | undefined {
  if (end.kind === 'broken') return end.reason;
  return end.exitCode === 0 ? undefined : (end.lastLine ?? `it ended with status ${end.exitCode}`);
}

function quoted({ step }: StepRecord): string {
  return JSON.stringify(step.title);
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function notNow(message: string): VivariumError {
  return new VivariumError(ErrorCodes.LAB, message);
}
