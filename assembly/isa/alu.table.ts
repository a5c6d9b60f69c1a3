/** Two-operand arithmetic and logic, INC, DEC, NEG, NOT, compare, exchange-and-add. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';

const lock = { lock: true, hot: true };
const hot = { hot: true };

/** The eight classic operations share one layout of encodings: opcode base + 0..5, and groups 80 to 83. */
function classic(name: string, base: number, digit: number): Row[] {
  const op = (n: number) => (base + n).toString(16).padStart(2, '0').toUpperCase();
  const memoryDestination = name === 'CMP' ? hot : lock;
  const undef = name === 'AND' || name === 'OR' || name === 'XOR' ? { undef: 'AF' } : {};
  const withLock = { ...memoryDestination, ...undef };
  const plain = { ...hot, ...undef };
  return [
    row(name, `${op(0)} /r`, 'Eb Gb', withLock),
    row(name, `${op(1)} /r`, 'Ev Gv', withLock),
    row(name, `${op(2)} /r`, 'Gb Eb', plain),
    row(name, `${op(3)} /r`, 'Gv Ev', plain),
    row(name, `${op(4)} ib`, 'AL Ib', plain),
    row(name, `${op(5)} iz`, 'rAX Iv', plain),
    row(name, `80 /${digit} ib`, 'Eb Ib', withLock),
    row(name, `81 /${digit} iz`, 'Ev Iv', withLock),
    row(name, `82 /${digit} ib`, 'Eb Ib', { ...withLock, i64: true, alias: true }),
    row(name, `83 /${digit} ib`, 'Ev Iv', withLock),
  ];
}

export const ALU = table('alu', 'X86', 'integer', [
  ...classic('ADD', 0x00, 0),
  ...classic('OR', 0x08, 1),
  ...classic('ADC', 0x10, 2),
  ...classic('SBB', 0x18, 3),
  ...classic('AND', 0x20, 4),
  ...classic('SUB', 0x28, 5),
  ...classic('XOR', 0x30, 6),
  ...classic('CMP', 0x38, 7),
  row('TEST', '84 /r', 'Eb Gb', { ...hot, undef: 'AF' }),
  row('TEST', '85 /r', 'Ev Gv', { ...hot, undef: 'AF' }),
  row('TEST', 'A8 ib', 'AL Ib', { ...hot, undef: 'AF' }),
  row('TEST', 'A9 iz', 'rAX Iv', { ...hot, undef: 'AF' }),
  row('TEST', 'F6 /0 ib', 'Eb Ib', { ...hot, undef: 'AF' }),
  row('TEST', 'F7 /0 iz', 'Ev Iv', { ...hot, undef: 'AF' }),
  row('TEST', 'F6 /1 ib', 'Eb Ib', { ...hot, undef: 'AF', alias: true }),
  row('TEST', 'F7 /1 iz', 'Ev Iv', { ...hot, undef: 'AF', alias: true }),
  row('INC', 'FE /0', 'Eb', lock),
  row('INC', 'FF /0', 'Ev', lock),
  row('INC', '40+r', 'Zv', { hot: true, i64: true }),
  row('DEC', 'FE /1', 'Eb', lock),
  row('DEC', 'FF /1', 'Ev', lock),
  row('DEC', '48+r', 'Zv', { hot: true, i64: true }),
  row('NOT', 'F6 /2', 'Eb', lock),
  row('NOT', 'F7 /2', 'Ev', lock),
  row('NEG', 'F6 /3', 'Eb', lock),
  row('NEG', 'F7 /3', 'Ev', lock),
  row('XADD', '0F C0 /r', 'Eb Gb', { lock: true }),
  row('XADD', '0F C1 /r', 'Ev Gv', { lock: true }),
  row('CMPXCHG', '0F B0 /r', 'Eb Gb', { lock: true }),
  row('CMPXCHG', '0F B1 /r', 'Ev Gv', { lock: true }),
  row('XCHG', '86 /r', 'Eb Gb', { lock: true, hot: true }),
  row('XCHG', '87 /r', 'Ev Gv', { lock: true, hot: true }),
]);
