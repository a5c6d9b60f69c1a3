/** A comparison as text. */
import type { Comparison } from './comparison.ts';
import type { SideName } from './sides.ts';
import type { Slowdown } from './statistics.ts';

const NAME_WIDTH = 18;
const MS_WIDTH = 8;
const SIDE_WIDTH = 28;

const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function cell(slowdown: Slowdown | undefined): string {
  if (slowdown === undefined) return '-'.padStart(8);
  const { median, min, max, first } = slowdown;
  return `${figure(median).padStart(8)} ${`(${figure(min)}–${figure(max)})`.padEnd(13)} ${figure(first).padStart(5)}`;
}

function meanLine(name: string, sides: readonly SideName[], means: ReadonlyMap<SideName, number>): string {
  const cells = sides.map((side) => {
    const mean = means.get(side);
    return (mean === undefined ? '-' : figure(mean)).padStart(8).padEnd(SIDE_WIDTH);
  });
  return `  ${name.padEnd(NAME_WIDTH + MS_WIDTH)} ${cells.join(' ')}`.trimEnd();
}

export function table(comparison: Comparison): string {
  const { architecture, warmRepetitions, rows, means, bootMs, targets, wrong, notes } = comparison;
  const sides = [...means.overall.keys()];
  const title =
    `programs ${architecture}: times the host's processor time, median of ${warmRepetitions} warm repetitions ` +
    '(range), then the first repetition';
  const head = `  ${'program'.padEnd(NAME_WIDTH)}${'host ms'.padStart(MS_WIDTH)} ${sides.map((side) => side.padStart(8).padEnd(SIDE_WIDTH)).join(' ')}`;
  const body = rows.map(({ name, nativeMs, slowdowns }) =>
    `  ${name.padEnd(NAME_WIDTH)}${figure(nativeMs).padStart(MS_WIDTH)} ${sides
      .map((side) => cell(slowdowns.get(side)).padEnd(SIDE_WIDTH))
      .join(' ')}`.trimEnd(),
  );
  const kinds = [...means.kinds].map(([kind, ofKind]) => meanLine(kind, sides, ofKind));
  const boots = [...bootMs].map(([side, ms]) => `${side} ${(ms / 1000).toFixed(2)} s`).join(', ');
  return [
    title,
    head.trimEnd(),
    ...body,
    'geometric means',
    ...kinds,
    meanLine('all', sides, means.overall),
    ...(bootMs.size === 0 ? [] : [`boot to the guest program, processor time: ${boots}`]),
    ...(targets.length === 0 ? [] : ['targets']),
    ...targets.map(
      ({ name, value, limit, met }) =>
        `  ${name.padEnd(NAME_WIDTH + MS_WIDTH)} ${figure(value).padStart(8)} ≤ ${figure(limit).padEnd(6)} ${met ? 'met' : 'MISSED'}`,
    ),
    ...wrong.map((line) => `WRONG: ${line}`),
    ...notes.map((note) => `note: ${note}`),
    '',
  ].join('\n');
}
