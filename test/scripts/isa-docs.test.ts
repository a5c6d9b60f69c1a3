import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { row, table } from '../../assembly/isa/form.ts';
import { TABLES } from '../../assembly/isa/tables.ts';
import { isaDocs } from '../../scripts/isa/docs.ts';

test('docs/isa.md is what the tables say: npm run docs:isa', () => {
  expect(readFileSync(new URL('../../docs/isa.md', import.meta.url), 'utf8')).toBe(isaDocs(TABLES));
});

test('an encoding is listed under its own CPUID feature, with what is undefined after it', () => {
  const rows = [row('POPCNT', 'F3 0F B8 /r', 'Gv Ev', { feature: 'POPCNT', undef: 'AF' })];
  expect(isaDocs([table('bit', 'X86', 'integer', rows)])).toContain(
    '## POPCNT\n\n| instruction | opcode | operands | tier | notes |\n|---|---|---|---|---|\n' +
      '| POPCNT | `F3 0F B8 /r` | Gv Ev | staged | undefined: AF |\n',
  );
});

test('encodings that differ in operand size only are one line', () => {
  const rows = ([16, 32] as const).map((osz) => row('IRET', 'CF', '', { osz, helper: true }));
  expect(isaDocs([table('system', 'X86', 'integer', rows)]).match(/IRET/g)).toHaveLength(1);
});
