/** Port input and output. The string forms are in string. SDM Vol. 2. */
import { row, table } from './form.ts';

export const IO = table('io', 'X86', 'integer', [
  row('IN', 'E4 ib', 'AL Ib', { helper: true, fn: 'IN_I<u8>' }),
  row('IN', 'E5 ib', 'eAX Ib', { helper: true, fn: 'IN_I<W>' }),
  row('IN', 'EC', 'AL DX', { helper: true, fn: 'IN_DX<u8>' }),
  row('IN', 'ED', 'eAX DX', { helper: true, fn: 'IN_DX<W>' }),
  row('OUT', 'E6 ib', 'Ib AL', { helper: true, fn: 'OUT_I<u8>' }),
  row('OUT', 'E7 ib', 'Ib eAX', { helper: true, fn: 'OUT_I<W>' }),
  row('OUT', 'EE', 'DX AL', { helper: true, fn: 'OUT_DX<u8>' }),
  row('OUT', 'EF', 'DX eAX', { helper: true, fn: 'OUT_DX<W>' }),
]);
