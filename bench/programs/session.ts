/** One side of the comparison at work: a process that is a machine with the guest program in it, or that program itself. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatRequest, LineSplitter, parseAnswer, type Answer, type ProgramName, type Request } from './protocol.ts';
import { processorTime, threadTimes, type ProcessorTime, type ThreadTimes } from './threads.ts';

export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  /** Who counts the processor time: a machine's threads show it from outside; on the host the program tells, for its children too. */
  readonly timedBy: 'threads' | 'program';
}

export interface Repetition extends ProcessorTime {
  readonly wallMs: number;
  readonly checksum: string;
}

const BOOT_TIMEOUT_MS = 300_000;
const REQUEST_TIMEOUT_MS = 180_000;
/** The guest goes idle after its answer, and its thread's time is settled by that. */
const SETTLE_MS = 5;
const COMPLAINT_LENGTH = 2000;

type AnswerOf<T extends Answer['type']> = Extract<Answer, { type: T }>;

export class Session {
  readonly #launch: Launch;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #answers: Answer[] = [];
  #heard: () => void = () => {};
  #complaints = '';
  #end: string | undefined;

  private constructor(launch: Launch) {
    this.#launch = launch;
    this.#child = spawn(launch.command, launch.args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const lines = new LineSplitter();
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.#answers.push(...lines.feed(text).flatMap((line) => parseAnswer(line) ?? []));
      this.#heard();
    });
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-COMPLAINT_LENGTH);
    });
    this.#child.stdin!.on('error', () => {}); // told by its end
    this.#ended = new Promise((resolve) => {
      const end = (reason: string): void => {
        this.#end ??= reason;
        this.#heard();
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('close', (code, signal) => end(`it ended (${signal ?? code}) ${this.#complaints}`.trim()));
    });
  }

  /** Starts a side and waits until its guest program is ready; `boot` is what that took. */
  static async start(launch: Launch): Promise<{ session: Session; boot: ProcessorTime }> {
    const session = new Session(launch);
    try {
      await session.#answer('ready', BOOT_TIMEOUT_MS);
      await sleep(SETTLE_MS);
      return { session, boot: processorTime(new Map(), session.#times()) };
    } catch (error) {
      await session.dispose();
      throw error;
    }
  }

  async list(): Promise<ProgramName[]> {
    this.#ask({ type: 'list' });
    const names: ProgramName[] = [];
    for (;;) {
      const answer = await this.#next(REQUEST_TIMEOUT_MS);
      if (answer.type === 'listed') return names;
      if (answer.type === 'program') names.push({ kind: answer.kind, name: answer.name });
    }
  }

  async prepare(number: number): Promise<void> {
    this.#ask({ type: 'prepare', number });
    await this.#answer('prepared', REQUEST_TIMEOUT_MS);
  }

  async run(number: number): Promise<Repetition> {
    const before = this.#times();
    const start = performance.now();
    this.#ask({ type: 'run', number });
    const { checksum, processorMs } = await this.#answer('end', REQUEST_TIMEOUT_MS);
    const wallMs = performance.now() - start;
    if (this.#launch.timedBy === 'program') return { busiestMs: processorMs, allMs: processorMs, wallMs, checksum };
    await sleep(SETTLE_MS);
    return { ...processorTime(before, this.#times()), wallMs, checksum };
  }

  async dispose(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #times(): ThreadTimes {
    return threadTimes(this.#child.pid!);
  }

  #ask(request: Request): void {
    this.#child.stdin!.write(formatRequest(request));
  }

  async #answer<T extends Answer['type']>(type: T, timeoutMs: number): Promise<AnswerOf<T>> {
    const answer = await this.#next(timeoutMs);
    if (answer.type !== type) throw new Error(`it answered ${answer.type} instead of ${type}`);
    return answer as AnswerOf<T>;
  }

  async #next(timeoutMs: number): Promise<Answer> {
    const deadline = performance.now() + timeoutMs;
    while (this.#answers.length === 0) {
      if (this.#end !== undefined) throw new Error(this.#end);
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`no answer in ${timeoutMs / 1000} s`);
      const timer = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => (this.#heard = resolve)),
        sleep(left, undefined, { signal: timer.signal }).catch(() => {}),
      ]);
      timer.abort();
    }
    const answer = this.#answers.shift()!;
    if (answer.type === 'failed') throw new Error(answer.reason);
    return answer;
  }
}
