/** Near jumps, calls, returns, loops. Far transfers are in system. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';
import { CONDITIONS } from './mov.table.ts';

const hex = (n: number) => n.toString(16).padStart(2, '0').toUpperCase();
const sizes = [16, 32, 64] as const;
const jump = (osz: 16 | 32 | 64) => ({ branch: true, hot: osz !== 16, d64: true, osz }) as const;

const conditional: Row[] = CONDITIONS.flatMap((c, n) =>
  sizes.flatMap((osz) => [
    row(`J${c}`, `${hex(0x70 + n)} rel8`, 'J', { ...jump(osz), fn: `JCC<B, u${osz}, CC_${c}>` }),
    row(`J${c}`, `0F ${hex(0x80 + n)} relz`, 'J', { ...jump(osz), fn: `JCC<B, u${osz}, CC_${c}>` }),
  ]),
);

export const BRANCH = table('branch', 'X86', 'integer', [
  ...conditional,
  ...sizes.flatMap((osz) => [
    row('JMP', 'EB rel8', 'J', { ...jump(osz), end: true, fn: `JMP<B, u${osz}>` }),
    row('JMP', 'E9 relz', 'J', { ...jump(osz), end: true, fn: `JMP<B, u${osz}>` }),
    row('CALL', 'E8 relz', 'J', { ...jump(osz), end: true, fn: `CALL<B, u${osz}>` }),
    row('RET', 'C3', '', { ...jump(osz), end: true, fn: `RET<B, u${osz}>` }),
    row('RET', 'C2 iw', 'Iw', { ...jump(osz), end: true, fn: `RET_I<B, u${osz}>` }),
    ...(['LOOPNE', 'LOOPE', 'LOOP', 'JRCXZ'] as const).map((name, n) =>
      row(name, `${hex(0xe0 + n)} rel8`, 'J', { branch: true, d64: true, osz, fn: `${name}<B, u${osz}>` }),
    ),
  ]),
  row('JMP', 'FF /4', 'Ev', { branch: true, hot: true, d64: true, end: true, fn: 'JMP_E<B, W, K0>' }),
  row('CALL', 'FF /2', 'Ev', { branch: true, hot: true, d64: true, end: true, fn: 'CALL_E<B, W, K0>' }),
]);
