/** The medians as bars, by uPlot: this page's, and Node's beside them where there are any. */
import uPlot from 'uplot';
import type { Row } from './rows.ts';

export interface Chart {
  remove(): void;
}

const HEIGHT_PX = 260;
/** Names of programs do not fit under each other on a phone. */
const NARROW_PX = 600;
const LABEL_PX = 16;
const TILTED_LABEL_PX = 76;
const TILT_DEGREES = -60;
/** Share of a program's room that a bar takes. */
const BAR_SHARE = 0.35;

/** Draws into `place`, which it empties. */
export function drawChart(place: HTMLElement, rows: readonly Row[], style: CSSStyleDeclaration): Chart {
  place.replaceChildren();
  const colour = (name: string): string => style.getPropertyValue(name).trim() || style.color;
  const hasNode = rows.some(({ nodeMs }) => nodeMs !== undefined);
  const width = Math.max(place.clientWidth, 280);
  const isNarrow = width < NARROW_PX;
  const { bars } = uPlot.paths;
  const series = (label: string, fill: string, align: -1 | 0 | 1): uPlot.Series => ({
    label,
    fill,
    stroke: fill,
    paths: bars!({ size: [hasNode ? BAR_SHARE : BAR_SHARE * 2, 80], align }),
    points: { show: false },
  });
  const [text, line] = [colour('--_text'), colour('--_line')];
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
  const chart = new uPlot(
    {
      width,
      height: HEIGHT_PX,
      cursor: { show: false },
      legend: { live: false },
      scales: {
        x: { time: false, range: () => [-0.6, rows.length - 0.4] },
        y: { range: (_, __, max) => [0, max * 1.1] },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          splits: () => rows.map((_, n) => n),
          values: () => rows.map(({ name }) => name),
          rotate: isNarrow ? TILT_DEGREES : 0,
          size: isNarrow ? TILTED_LABEL_PX : LABEL_PX * 2,
        },
        { ...axis, label: 'ms', size: 56, labelSize: LABEL_PX },
      ],
      series: [
        {},
        series('this page', colour('--_accent'), hasNode ? -1 : 0),
        ...(hasNode ? [series('Node', colour('--_muted'), 1)] : []),
      ],
    },
    [
      rows.map((_, n) => n),
      rows.map(({ medianMs }) => medianMs),
      ...(hasNode ? [rows.map(({ nodeMs }) => nodeMs ?? null)] : []),
    ] as uPlot.AlignedData,
    place,
  );
  return { remove: () => chart.destroy() };
}
