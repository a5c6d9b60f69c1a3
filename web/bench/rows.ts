/** A line of the benchmark page's table, from the runs of one program. */
import type { Turn } from '../../bench/programs/computer-session.ts';
import { PAGE_PROGRAMS, type PageFigures } from '../../bench/programs/page-figures.ts';

export interface Row {
  readonly name: string;
  /** What it does, in words. */
  readonly what: string;
  /** Of all runs but the first. */
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Median in Node; undefined where the site has none. */
  readonly nodeMs: number | undefined;
  readonly instructionsPerSecond: number;
  /** Of the instructions, from 0 to 1. */
  readonly translatedShare: number;
  /** Every run gave the checksum that it was to give. */
  readonly isRight: boolean;
}

/** @param turns at least two; the first warms up. */
export function rowOf(name: string, turns: readonly Turn[], { checksums, node }: PageFigures): Row {
  const counted = turns.slice(1);
  const times = counted.map(({ wallMs }) => wallMs).sort((a, b) => a - b);
  const middle = times.length >> 1;
  const sum = (of: (turn: Turn) => number): number => counted.reduce((total, turn) => total + of(turn), 0);
  const instructions = sum((turn) => turn.instructions);
  return {
    name,
    what: PAGE_PROGRAMS[name] ?? '',
    medianMs: times.length % 2 === 1 ? times[middle]! : (times[middle - 1]! + times[middle]!) / 2,
    minMs: times[0]!,
    maxMs: times.at(-1)!,
    nodeMs: node?.medianMs[name],
    instructionsPerSecond: (instructions / sum((turn) => turn.wallMs)) * 1000,
    translatedShare: instructions === 0 ? 0 : sum((turn) => turn.translated) / instructions,
    isRight: turns.every(({ checksum }) => checksum === checksums[name]),
  };
}
