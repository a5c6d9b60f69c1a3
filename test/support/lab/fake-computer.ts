/** A computer for labs that is a map of files; scripts are words of a small language. Its state can be saved and restored. */
import { ErrorCodes, VivariumError } from '../../../src/util/errors.ts';
import { StartError } from '../../../src/container/start-error.ts';
import type { LabComputer, LabProgram, LabProgramResult, LabSnapshot } from '../../../src/lab/run/computer.ts';

class FakeSnapshot implements LabSnapshot {
  readonly files: ReadonlyMap<string, string>;
  isReleased = false;
  constructor(files: ReadonlyMap<string, string>) {
    this.files = new Map(files);
  }
  async release(): Promise<void> {
    this.isReleased = true;
  }
}

/**
 * Commands, one a line: `put PATH TEXT`, `has PATH` (fails when it is not there), `say TEXT`, `complain TEXT` (stderr), `exit N`,
 * `wait` (until the test calls `go`, or it is killed), `hang` (until its time is over), `die` (the machine fails).
 */
export class FakeComputer implements LabComputer {
  disk = new Map<string, string>();
  /** Programs that have run. */
  readonly programs: LabProgram[] = [];
  readonly snapshots: FakeSnapshot[] = [];
  /** How many programs run now, and the most there ever were. */
  running = 0;
  mostRunning = 0;
  isClosed = false;
  saveError: Error | undefined;
  restoreError: Error | undefined;
  readonly failure: Promise<never>;
  fail!: (error: Error) => void;
  #go: Array<() => void> = [];

  constructor() {
    this.failure = new Promise((_, reject) => (this.fail = reject));
    this.failure.catch(() => {});
  }

  readonly files: LabComputer['files'] = {
    stat: async (path) => {
      if (!this.disk.has(path)) throw new VivariumError(ErrorCodes.NOT_FOUND, `no ${path}`);
    },
    write: async (path, content) => void this.disk.set(path, new TextDecoder().decode(content)),
    mkdir: async () => {},
    remove: async (path) => void this.disk.delete(path),
  };

  async run(program: LabProgram): Promise<LabProgramResult> {
    this.programs.push(program);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      return await this.#run(program);
    } finally {
      this.running--;
    }
  }

  /** Lets everything go on that waits. */
  go(): void {
    for (const go of this.#go.splice(0)) go();
  }

  async save(): Promise<LabSnapshot> {
    if (this.saveError !== undefined) throw this.saveError;
    const snapshot = new FakeSnapshot(this.disk);
    this.snapshots.push(snapshot);
    return snapshot;
  }

  async restore(snapshot: LabSnapshot): Promise<void> {
    if (this.restoreError !== undefined) throw this.restoreError;
    const { files, isReleased } = snapshot as FakeSnapshot;
    if (isReleased) throw new VivariumError(ErrorCodes.BAD_STATE, 'the saved state was released');
    this.disk = new Map(files);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  async #run({ args, signal }: LabProgram): Promise<LabProgramResult> {
    const interpreter = args[0]!;
    if (interpreter === '/bin/none') throw new StartError(127, 'the image has no program "/bin/none"');
    const script = args.at(-2) === '-c' ? args.at(-1)! : this.disk.get(args.at(-1)!)!;
    let [stdout, stderr] = ['', ''];
    const end = (exitCode: number, timedOut = false): LabProgramResult => ({
      exit: timedOut ? { kind: 'signalled', exitCode: 137, signal: 9 } : { kind: 'exited', exitCode },
      timedOut,
      stdout: new TextEncoder().encode(stdout),
      stderr: new TextEncoder().encode(stderr),
    });
    for (const line of script.split('\n')) {
      const [command, word = '', ...rest] = line.trim().split(' ');
      if (command === 'put') this.disk.set(word, rest.join(' '));
      if (command === 'has' && !this.disk.has(word)) return end(1);
      if (command === 'say') stdout += `${[word, ...rest].join(' ')}\n`;
      if (command === 'complain') stderr += `${[word, ...rest].join(' ')}\n`;
      if (command === 'exit') return end(Number(word));
      if (command === 'hang') return end(137, true);
      if (command === 'die') {
        const error = new VivariumError(ErrorCodes.GUEST_PANIC, 'the guest kernel panicked: test');
        this.fail(error);
        throw error;
      }
      if (command === 'wait') await this.#wait(signal);
      if (signal?.aborted === true) return end(137, true);
    }
    return end(0);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      this.#go.push(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}
