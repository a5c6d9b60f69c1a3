/** String instructions with and without a repeat prefix. F2 before MOVS, STOS, LODS, INS and OUTS repeats as F3 does. SDM Vol. 2, REP. */
import { row, table, type Row } from './form.ts';

const hex = (n: number) => n.toString(16).padStart(2, '0').toUpperCase();

/** Byte and wider form, plain and repeated. INS and OUTS stop at 32 bits. */
function plain(name: string, opcode: number, operands: string): Row[] {
  const options = { helper: true };
  const wide = operands.replaceAll('b', name === 'INS' || name === 'OUTS' ? 'z' : 'v');
  return [
    row(name, `NP66 ${hex(opcode)}`, operands, { ...options, rep: false, fn: `${name}<u8>` }),
    row(name, `NP66 ${hex(opcode + 1)}`, wide, { ...options, rep: false, fn: `${name}<W>` }),
    row(name, `F3F2 ${hex(opcode)}`, operands, { ...options, rep: true, fn: `REP_${name}<u8>` }),
    row(name, `F3F2 ${hex(opcode + 1)}`, wide, { ...options, rep: true, fn: `REP_${name}<W>` }),
  ];
}
function comparing(name: string, opcode: number, operands: string): Row[] {
  const options = { helper: true };
  const wide = operands.replaceAll('b', 'v').replace('AL', 'rAX');
  return [
    row(name, `NP66 ${hex(opcode)}`, operands, { ...options, rep: false, fn: `${name}<u8>` }),
    row(name, `NP66 ${hex(opcode + 1)}`, wide, { ...options, rep: false, fn: `${name}<W>` }),
    row(name, `F3 ${hex(opcode)}`, operands, { ...options, rep: true, fn: `REPE_${name}<u8>` }),
    row(name, `F3 ${hex(opcode + 1)}`, wide, { ...options, rep: true, fn: `REPE_${name}<W>` }),
    row(name, `F2 ${hex(opcode)}`, operands, { ...options, rep: true, fn: `REPNE_${name}<u8>` }),
    row(name, `F2 ${hex(opcode + 1)}`, wide, { ...options, rep: true, fn: `REPNE_${name}<W>` }),
  ];
}

export const STRING = table('string', 'X86', 'integer', [
  ...plain('MOVS', 0xa4, 'Yb Xb'),
  ...plain('STOS', 0xaa, 'Yb'),
  ...plain('LODS', 0xac, 'Xb'),
  ...plain('INS', 0x6c, 'Yb'),
  ...plain('OUTS', 0x6e, 'Xb'),
  ...comparing('CMPS', 0xa6, 'Xb Yb'),
  ...comparing('SCAS', 0xae, 'Yb'),
]);
