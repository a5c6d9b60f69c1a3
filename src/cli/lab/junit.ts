/** Reports of a lab's test as JUnit's XML, which systems for continuous integration read. */
import type { Lab } from '../../lab/format/lab.ts';
import type { StepReport } from '../../lab/run/test-lab.ts';

export function junitXml({ id, title }: Lab, reports: readonly StepReport[]): string {
  const failures = reports.filter(({ failure }) => failure !== undefined).length;
  const seconds = showSeconds(reports.reduce((sum, report) => sum + durationMs(report), 0));
  const cases = reports.map(
    (report) =>
      `  <testcase classname="${escaped(id)}" name="${escaped(report.id)}" time="${showSeconds(durationMs(report))}"` +
      (report.failure === undefined ? '/>' : `>\n    <failure message="${escaped(report.failure)}"/>\n  </testcase>`),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="${escaped(title)}" tests="${reports.length}" failures="${failures}" time="${seconds}">`,
    ...cases,
    '</testsuite>\n',
  ].join('\n');
}

/** All that was done in a step. */
export function durationMs({ timings }: StepReport): number {
  return timings.reduce((sum, timing) => sum + timing.durationMs, 0);
}

function showSeconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Without what XML 1.0 can't have at all (§2.2). */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
