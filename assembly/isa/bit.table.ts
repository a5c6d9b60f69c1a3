/** Bit tests, scans and counts; CRC32. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';

const hex = (n: number) => n.toString(16).padStart(2, '0').toUpperCase();

/** BT and relatives: a register offset into memory addresses a string of bits, an immediate one only the operand. */
function test(name: string, opcode: number, digit: number): Row[] {
  const options = { lock: name !== 'BT', undef: 'OF SF AF PF' };
  return [
    row(name, `0F ${hex(opcode)} /r`, 'Rv Gv', { undef: options.undef }),
    row(name, `0F ${hex(opcode)} /r`, 'Mv Gv', { ...options, helper: true, fn: `${name}_STRING<W, K1>` }),
    row(name, `0F BA /${digit} ib`, 'Ev Ib', options),
  ];
}

export const BIT = table('bit', 'X86', 'integer', [
  ...test('BT', 0xa3, 4),
  ...test('BTS', 0xab, 5),
  ...test('BTR', 0xb3, 6),
  ...test('BTC', 0xbb, 7),
  row('BSF', '0F BC /r', 'Gv Ev', { undef: 'CF OF SF AF PF' }),
  row('BSR', '0F BD /r', 'Gv Ev', { undef: 'CF OF SF AF PF' }),
  row('TZCNT', 'F3 0F BC /r', 'Gv Ev', { feature: 'BMI1', undef: 'OF SF AF PF' }),
  row('LZCNT', 'F3 0F BD /r', 'Gv Ev', { feature: 'LZCNT', undef: 'OF SF AF PF' }),
  row('POPCNT', 'F3 0F B8 /r', 'Gv Ev', { feature: 'POPCNT' }),
  row('CRC32', 'F2 0F 38 F0 /r', 'Gd Eb', { feature: 'SSE4_2', helper: true, fn: 'CRC32<u8, K0, K1>' }),
  row('CRC32', 'F2 0F 38 F1 /r', 'Gd Ev', { feature: 'SSE4_2', helper: true, fn: 'CRC32<W, K0, K1>' }),
]);
