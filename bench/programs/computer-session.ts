/**
 * The guest program (bench/guest/main.c) as a program of a computer, in a browser's tab or in Node: the same code measures both.
 * Browser-safe.
 */
import type { ProgramOptions } from '../../src/sandbox/computer-options.ts';
import type { MachineStatistics } from '../../src/worker/protocol.ts';
import { formatRequest, LineSplitter, parseAnswer, type Answer, type ProgramName, type Request } from './protocol.ts';

/** The image of images/bench-programs, and the command in it: BusyBox, and a folder on a tmpfs. */
export const BENCH_IMAGE = 'bench-programs';
const COMMAND = ['bench', '/bin/busybox', '/dev/shm'];
const COMPLAINT_CHARS = 500;

/** What is needed of a Computer. */
export interface BenchComputer {
  spawn(options: ProgramOptions): Promise<{
    readonly stdin: WritableStream<Uint8Array>;
    readonly stdout: ReadableStream<Uint8Array>;
    readonly stderr: ReadableStream<Uint8Array>;
    kill(signal?: string | number): void;
  }>;
  statistics(): Promise<Pick<MachineStatistics, 'instructions' | 'translation'>>;
}

/** One run of a program. */
export interface Turn {
  /** From asking to the answer. */
  readonly wallMs: number;
  readonly checksum: string;
  /** Instructions that the whole machine did meanwhile, and how many of them translated. */
  readonly instructions: number;
  readonly translated: number;
}

type AnswerOf<T extends Answer['type']> = Extract<Answer, { type: T }>;

export class ComputerSession {
  readonly #computer: BenchComputer;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #end: () => void;
  readonly #lines = new LineSplitter();
  readonly #decoder = new TextDecoder();
  readonly #answers: Answer[] = [];
  #complaint = '';

  private constructor(computer: BenchComputer, program: Awaited<ReturnType<BenchComputer['spawn']>>) {
    this.#computer = computer;
    this.#writer = program.stdin.getWriter();
    this.#reader = program.stdout.getReader();
    this.#end = () => program.kill('KILL');
    void this.#hearComplaints(program.stderr);
  }

  /** Starts the program, and waits until it is ready. */
  static async start(computer: BenchComputer): Promise<ComputerSession> {
    const session = new ComputerSession(computer, await computer.spawn({ args: COMMAND, stdin: true }));
    await session.#answer('ready');
    return session;
  }

  async list(): Promise<readonly ProgramName[]> {
    await this.#ask({ type: 'list' });
    const names: ProgramName[] = [];
    for (;;) {
      const answer = await this.#next();
      if (answer.type === 'listed') return names;
      if (answer.type === 'program') names.push({ kind: answer.kind, name: answer.name });
    }
  }

  /** Makes what a program needs and later runs of it need not make again. */
  async prepare(number: number): Promise<void> {
    await this.#ask({ type: 'prepare', number });
    await this.#answer('prepared');
  }

  async run(number: number): Promise<Turn> {
    const before = await this.#computer.statistics();
    const start = performance.now();
    await this.#ask({ type: 'run', number });
    const { checksum } = await this.#answer('end');
    const wallMs = performance.now() - start;
    const after = await this.#computer.statistics();
    return {
      wallMs,
      checksum,
      instructions: after.instructions - before.instructions,
      translated: after.translation.retired - before.translation.retired,
    };
  }

  close(): void {
    this.#end();
  }

  #ask(request: Request): Promise<void> {
    return this.#writer.write(new TextEncoder().encode(formatRequest(request)));
  }

  async #answer<T extends Answer['type']>(type: T): Promise<AnswerOf<T>> {
    const answer = await this.#next();
    if (answer.type !== type) throw new Error(`the benchmark answered ${answer.type} instead of ${type}`);
    return answer as AnswerOf<T>;
  }

  async #next(): Promise<Answer> {
    while (this.#answers.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done)
        throw new Error(`the benchmark has ended${this.#complaint === '' ? '' : `: ${this.#complaint.trim()}`}`);
      const lines = this.#lines.feed(this.#decoder.decode(value, { stream: true }));
      this.#answers.push(...lines.flatMap((line) => parseAnswer(line) ?? []));
    }
    const answer = this.#answers.shift()!;
    if (answer.type === 'failed') throw new Error(`the benchmark says: ${answer.reason}`);
    return answer;
  }

  async #hearComplaints(stderr: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stderr.getReader();
    const decoder = new TextDecoder();
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read())
        this.#complaint = (this.#complaint + decoder.decode(read.value, { stream: true })).slice(-COMPLAINT_CHARS);
    } catch {
      // The machine has failed, which whoever waits for an answer is told.
    }
  }
}
