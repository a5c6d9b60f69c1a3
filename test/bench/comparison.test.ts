import { describe, expect, it } from 'vitest';
import { compare, differentAcross } from '../../bench/programs/comparison.ts';
import type { Measurement, SideRuns } from '../../bench/programs/measure.ts';
import { plot } from '../../bench/programs/plot.ts';
import type { SideName } from '../../bench/programs/sides.ts';
import { table } from '../../bench/programs/table.ts';

function runs(side: SideName, times: readonly number[], checksum = '0badcafe'): SideRuns {
  return {
    side,
    repetitions: times.map((busiestMs) => ({ busiestMs, allMs: busiestMs, wallMs: busiestMs, checksum })),
  };
}

const HOST = runs('native', [12, 10, 10]);
const MEASUREMENT: Measurement = {
  programs: [
    {
      kind: 'integer',
      name: 'crc32',
      sides: [HOST, runs('vivarium', [50, 20, 20]), runs('qemu', [60, 30, 30]), runs('v86', [70, 90, 90])],
    },
    {
      kind: 'integer',
      name: 'sieve',
      sides: [HOST, runs('vivarium', [50, 80, 80]), runs('qemu', [60, 40, 40]), runs('v86', [70, 90, 90])],
    },
    {
      kind: 'rewritten',
      name: 'rewritten',
      sides: [HOST, runs('vivarium', [50, 60, 60]), runs('qemu', [60, 70, 70]), runs('v86', [70, 90, 90])],
    },
  ],
  boots: [
    { side: 'vivarium', ms: [300, 400, 500] },
    { side: 'v86', ms: [1000] },
  ],
};

const withSide = (other: SideRuns): Measurement => ({
  programs: [{ kind: 'integer', name: 'crc32', sides: [HOST, other] }],
  boots: [],
});

describe('a comparison', () => {
  it('takes geometric means by kind and over all programs', () => {
    const { means } = compare('i386', 2, MEASUREMENT, []);
    expect(means.kinds.get('integer')!.get('vivarium')).toBeCloseTo(4, 10);
    expect(means.overall.get('v86')).toBeCloseTo(9, 10);
  });

  it('on i386 measures kinds against their limits, or against the faster peer, and the boot against v86', () => {
    const { targets } = compare('i386', 2, MEASUREMENT, []);
    expect(targets.map(({ name, limit, met }) => [name, Number(limit.toFixed(6)), met])).toEqual([
      ['integer', 3, false],
      ['rewritten: both peers', 7, true],
      ['all', 6, true],
      ['boot / v86', 0.5, true],
    ]);
  });

  it('on amd64 measures each kind against QEMU', () => {
    const { targets } = compare('amd64', 2, MEASUREMENT, []);
    expect(targets.map(({ name, met }) => [name, met])).toEqual([
      ['integer: QEMU', false],
      ['rewritten: QEMU', true],
    ]);
  });

  it("a checksum that is not the host's is wrong", () => {
    const { wrong } = compare('i386', 1, withSide(runs('qemu', [1, 1], 'deadbeef')), []);
    expect(wrong).toEqual(['crc32: qemu computes deadbeef, the host 0badcafe']);
  });

  it('a side that failed is a note, and has no part in the means', () => {
    const failed = { ...runs('v86', [1]), failure: 'no answer in 180 s' };
    const { means, notes } = compare('i386', 1, withSide(failed), []);
    expect([means.overall.has('v86'), notes]).toEqual([false, ['v86 failed at crc32: no answer in 180 s']]);
  });

  it('a side that does not boot and one that is absent are notes with their reasons', () => {
    const measurement: Measurement = { programs: [], boots: [{ side: 'v86', ms: [], failure: 'it ended (1)' }] };
    const { notes } = compare('i386', 1, measurement, [{ name: 'qemu', reason: 'not installed' }]);
    expect(notes).toEqual(['no qemu: not installed', 'v86 does not boot: it ended (1)']);
  });

  it('a result that depends on the word size is told', () => {
    const narrow = compare('i386', 1, withSide(runs('qemu', [1, 1])), []);
    const wide = compare(
      'amd64',
      1,
      { programs: [{ kind: 'integer', name: 'crc32', sides: [runs('native', [1, 1], '00000001')] }], boots: [] },
      [],
    );
    expect(differentAcross(narrow, wide)).toEqual(['crc32: i386 computes 0badcafe, amd64 00000001']);
  });
});

describe('the table', () => {
  const text = table(compare('i386', 2, MEASUREMENT, [{ name: 'qemu', reason: 'not asked for' }]));

  it('has for each program the host, and each side with range and first repetition', () => {
    expect(text).toMatch(/^ {2}crc32 +10\.0 +2\.00 \(2\.00–2\.00\) +5\.00 +3\.00 \(3\.00–3\.00\) +6\.00 +9\.00/m);
  });

  it('tells which targets are missed', () => {
    expect(text).toMatch(/^ {2}integer +4\.00 ≤ 3\.00 +MISSED$/m);
  });

  it('tells what is missing', () => {
    expect(text).toContain('note: no qemu: not asked for');
  });
});

describe('the plot', () => {
  const picture = plot(compare('i386', 2, MEASUREMENT, []));

  it('has a bar for each side of each program and of the mean', () => {
    expect(picture.match(/<title>/g)).toHaveLength(12);
  });

  it('is logarithmic: 9 of an axis to 10 takes log 9 of its length', () => {
    expect(picture).toContain(`width="${Math.round(620 * Math.log10(9) * 10) / 10}"`);
  });

  it('escapes what is markup in a name', () => {
    const strange = plot(
      compare(
        'i386',
        1,
        { programs: [{ kind: 'k', name: 'a<b', sides: [HOST, runs('qemu', [1, 1, 1])] }], boots: [] },
        [],
      ),
    );
    expect(strange).toContain('a&#60;b');
  });
});
