/** The machines of a lab together: started, given the lab's files, saved and brought back as one. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Lab, LabMachine } from '../format/lab.ts';
import type { LabComputer, LabSnapshot } from './computer.ts';
import type { LabRunParts } from './runner.ts';

/** Tells that the files are on this disk: a disk that is kept has what the student has made of them. */
const MARK = '/.vivarium-lab';
const MARK_MODE = 0o444;

export class LabMachines<C extends LabComputer> {
  readonly #lab: Lab;
  readonly #computers: ReadonlyMap<string, C>;
  /** Their disks are as the lab has made them, and nothing of an earlier visit is there. */
  readonly isFresh: boolean;

  private constructor(lab: Lab, computers: ReadonlyMap<string, C>, isFresh: boolean) {
    this.#lab = lab;
    this.#computers = computers;
    this.isFresh = isFresh;
  }

  /** Starts all of them, or none: rejects with what the first failure says. */
  static async start<C extends LabComputer>(
    { lab, startComputer }: Pick<LabRunParts<C>, 'lab' | 'startComputer'>,
    options: { readonly fresh: boolean; readonly signal: AbortSignal },
  ): Promise<LabMachines<C>> {
    const computers = new Map<string, C>();
    const failed = new AbortController();
    const signal = AbortSignal.any([options.signal, failed.signal]);
    const start = async (machine: LabMachine): Promise<boolean> => {
      const computer = await startComputer(machine, { fresh: options.fresh, signal });
      computers.set(machine.name, computer);
      return placeFiles(lab, machine.name, computer);
    };
    const starts = lab.machines.map((machine) =>
      start(machine).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    );
    try {
      const fresh = await Promise.all(starts);
      return new LabMachines(lab, computers, fresh.every(Boolean));
    } catch (error) {
      await Promise.allSettled(starts);
      await Promise.allSettled([...computers.values()].map((computer) => computer.close()));
      throw options.signal.aborted ? options.signal.reason : error;
    }
  }

  /** Rejects when one of them fails. */
  get failure(): Promise<never> {
    return Promise.race([...this.#computers.values()].map(({ failure }) => failure));
  }

  /** Throws USAGE for a name that none has. */
  get(name: string): C {
    const computer = this.#computers.get(name);
    if (computer === undefined)
      throw new VivariumError(
        ErrorCodes.USAGE,
        `the lab has no machine ${JSON.stringify(name)}; it has ${[...this.#computers.keys()].join(', ')}`,
      );
    return computer;
  }

  /** The machine as the lab describes it. */
  describe(name: string): LabMachine {
    return this.#lab.machines.find((machine) => machine.name === name)!;
  }

  async save(): Promise<MachinesSnapshot> {
    const parts = new Map<string, LabSnapshot>();
    try {
      for (const [name, computer] of this.#computers) parts.set(name, await computer.save());
    } catch (error) {
      await new MachinesSnapshot(parts).release();
      throw error;
    }
    return new MachinesSnapshot(parts);
  }

  async restore({ parts }: MachinesSnapshot): Promise<void> {
    await Promise.all([...this.#computers].map(([name, computer]) => computer.restore(parts.get(name)!)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#computers.values()].map((computer) => computer.close()));
  }
}

/** All machines as they were at one time. */
export class MachinesSnapshot {
  readonly parts: ReadonlyMap<string, LabSnapshot>;

  constructor(parts: ReadonlyMap<string, LabSnapshot>) {
    this.parts = parts;
  }

  async release(): Promise<void> {
    await Promise.all([...this.parts.values()].map((part) => part.release()));
  }
}

/** False when the disk has them from an earlier visit. */
async function placeFiles(lab: Lab, machine: string, { files }: LabComputer): Promise<boolean> {
  if (await isThere(files, MARK)) return false;
  for (const { path, content, mode } of lab.files.filter((file) => file.machine === machine)) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    if (folder !== '') await files.mkdir(folder);
    await files.write(path, content, { mode });
  }
  await files.write(MARK, new TextEncoder().encode(`${lab.id}\n`), { mode: MARK_MODE });
  return true;
}

async function isThere(files: LabComputer['files'], path: string): Promise<boolean> {
  try {
    await files.stat(path);
    return true;
  } catch (error) {
    if (error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND) return false;
    throw error;
  }
}
