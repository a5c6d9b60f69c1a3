/** A comparison as a picture: bars of slowdown by program on a logarithmic axis. Plain SVG 1.1. */
import { coordinate, escapeText, svgDocument } from '../support/svg.ts';
import type { Comparison } from './comparison.ts';
import type { SideName } from './sides.ts';

const COLORS: Readonly<Record<SideName, string>> = {
  native: '#888888',
  vivarium: '#1b7f5c',
  qemu: '#d9822b',
  v86: '#5b6fb5',
};
const LABEL_WIDTH = 150;
const AXIS_WIDTH = 620;
const BAR_HEIGHT = 7;
const GAP = 6;
const TOP = 50;
const BOTTOM = 30;
const MARKS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

interface Group {
  readonly label: string;
  readonly bars: readonly (readonly [SideName, number])[];
}

/** The whole picture as a document. */
export function plot({ architecture, rows, means }: Comparison): string {
  const sides = [...means.overall.keys()];
  const groups: Group[] = [
    ...rows.map(({ name, slowdowns }): Group => ({
      label: name,
      bars: [...slowdowns].map(([side, { median }]) => [side, median] as const),
    })),
    { label: 'geometric mean', bars: [...means.overall] },
  ];
  const largest = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(([, value]) => value)));
  const end = MARKS.find((mark) => mark >= largest) ?? MARKS.at(-1)!;
  const x = (value: number): number =>
    LABEL_WIDTH + (AXIS_WIDTH * Math.log(Math.min(Math.max(value, 1), end))) / Math.log(end);
  const groupHeight = sides.length * BAR_HEIGHT + GAP;
  const height = TOP + groups.length * groupHeight + BOTTOM;
  const width = LABEL_WIDTH + AXIS_WIDTH + 50;
  const marks = MARKS.filter((mark) => mark <= end).flatMap((mark) => [
    `<line x1="${coordinate(x(mark))}" y1="${TOP - 4}" x2="${coordinate(x(mark))}" y2="${height - BOTTOM}" stroke="#dddddd"/>`,
    `<text x="${coordinate(x(mark))}" y="${height - BOTTOM + 14}" text-anchor="middle">${mark}</text>`,
  ]);
  const legend = sides.flatMap((side, n) => [
    `<rect x="${LABEL_WIDTH + 90 * n}" y="26" width="10" height="10" fill="${COLORS[side]}"/>`,
    `<text x="${LABEL_WIDTH + 90 * n + 14}" y="35">${side}</text>`,
  ]);
  const bars = groups.flatMap(({ label, bars: ofGroup }, n) => {
    const y = TOP + n * groupHeight;
    return [
      `<text x="${LABEL_WIDTH - 6}" y="${coordinate(y + (sides.length * BAR_HEIGHT) / 2 + 4)}" text-anchor="end">${escapeText(label)}</text>`,
      ...ofGroup.map(([side, value]) => {
        const at = y + sides.indexOf(side) * BAR_HEIGHT;
        const length = Math.max(1, x(value) - LABEL_WIDTH);
        return `<rect x="${LABEL_WIDTH}" y="${at}" width="${coordinate(length)}" height="${BAR_HEIGHT - 1}" fill="${COLORS[side]}"><title>${escapeText(label)}, ${side}: ${value.toPrecision(3)}</title></rect>`;
      }),
    ];
  });
  return svgDocument(width, height, [
    `<text x="${LABEL_WIDTH}" y="16" font-size="13">Slowdown over native, ${architecture} (logarithmic; less is better)</text>`,
    ...legend,
    ...marks,
    ...bars,
  ]);
}
