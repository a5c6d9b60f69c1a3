/** Multiplication and division. SDM Vol. 2. */
import { row, table } from './form.ts';

const multiply = { undef: 'SF ZF AF PF' };
const hot = { ...multiply, hot: 'register' } as const;
const divide = { undef: 'CF OF SF ZF AF PF' };

export const MULDIV = table('muldiv', 'X86', 'integer', [
  row('MUL', 'F6 /4', 'Eb', multiply),
  row('MUL', 'F7 /4', 'Ev', hot),
  row('IMUL', 'F6 /5', 'Eb', multiply),
  row('IMUL', 'F7 /5', 'Ev', hot),
  row('IMUL', '0F AF /r', 'Gv Ev', { ...hot, fn: 'IMUL_R<B, W, K0, K0, K1>' }),
  row('IMUL', '69 /r iz', 'Gv Ev Iv', { ...hot, fn: 'IMUL_R<B, W, K0, K1, K2>' }),
  row('IMUL', '6B /r ib', 'Gv Ev Iv', { ...hot, fn: 'IMUL_R<B, W, K0, K1, K2>' }),
  row('DIV', 'F6 /6', 'Eb', divide),
  row('DIV', 'F7 /6', 'Ev', divide),
  row('IDIV', 'F6 /7', 'Eb', divide),
  row('IDIV', 'F7 /7', 'Ev', divide),
]);
