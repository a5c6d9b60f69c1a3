/**
 * Runs every program on every side, the sides in turn at each repetition, so that all meet the same moods of the computer.
 * A side that fails at a program is started afresh for the next; the failure is in the result.
 */
import type { ProgramName } from './protocol.ts';
import { Session, type Repetition } from './session.ts';
import type { Side, SideName } from './sides.ts';

/** What a side did with a program; with `failure`, repetitions may be missing. */
export interface SideRuns {
  readonly side: SideName;
  readonly repetitions: Repetition[];
  failure?: string;
}

export interface ProgramRuns extends ProgramName {
  readonly sides: readonly SideRuns[];
}

/** Busiest thread's milliseconds from the start of the process to the guest program's first word, one value a boot. */
export interface Boots {
  readonly side: SideName;
  readonly ms: number[];
  failure?: string;
}

export interface Measurement {
  readonly programs: readonly ProgramRuns[];
  readonly boots: readonly Boots[];
}

export interface MeasureOptions {
  readonly sides: readonly Side[];
  readonly boots: number;
  /** Besides the first. */
  readonly warmRepetitions: number;
  /** The numbers of the programs to run, of all that there are; throws if something else was meant. */
  readonly choose: (programs: readonly ProgramName[]) => readonly number[];
  readonly onProgress: (text: string) => void;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A side's session, started when it is first needed and again after a failure. */
class Seat {
  readonly side: Side;
  #session: Session | undefined;

  constructor(side: Side) {
    this.side = side;
  }

  async session(): Promise<Session> {
    this.#session ??= (await Session.start(this.side.launch)).session;
    return this.#session;
  }

  async leave(): Promise<void> {
    await this.#session?.dispose();
    this.#session = undefined;
  }

  /** Does a piece of a program's work unless the side has failed at it before. */
  async attempt(runs: SideRuns, work: (session: Session) => Promise<void>): Promise<void> {
    if (runs.failure !== undefined) return;
    try {
      await work(await this.session());
    } catch (error) {
      runs.failure = messageOf(error);
      await this.leave();
    }
  }
}

async function measureBoots({ sides, boots, onProgress }: MeasureOptions): Promise<Boots[]> {
  const guests = sides.filter(({ name }) => name !== 'native');
  const results = guests.map(({ name }): Boots => ({ side: name, ms: [] }));
  for (let n = 0; n < boots; n++)
    for (const [index, { launch }] of guests.entries()) {
      const result = results[index]!;
      if (result.failure !== undefined) continue;
      try {
        const { session, boot } = await Session.start(launch);
        await session.dispose();
        result.ms.push(boot.busiestMs);
      } catch (error) {
        result.failure = messageOf(error);
      }
      onProgress(`boot ${n + 1} of ${boots}: ${result.side} ${result.failure ?? `${result.ms.at(-1)!.toFixed(0)} ms`}`);
    }
  return results;
}

async function measureProgram(
  seats: readonly Seat[],
  number: number,
  name: ProgramName,
  warmRepetitions: number,
): Promise<ProgramRuns> {
  const sides = seats.map(({ side }): SideRuns => ({ side: side.name, repetitions: [] }));
  for (const [index, seat] of seats.entries()) await seat.attempt(sides[index]!, (session) => session.prepare(number));
  for (let n = 0; n <= warmRepetitions; n++)
    for (const [index, seat] of seats.entries())
      await seat.attempt(sides[index]!, async (session) => {
        sides[index]!.repetitions.push(await session.run(number));
      });
  return { ...name, sides };
}

/** `sides` must begin with the native one, which tells the programs. */
export async function measure(options: MeasureOptions): Promise<Measurement> {
  const native = new Seat(options.sides[0]!);
  let seats = [native];
  try {
    const names = await (await native.session()).list();
    const chosen = options.choose(names);
    const boots = await measureBoots(options);
    const booting = new Set(boots.filter(({ failure }) => failure === undefined).map(({ side }) => side));
    seats = [native, ...options.sides.filter(({ name }) => booting.has(name)).map((side) => new Seat(side))];
    const programs: ProgramRuns[] = [];
    for (const number of chosen) {
      const runs = await measureProgram(seats, number, names[number]!, options.warmRepetitions);
      programs.push(runs);
      const told = runs.sides.map((side) => `${side.side} ${side.failure ?? lastTime(side)}`);
      options.onProgress([runs.name, ...told].join('  '));
    }
    return { programs, boots };
  } finally {
    await Promise.all(seats.map((seat) => seat.leave()));
  }
}

function lastTime({ repetitions }: SideRuns): string {
  return `${repetitions.at(-1)!.busiestMs.toFixed(0)} ms`;
}
