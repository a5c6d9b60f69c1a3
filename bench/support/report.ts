/** What a workload reports: figures against targets, and ratios against a peer. Written as JSON and shown as a table. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

/** One line of the table. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** One value per run. */
  readonly values: readonly number[];
  /** What it should be at least, or at most. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Report {
  readonly workload: string;
  readonly figures: readonly Figure[];
  /** What the output was checked against, and how it ended. */
  readonly checks: readonly { readonly name: string; readonly passed: boolean }[];
  /** Why something is missing. */
  readonly notes: readonly string[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** Whether the median keeps the figure's target; undefined without one. */
export function meetsTarget({ values, atLeast, atMost }: Figure): boolean | undefined {
  const { median } = spread(values);
  if (atLeast !== undefined) return median >= atLeast;
  return atMost === undefined ? undefined : median <= atMost;
}

/** Writes FOLDER/<workload>.json. */
export function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  const figures = report.figures.map((figure) => ({ ...figure, ...spread(figure.values), met: meetsTarget(figure) }));
  const about = {
    date: new Date().toISOString(),
    node: process.version,
    processor: cpus()[0]?.model,
    cores: cpus().length,
  };
  writeFileSync(
    join(folder, `${report.workload}.json`),
    `${JSON.stringify({ ...report, ...about, figures }, null, 2)}\n`,
  );
}

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function describe({ workload, figures, checks, notes }: Report): string {
  const lines = figures.map((figure) => {
    const { median, min, max } = spread(figure.values);
    const target =
      figure.atLeast !== undefined ? `≥ ${figure.atLeast}` : figure.atMost !== undefined ? `≤ ${figure.atMost}` : '';
    const met = { true: 'met', false: 'MISSED', undefined: '' }[String(meetsTarget(figure))]!;
    const range = `${number(min)} to ${number(max)}`;
    return `  ${figure.name.padEnd(34)} ${number(median).padStart(8)} ${figure.unit.padEnd(8)} ${range.padEnd(18)} ${target.padEnd(8)} ${met}`;
  });
  const checked = checks.map(({ name, passed }) => `  ${passed ? 'right' : 'WRONG'}: ${name}`);
  return [workload, ...lines, ...checked, ...notes.map((note) => `  note: ${note}`), ''].join('\n');
}
