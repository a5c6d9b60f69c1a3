/** Instructions on EFLAGS. CLI and STI are in system. SDM Vol. 2. */
import { row, table } from './form.ts';

const sizes = [16, 32, 64] as const;

export const FLAG = table('flag', 'X86', 'integer', [
  row('CLC', 'F8'),
  row('STC', 'F9'),
  row('CMC', 'F5'),
  row('CLD', 'FC'),
  row('STD', 'FD'),
  row('LAHF', '9F', '', { helper: true }),
  row('SAHF', '9E', '', { helper: true }),
  ...sizes.flatMap((osz) => [
    row('PUSHF', '9C', '', { d64: true, osz, helper: true, fn: `PUSHF<u${osz}>` }),
    row('POPF', '9D', '', { d64: true, osz, helper: true, fn: `POPF<u${osz}>` }),
  ]),
]);
