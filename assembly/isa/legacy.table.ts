/** Instructions that 64-bit mode dropped: decimal arithmetic, BOUND, ARPL. SDM Vol. 2. */
import { row, table } from './form.ts';

const helper = { i64: true, helper: true } as const;

export const LEGACY = table('legacy', 'X86', 'integer', [
  row('DAA', '27', '', { ...helper, undef: 'OF' }),
  row('DAS', '2F', '', { ...helper, undef: 'OF' }),
  row('AAA', '37', '', { ...helper, undef: 'OF SF ZF PF' }),
  row('AAS', '3F', '', { ...helper, undef: 'OF SF ZF PF' }),
  row('AAM', 'D4 ib', 'Ib', { ...helper, undef: 'OF AF CF' }),
  row('AAD', 'D5 ib', 'Ib', { ...helper, undef: 'OF AF CF' }),
  // Not in the SDM; AMD and Intel processors have it.
  row('SALC', 'D6', '', helper),
  row('BOUND', '62 /r', 'Gv Ma', { ...helper, fn: 'BOUND<W, K0>' }),
  row('ARPL', '63 /r', 'Ew Gw', { ...helper, fn: 'ARPL<K0, K1>' }),
]);
