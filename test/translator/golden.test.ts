/**
 * The code that the translator writes for each instruction form, and for some sequences, is that of test/golden/translator. After a
 * change that is meant: `npm run golden -- --update`.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { coreModule } from '../support/core-module.ts';
import { compare, format, goldenGroups, GoldenMaker, parse, readGolden } from '../support/golden/golden.ts';

const FOLDER = fileURLToPath(new URL('../golden/translator', import.meta.url));
const TIME_MS = 120_000;

const maker = await GoldenMaker.create(coreModule());

describe('translated code', () => {
  it('has a golden file for each group of instructions, and no other', () => {
    expect(goldenGroups(FOLDER).sort()).toEqual([...maker.groups].sort());
  });

  it.each(maker.groups)('is as in %s.txt', { timeout: TIME_MS }, (group) => {
    expect(compare(readGolden(FOLDER, group), maker.listings(group))).toEqual([]);
  });
});

describe('a comparison of listings', () => {
  const add = { name: 'ADD', lines: ['add eax, ecx', 'i0 = 1', 'i1 = 2', 'i2 = 3', 'i3 = 4', 'i4 = 5'] };
  const sub = { name: 'SUB', lines: ['sub eax, ecx', 'i0 = 1'] };

  it('tells a form that has no golden listing', () => {
    expect(compare([add], [add, sub])).toEqual(['SUB: not in the golden files']);
  });

  it('tells a golden listing whose form is gone', () => {
    expect(compare([add, sub], [sub])).toEqual(['ADD: there is no such form any more']);
  });

  it('shows what changed with two lines around it', () => {
    const changed = { name: 'ADD', lines: ['add eax, ecx', 'i0 = 1', 'i1 = 2', 'i2 = 3', 'i3 = 4', 'i4 = 6'] };

    expect(compare([add], [changed])).toEqual(['ADD: other code\n  i2 = 3\n  i3 = 4\n- i4 = 5\n+ i4 = 6']);
  });

  it('reads what it wrote, code that two forms share included', () => {
    const twin = { name: 'XADD', lines: ['xadd eax, ecx', ...add.lines.slice(1)] };

    const text = format([add, sub, twin]);

    expect(parse(text)).toEqual([add, sub, twin]);
    expect(text).toContain('= ADD');
  });
});
