/** Shifts and rotates, single and double. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';

/** The classic group: C0, C1 by imm8, D0, D1 by one, D2, D3 by CL. */
function group(name: string, digit: number, options: Row['options']): Row[] {
  return [
    row(name, `C0 /${digit} ib`, 'Eb Ib', options),
    row(name, `C1 /${digit} ib`, 'Ev Ib', options),
    row(name, `D0 /${digit}`, 'Eb 1', options),
    row(name, `D1 /${digit}`, 'Ev 1', options),
    row(name, `D2 /${digit}`, 'Eb CL', options),
    row(name, `D3 /${digit}`, 'Ev CL', options),
  ];
}
/** OF is defined for a count of one, CF up to the operand's width. */
const shift = { hot: 'register', undef: 'OF AF' } as const;
const rotate = { hot: 'register', undef: 'OF' } as const;
const through = (name: string) => ({ helper: true, fn: `${name}<W, K0, K1>`, undef: 'OF' });

export const SHIFT = table('shift', 'X86', 'integer', [
  ...group('ROL', 0, rotate),
  ...group('ROR', 1, rotate),
  ...group('RCL', 2, through('RCL')),
  ...group('RCR', 3, through('RCR')),
  ...group('SHL', 4, shift),
  ...group('SHR', 5, shift),
  // The SDM leaves /6 out; processors shift left.
  ...group('SHL', 6, { ...shift, alias: true }),
  ...group('SAR', 7, shift),
  row('SHLD', '0F A4 /r ib', 'Ev Gv Ib', { undef: 'OF AF' }),
  row('SHLD', '0F A5 /r', 'Ev Gv CL', { undef: 'OF AF' }),
  row('SHRD', '0F AC /r ib', 'Ev Gv Ib', { undef: 'OF AF' }),
  row('SHRD', '0F AD /r', 'Ev Gv CL', { undef: 'OF AF' }),
]);
