/** Moves between registers, memory and immediates; sign and zero extension; LEA; conditional moves and sets. SDM Vol. 2. */
import { row, table, type Row } from './form.ts';

const hot = { hot: true };
export const CONDITIONS = ['O', 'NO', 'B', 'AE', 'E', 'NE', 'BE', 'A', 'S', 'NS', 'P', 'NP', 'L', 'GE', 'LE', 'G'];
const hex = (n: number) => n.toString(16).padStart(2, '0').toUpperCase();

const conditional: Row[] = CONDITIONS.flatMap((c, n) => [
  row(`CMOV${c}`, `0F ${hex(0x40 + n)} /r`, 'Gv Ev', { hot: true, feature: 'CMOV', fn: `CMOV<B, W, CC_${c}, K0, K1>` }),
  row(`SET${c}`, `0F ${hex(0x90 + n)} /r`, 'Eb', { hot: true, fn: `SETCC<B, CC_${c}, K0>` }),
]);

export const MOV = table('mov', 'X86', 'integer', [
  row('MOV', '88 /r', 'Eb Gb', hot),
  row('MOV', '89 /r', 'Ev Gv', hot),
  row('MOV', '8A /r', 'Gb Eb', hot),
  row('MOV', '8B /r', 'Gv Ev', hot),
  row('MOV', 'B0+r ib', 'Zb Ib', hot),
  row('MOV', 'B8+r iv', 'Zv Iv', hot),
  row('MOV', 'C6 /0 ib', 'Eb Ib', hot),
  row('MOV', 'C7 /0 iz', 'Ev Iz', hot),
  row('MOV', 'A0 moffs', 'AL Ob'),
  row('MOV', 'A1 moffs', 'rAX Ov'),
  row('MOV', 'A2 moffs', 'Ob AL'),
  row('MOV', 'A3 moffs', 'Ov rAX'),
  row('MOVZX', '0F B6 /r', 'Gv Eb', { hot: true, fn: 'MOVZX<B, W, u8, K0, K1>' }),
  row('MOVZX', '0F B7 /r', 'Gv Ew', { hot: true, fn: 'MOVZX<B, W, u16, K0, K1>' }),
  row('MOVSX', '0F BE /r', 'Gv Eb', { hot: true, fn: 'MOVSX<B, W, u8, K0, K1>' }),
  row('MOVSX', '0F BF /r', 'Gv Ew', { hot: true, fn: 'MOVSX<B, W, u16, K0, K1>' }),
  // With a 16-bit operand size MOVSXD moves 16 bits (SDM Vol. 2B, MOVSX/MOVSXD).
  row('MOVSXD', '63 /r', 'Gv Ed', { hot: true, o64: true, osz: 64, fn: 'MOVSX<B, u64, u32, K0, K1>' }),
  row('MOVSXD', '63 /r', 'Gv Ed', { o64: true, osz: 32, fn: 'MOV<B, u32, K0, K1>' }),
  row('MOVSXD', '63 /r', 'Gv Ew', { o64: true, osz: 16, fn: 'MOV<B, u16, K0, K1>' }),
  row('LEA', '8D /r', 'Gv M', { hot: true, fn: 'LEA<B, W, K0>' }),
  row('CBW', '98', '', { osz: 16, hot: true, fn: 'EXTEND_A<B, u8, u16>' }),
  row('CWDE', '98', '', { osz: 32, hot: true, fn: 'EXTEND_A<B, u16, u32>' }),
  row('CDQE', '98', '', { osz: 64, hot: true, fn: 'EXTEND_A<B, u32, u64>' }),
  row('CWD', '99', '', { osz: 16, hot: true, fn: 'EXTEND_D<B, u16>' }),
  row('CDQ', '99', '', { osz: 32, hot: true, fn: 'EXTEND_D<B, u32>' }),
  row('CQO', '99', '', { osz: 64, hot: true, fn: 'EXTEND_D<B, u64>' }),
  row('NOP', '90', '', { hot: true, noRexB: true }),
  row('XCHG', '90+r', 'rAX Zv', { fn: 'XCHG_A<B, W, K1>' }),
  row('BSWAP', '0F C8+r', 'Zd', { hot: true, osz: 32 }),
  row('BSWAP', '0F C8+r', 'Zq', { hot: true, osz: 64 }),
  // Undefined by the SDM; processors clear the register.
  row('BSWAP', '0F C8+r', 'Zw', { osz: 16, fn: 'BSWAP16<B, K0>' }),
  row('NOP', '0F 1F /r', 'Ev', { hot: true, fn: 'NOP<B>' }),
  row('NOP', '0F 19 /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 1A /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 1B /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 1C /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 1D /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  // RDSSP and the like are hints here: CET is not announced.
  row('ENDBR64', 'F3 0F 1E FA', '', { fn: 'NOP<B>', alias: true }),
  row('ENDBR32', 'F3 0F 1E FB', '', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 1E /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  row('NOP', '0F 18 /r', 'Ev', { fn: 'NOP<B>', alias: true }),
  // A register operand raises #UD on AMD's processors; reserved values of ModRM.reg do as PREFETCH (AMD64 Vol. 3, PREFETCH).
  row('PREFETCHW', '0F 0D /1', 'Mb', { fn: 'NOP<B>', feature: '3DNOWPREFETCH' }),
  row('PREFETCH', '0F 0D /r', 'Mb', { fn: 'NOP<B>', feature: '3DNOWPREFETCH' }),
  row('PREFETCHNTA', '0F 18 /0', 'Mb', { fn: 'NOP<B>', feature: 'SSE' }),
  row('PREFETCHT0', '0F 18 /1', 'Mb', { fn: 'NOP<B>', feature: 'SSE' }),
  row('PREFETCHT1', '0F 18 /2', 'Mb', { fn: 'NOP<B>', feature: 'SSE' }),
  row('PREFETCHT2', '0F 18 /3', 'Mb', { fn: 'NOP<B>', feature: 'SSE' }),
  row('MOVBE', 'NP66 0F 38 F0 /r', 'Gv Mv', { feature: 'MOVBE' }),
  row('MOVBE', 'NP66 0F 38 F1 /r', 'Mv Gv', { feature: 'MOVBE' }),
  ...conditional,
]);
