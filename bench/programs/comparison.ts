/** What a measurement comes to: slowdowns by program, means by kind and over all, boots, checks, targets. */
import { spread } from '../support/report.ts';
import type { Boots, Measurement, ProgramRuns, SideRuns } from './measure.ts';
import type { Absence, Architecture, SideName } from './sides.ts';
import { geometricMean, slowdown, type Slowdown, type Times } from './statistics.ts';
import { targetsFor, type Means, type Target } from './targets.ts';

export interface ProgramRow {
  readonly kind: string;
  readonly name: string;
  readonly checksum: string;
  readonly nativeMs: number;
  readonly slowdowns: ReadonlyMap<SideName, Slowdown>;
}

export interface Comparison {
  readonly architecture: Architecture;
  readonly warmRepetitions: number;
  readonly rows: readonly ProgramRow[];
  readonly means: Means;
  readonly bootMs: ReadonlyMap<SideName, number>;
  readonly targets: readonly Target[];
  /** Checksums that are not the host's: such a comparison is worth nothing. */
  readonly wrong: readonly string[];
  /** What is missing, and why. */
  readonly notes: readonly string[];
}

const busiest = ({ repetitions }: SideRuns): Times => repetitions.map(({ busiestMs }) => busiestMs);

function rowOf(program: ProgramRuns): ProgramRow | undefined {
  const [native, ...others] = program.sides;
  if (native === undefined || native.failure !== undefined) return undefined;
  const slowdowns = others
    .filter(({ failure }) => failure === undefined)
    .map((side): [SideName, Slowdown] => [side.side, slowdown(busiest(side), busiest(native))]);
  return {
    kind: program.kind,
    name: program.name,
    checksum: native.repetitions[0]!.checksum,
    nativeMs: spread(busiest(native).slice(1)).median,
    slowdowns: new Map(slowdowns),
  };
}

function meansOf(rows: readonly ProgramRow[]): Map<SideName, number> {
  const sides = new Set(rows.flatMap(({ slowdowns }) => [...slowdowns.keys()]));
  return new Map(
    [...sides].map((side) => {
      const values = rows.flatMap(({ slowdowns }) => slowdowns.get(side)?.median ?? []);
      return [side, geometricMean(values)];
    }),
  );
}

function wrongChecksums({ name, sides }: ProgramRuns): string[] {
  const expected = sides[0]?.repetitions[0]?.checksum;
  return sides.flatMap(({ side, repetitions }) => {
    const other = repetitions.find(({ checksum }) => checksum !== expected);
    return other === undefined ? [] : [`${name}: ${side} computes ${other.checksum}, the host ${expected}`];
  });
}

function medianOf({ side, ms, failure }: Boots): [SideName, number][] {
  return failure === undefined && ms.length > 0 ? [[side, spread(ms).median]] : [];
}

export function compare(
  architecture: Architecture,
  warmRepetitions: number,
  { programs, boots }: Measurement,
  absences: readonly Absence[],
): Comparison {
  const rows = programs.flatMap((program) => rowOf(program) ?? []);
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const means: Means = {
    kinds: new Map(kinds.map((kind) => [kind, meansOf(rows.filter((row) => row.kind === kind))])),
    overall: meansOf(rows),
  };
  const bootMs = new Map(boots.flatMap(medianOf));
  const failures = programs.flatMap(({ name, sides }) =>
    sides.flatMap(({ side, failure }) => (failure === undefined ? [] : [`${side} failed at ${name}: ${failure}`])),
  );
  return {
    architecture,
    warmRepetitions,
    rows,
    means,
    bootMs,
    targets: targetsFor(architecture, means, bootMs),
    wrong: programs.flatMap(wrongChecksums),
    notes: [
      ...absences.map(({ name, reason }) => `no ${name}: ${reason}`),
      ...boots.flatMap(({ side, failure }) => (failure === undefined ? [] : [`${side} does not boot: ${failure}`])),
      ...failures,
    ],
  };
}

/** Programs whose result depends on the word size, though none should. */
export function differentAcross(a: Comparison, b: Comparison): string[] {
  const others = new Map(b.rows.map(({ name, checksum }) => [name, checksum]));
  return a.rows
    .filter(({ name, checksum }) => others.has(name) && others.get(name) !== checksum)
    .map(
      ({ name, checksum }) => `${name}: ${a.architecture} computes ${checksum}, ${b.architecture} ${others.get(name)!}`,
    );
}
