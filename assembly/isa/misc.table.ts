/** What fits no other table: wide compare and exchange, XLAT, random numbers, fences, cache hints, UD, add with one carry flag. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';

/** A fence ignores ModRM.rm: eight bytes mean the same. */
function fence(name: string, first: number, feature: string): Row[] {
  return Array.from({ length: 8 }, (_, n) =>
    row(name, `NP 0F AE ${(first + n).toString(16).toUpperCase()}`, '', { feature, fn: 'FENCE<B>', alias: n > 0 }),
  );
}
const touch = (feature: string) => ({ helper: true, fn: 'TOUCH', feature });
const undefinedOperation = { helper: true, fn: 'UNDEFINED', end: true };

export const MISC = table('misc', 'X86', 'integer', [
  row('CMPXCHG16B', '0F C7 /1', 'Mq', { lock: true, helper: true, osz: 64, mem: 16, feature: 'CMPXCHG16B' }),
  row('CMPXCHG8B', '0F C7 /1', 'Mq', { lock: true, helper: true, feature: 'CX8' }),
  row('XLAT', 'D7', '', { helper: true }),
  row('RDRAND', 'NP66 0F C7 /6', 'Rv', { helper: true, fn: 'RDRAND<W, K0>', feature: 'RDRAND' }),
  row('RDSEED', 'NP66 0F C7 /7', 'Rv', { helper: true, fn: 'RDRAND<W, K0>', feature: 'RDSEED' }),
  row('PAUSE', 'F3 90', '', { fn: 'FENCE<B>', noRexB: true }),
  ...fence('LFENCE', 0xe8, 'SSE2'),
  ...fence('MFENCE', 0xf0, 'SSE2'),
  ...fence('SFENCE', 0xf8, 'SSE'),
  row('CLFLUSH', 'NP 0F AE /7', 'Mb', touch('CLFSH')),
  row('CLFLUSHOPT', '66 0F AE /7', 'Mb', touch('CLFLUSHOPT')),
  row('CLWB', '66 0F AE /6', 'Mb', touch('CLWB')),
  row('UD2', '0F 0B', '', undefinedOperation),
  row('UD1', '0F B9 /r', 'Gv Ev', undefinedOperation),
  // The SDM gives UD0 a ModRM byte; AMD processors raise #UD without fetching one.
  row('UD0', '0F FF', '', undefinedOperation),
  row('ADCX', '66 0F 38 F6 /r', 'Gy Ey', { feature: 'ADX' }),
  row('ADOX', 'F3 0F 38 F6 /r', 'Gy Ey', { feature: 'ADX' }),
]);
