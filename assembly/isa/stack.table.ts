/** PUSH, POP and the frame instructions. SDM Vol. 2. */
import { row, table } from './form.ts';

const d64 = { d64: true, hot: true };

export const STACK = table('stack', 'X86', 'integer', [
  row('PUSH', '50+r', 'Zv', d64),
  row('PUSH', 'FF /6', 'Ev', d64),
  row('PUSH', '68 iz', 'Iz', d64),
  row('PUSH', '6A ib', 'Iz', d64),
  row('POP', '58+r', 'Zv', d64),
  row('POP', '8F /0', 'Rv', d64),
  row('POP', '8F /0', 'Mv', { d64: true, helper: true, fn: 'POP_M<W>' }),
  row('PUSHA', '60', '', { i64: true, osz: 16, fn: 'PUSHA<u16>', helper: true }),
  row('PUSHA', '60', '', { i64: true, osz: 32, fn: 'PUSHA<u32>', helper: true }),
  row('POPA', '61', '', { i64: true, osz: 16, fn: 'POPA<u16>', helper: true }),
  row('POPA', '61', '', { i64: true, osz: 32, fn: 'POPA<u32>', helper: true }),
  row('ENTER', 'C8 iwib', '', { d64: true, osz: 16, fn: 'ENTER<u16>', helper: true }),
  row('ENTER', 'C8 iwib', '', { d64: true, osz: 32, fn: 'ENTER<u32>', helper: true }),
  row('ENTER', 'C8 iwib', '', { d64: true, osz: 64, fn: 'ENTER<u64>', helper: true }),
  row('LEAVE', 'C9', '', { d64: true, osz: 16, hot: true, fn: 'LEAVE<B, u16>' }),
  row('LEAVE', 'C9', '', { d64: true, osz: 32, hot: true, fn: 'LEAVE<B, u32>' }),
  row('LEAVE', 'C9', '', { d64: true, osz: 64, hot: true, fn: 'LEAVE<B, u64>' }),
]);
