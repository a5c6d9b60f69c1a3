/** The soak of the translator as a picture: memory over time, and below it regions made and dropped. Plain SVG 1.1. */
import { coordinate, escapeText, svgDocument } from '../support/svg.ts';
import { MIB, type Limits, type Sample } from './samples.ts';

const LEFT = 70;
const RIGHT = 20;
const WIDTH = 800;
const PANEL_HEIGHT = 220;
const PANEL_GAP = 60;
const TOP = 40;
const MARKS = 5;

interface Line {
  readonly label: string;
  readonly color: string;
  readonly of: (sample: Sample) => number;
  readonly dashed?: boolean;
}
interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
}

function panels({ liveModuleBytes, residentBytes }: Limits): readonly Panel[] {
  return [
    {
      title: 'Memory (MiB)',
      lines: [
        { label: 'process', color: '#1b7f5c', of: (s) => s.residentBytes / MIB },
        { label: 'at most', color: '#1b7f5c', of: () => residentBytes / MIB, dashed: true },
        { label: 'V8, outside of its heap', color: '#5b6fb5', of: (s) => s.externalBytes / MIB },
        { label: 'modules in use', color: '#d9822b', of: (s) => s.liveModuleBytes / MIB },
        { label: 'at most', color: '#d9822b', of: () => liveModuleBytes / MIB, dashed: true },
      ],
    },
    {
      title: 'Regions (thousands)',
      lines: [
        { label: 'made', color: '#1b7f5c', of: (s) => s.regions / 1000 },
        { label: 'dropped', color: '#d9822b', of: (s) => s.dropped / 1000 },
        { label: 'alive', color: '#5b6fb5', of: (s) => (s.regions - s.dropped) / 1000 },
      ],
    },
  ];
}

/** The whole picture as a document. */
export function plotSoak(samples: readonly Sample[], limits: Limits): string {
  const end = Math.max(1, samples.at(-1)?.seconds ?? 0);
  const x = (seconds: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * seconds) / end;
  const all = panels(limits);
  const elements = all.flatMap(({ title, lines }, n) => {
    const top = TOP + n * (PANEL_HEIGHT + PANEL_GAP);
    const largest = Math.max(1, ...lines.flatMap(({ of }) => samples.map(of)));
    const y = (value: number): number => top + PANEL_HEIGHT * (1 - value / largest);
    const marks = Array.from({ length: MARKS + 1 }, (_, k) => (largest * k) / MARKS).flatMap((value) => [
      `<line x1="${LEFT}" y1="${coordinate(y(value))}" x2="${WIDTH - RIGHT}" y2="${coordinate(y(value))}" stroke="#dddddd"/>`,
      `<text x="${LEFT - 6}" y="${coordinate(y(value) + 4)}" text-anchor="end">${coordinate(value)}</text>`,
    ]);
    const minutes = Array.from({ length: MARKS + 1 }, (_, k) => (end * k) / MARKS).map(
      (seconds) =>
        `<text x="${coordinate(x(seconds))}" y="${top + PANEL_HEIGHT + 14}" text-anchor="middle">${coordinate(seconds / 60)} min</text>`,
    );
    const curves = lines.flatMap(({ label, color, of, dashed }, k) => {
      const points = samples.map((s) => `${coordinate(x(s.seconds))},${coordinate(y(of(s)))}`).join(' ');
      return [
        `<polyline points="${points}" fill="none" stroke="${color}"${dashed ? ' stroke-dasharray="4 3"' : ''}/>`,
        `<text x="${LEFT + 140 * k}" y="${top + PANEL_HEIGHT + 30}" fill="${color}">${escapeText(dashed ? `– – ${label}` : label)}</text>`,
      ];
    });
    return [
      `<text x="${LEFT}" y="${top - 8}" font-size="13">${escapeText(title)}</text>`,
      ...marks,
      ...minutes,
      ...curves,
    ];
  });
  return svgDocument(WIDTH, TOP + all.length * (PANEL_HEIGHT + PANEL_GAP), elements);
}
