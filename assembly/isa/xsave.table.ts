/** Saving and restoring the x87, SSE and AVX state as a whole. SDM Vol. 2, FXSAVE, XSAVE; Vol. 1, chapter 13. */
import { row, table, type Row } from './form.ts';

/** Each comes with 32-bit x87 pointers, and with REX.W with 64-bit ones. */
const both = (name: string, digit: number, feature: string): Row[] =>
  (['u32', 'u64'] as const).map((pointer) =>
    row(pointer === 'u64' ? `${name}64` : name, `NP ${pointer === 'u64' ? 'W1' : 'W0'} 0F AE /${digit}`, 'M', { helper: true, fn: `${name}<${pointer}>`, feature }),
  );

/** The enable bits differ from those of any other unit, so the helpers check them. */
export const XSAVE = table('xsave', 'XSAVE', 'integer', [
  ...both('FXSAVE', 0, 'FXSR'),
  ...both('FXRSTOR', 1, 'FXSR'),
  ...both('XSAVE', 4, 'XSAVE'),
  ...both('XRSTOR', 5, 'XSAVE'),
  ...both('XSAVEOPT', 6, 'XSAVEOPT'),
]);
