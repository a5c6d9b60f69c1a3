/** XMM registers without arithmetic exceptions: moves, logic, integers, shuffles, of SSE and SSE2. SDM Vol. 2; Vol. 1, chapters 10 and 11. */
import { row, table, type Row, type RowOptions } from './form.ts';

export const list = (names: string): [name: string, byte: string][] => names.split(' ').map((x) => x.split(':') as [string, string]);
export const binary = (name: string, opcode: string, options: RowOptions = {}, operation = name): Row =>
  row(name, `66 0F ${opcode} /r`, 'Vx Wx', { fn: `XMM2<B, ${operation}, K0, K1>`, ...options });

const hot = { hot: true };
const sse = { feature: 'SSE' };
const aligned = { fn: 'MOV_ALIGNED<B, K0, K1>' };
const unaligned = { fn: 'MOV_UNALIGNED<B, K0, K1>' };
const low = (width: string) => ({ fn: `MOV_LOW<B, ${width}, K0, K1>` });
const lowZx = (width: string) => ({ fn: `MOV_LOW_ZX<B, ${width}, K0, K1>` });
const toHigh = { fn: 'MOV_TO_HIGH<B, K0, K1>' };
const fromHigh = { fn: 'MOV_FROM_HIGH<B, K0, K1>' };
const shift = (name: string, byte: string, group: string): Row[] => [
  row(name, `66 0F ${byte} /r`, 'Vx Wx', { fn: `XMM_SHIFT<B, ${name}, K0, K1>` }),
  row(name, `66 0F ${group} ib`, 'Ux Ib', { fn: `XMM_SHIFT_I<B, ${name}, K0>` }),
];
/** One operation in both precisions: NP (SSE) and 66 (SSE2). */
const both = (name: string, byte: string, single: string, double: string, options: RowOptions = {}): Row[] => [
  row(`${name}PS`, `NP 0F ${byte} /r`, 'Vx Wx', { ...sse, fn: `XMM2<B, ${single}, K0, K1>`, ...options }),
  row(`${name}PD`, `66 0F ${byte} /r`, 'Vx Wx', { fn: `XMM2<B, ${double}, K0, K1>`, ...options }),
];

export const SIMD = table('simd', 'SSE2', 'sse', [
  row('MOVUPS', 'NP 0F 10 /r', 'Vx Wx', { ...sse, ...hot, ...unaligned }),
  row('MOVUPS', 'NP 0F 11 /r', 'Wx Vx', { ...sse, ...hot, ...unaligned }),
  row('MOVUPD', '66 0F 10 /r', 'Vx Wx', unaligned),
  row('MOVUPD', '66 0F 11 /r', 'Wx Vx', unaligned),
  row('MOVDQU', 'F3 0F 6F /r', 'Vx Wx', { ...hot, ...unaligned }),
  row('MOVDQU', 'F3 0F 7F /r', 'Wx Vx', { ...hot, ...unaligned }),
  row('MOVAPS', 'NP 0F 28 /r', 'Vx Wx', { ...sse, ...hot, ...aligned }),
  row('MOVAPS', 'NP 0F 29 /r', 'Wx Vx', { ...sse, ...hot, ...aligned }),
  row('MOVAPD', '66 0F 28 /r', 'Vx Wx', aligned),
  row('MOVAPD', '66 0F 29 /r', 'Wx Vx', aligned),
  row('MOVDQA', '66 0F 6F /r', 'Vx Wx', { ...hot, ...aligned }),
  row('MOVDQA', '66 0F 7F /r', 'Wx Vx', { ...hot, ...aligned }),
  row('MOVNTPS', 'NP 0F 2B /r', 'Mx Vx', { ...sse, ...aligned }),
  row('MOVNTPD', '66 0F 2B /r', 'Mx Vx', aligned),
  row('MOVNTDQ', '66 0F E7 /r', 'Mx Vx', aligned),
  row('MOVNTI', 'NP 0F C3 /r', 'My Gy', { fn: 'MOV<B, W, K0, K1>' }),
  row('MOVSS', 'F3 0F 10 /r', 'Vx Ux', { ...sse, ...low('u32') }),
  row('MOVSS', 'F3 0F 10 /r', 'Vx Md', { ...sse, ...hot, ...lowZx('u32') }),
  row('MOVSS', 'F3 0F 11 /r', 'Wd Vx', { ...sse, ...hot, ...low('u32') }),
  row('MOVSD', 'F2 0F 10 /r', 'Vx Ux', low('u64')),
  row('MOVSD', 'F2 0F 10 /r', 'Vx Mq', { ...hot, ...lowZx('u64') }),
  row('MOVSD', 'F2 0F 11 /r', 'Wq Vx', { ...hot, ...low('u64') }),
  row('MOVLPS', 'NP 0F 12 /r', 'Vx Mq', { ...sse, ...low('u64') }),
  row('MOVHLPS', 'NP 0F 12 /r', 'Vx Ux', { ...sse, ...fromHigh }),
  row('MOVLPS', 'NP 0F 13 /r', 'Mq Vx', { ...sse, ...low('u64') }),
  row('MOVLPD', '66 0F 12 /r', 'Vx Mq', low('u64')),
  row('MOVLPD', '66 0F 13 /r', 'Mq Vx', low('u64')),
  row('MOVHPS', 'NP 0F 16 /r', 'Vx Mq', { ...sse, ...toHigh }),
  row('MOVLHPS', 'NP 0F 16 /r', 'Vx Ux', { ...sse, ...toHigh }),
  row('MOVHPS', 'NP 0F 17 /r', 'Mq Vx', { ...sse, ...fromHigh }),
  row('MOVHPD', '66 0F 16 /r', 'Vx Mq', toHigh),
  row('MOVHPD', '66 0F 17 /r', 'Mq Vx', fromHigh),
  row('MOVD', '66 0F 6E /r', 'Vx Ey', { ...hot, fn: 'MOVD_TO_XMM<B, W, K0, K1>' }),
  row('MOVD', '66 0F 7E /r', 'Ey Vx', { ...hot, fn: 'MOVD_FROM_XMM<B, W, K0, K1>' }),
  row('MOVQ', 'F3 0F 7E /r', 'Vx Wq', { ...hot, ...lowZx('u64') }),
  row('MOVQ', '66 0F D6 /r', 'Ux Vx', { fn: 'MOV_LOW_ZX<B, u64, K0, K1>' }),
  row('MOVQ', '66 0F D6 /r', 'Mq Vx', { ...hot, ...low('u64') }),
  row('MOVMSKPS', 'NP 0F 50 /r', 'Gd Ux', { ...sse, fn: 'MOVMSKPS<B, K0, K1>' }),
  row('MOVMSKPD', '66 0F 50 /r', 'Gd Ux', { fn: 'MOVMSKPD<B, K0, K1>' }),
  row('PMOVMSKB', '66 0F D7 /r', 'Gd Ux', { fn: 'PMOVMSKB<B, K0, K1>' }),
  row('PINSRW', '66 0F C4 /r ib', 'Vx Rd Ib', { fn: 'PINSR<B, u16, u32, K0, K1>' }),
  row('PINSRW', '66 0F C4 /r ib', 'Vx Mw Ib', { fn: 'PINSR<B, u16, u16, K0, K1>' }),
  row('PEXTRW', '66 0F C5 /r ib', 'Gd Ux Ib', { fn: 'PEXTR<B, u16, u32, K0, K1>' }),
  row('MASKMOVDQU', '66 0F F7 /r', 'Vx Ux Yb', { helper: true }),
  row('LDMXCSR', 'NP 0F AE /2', 'Md', { ...sse, helper: true }),
  row('STMXCSR', 'NP 0F AE /3', 'Md', { ...sse, helper: true }),

  ...both('AND', '54', 'PAND', 'PAND'),
  ...both('ANDN', '55', 'PANDN', 'PANDN'),
  ...both('OR', '56', 'POR', 'POR'),
  ...both('XOR', '57', 'PXOR', 'PXOR', hot),
  ...both('UNPCKL', '14', 'PUNPCKLDQ', 'PUNPCKLQDQ'),
  ...both('UNPCKH', '15', 'PUNPCKHDQ', 'PUNPCKHQDQ'),
  row('SHUFPS', 'NP 0F C6 /r ib', 'Vx Wx Ib', { ...sse, fn: 'XMM2_I<B, SHUFPS, K0, K1>' }),
  row('SHUFPD', '66 0F C6 /r ib', 'Vx Wx Ib', { fn: 'XMM2_I<B, SHUFPD, K0, K1>' }),
  row('PSHUFD', '66 0F 70 /r ib', 'Vx Wx Ib', { fn: 'XMM1_I<B, PSHUFD, K0, K1>' }),
  row('PSHUFLW', 'F2 0F 70 /r ib', 'Vx Wx Ib', { fn: 'XMM1_I<B, PSHUFLW, K0, K1>' }),
  row('PSHUFHW', 'F3 0F 70 /r ib', 'Vx Wx Ib', { fn: 'XMM1_I<B, PSHUFHW, K0, K1>' }),
  ...list(
    'PUNPCKLBW:60 PUNPCKLWD:61 PUNPCKLDQ:62 PACKSSWB:63 PCMPGTB:64 PCMPGTW:65 PCMPGTD:66 PACKUSWB:67 PUNPCKHBW:68 PUNPCKHWD:69 PUNPCKHDQ:6A ' +
      'PACKSSDW:6B PUNPCKLQDQ:6C PUNPCKHQDQ:6D PCMPEQB:74 PCMPEQW:75 PCMPEQD:76 PADDQ:D4 PMULLW:D5 PSUBUSB:D8 PSUBUSW:D9 PMINUB:DA PAND:DB ' +
      'PADDUSB:DC PADDUSW:DD PMAXUB:DE PANDN:DF PAVGB:E0 PAVGW:E3 PMULHUW:E4 PMULHW:E5 PSUBSB:E8 PSUBSW:E9 PMINSW:EA POR:EB PADDSB:EC PADDSW:ED ' +
      'PMAXSW:EE PMULUDQ:F4 PMADDWD:F5 PSADBW:F6 PSUBB:F8 PSUBW:F9 PSUBD:FA PSUBQ:FB PADDB:FC PADDW:FD PADDD:FE',
  ).map(([name, byte]) => binary(name, byte)),
  binary('PXOR', 'EF', hot),
  ...shift('PSRLW', 'D1', '71 /2'),
  ...shift('PSRLD', 'D2', '72 /2'),
  ...shift('PSRLQ', 'D3', '73 /2'),
  ...shift('PSRAW', 'E1', '71 /4'),
  ...shift('PSRAD', 'E2', '72 /4'),
  ...shift('PSLLW', 'F1', '71 /6'),
  ...shift('PSLLD', 'F2', '72 /6'),
  ...shift('PSLLQ', 'F3', '73 /6'),
  row('PSRLDQ', '66 0F 73 /3 ib', 'Ux Ib', { fn: 'XMM1_I<B, PSRLDQ, K0, K0>' }),
  row('PSLLDQ', '66 0F 73 /7 ib', 'Ux Ib', { fn: 'XMM1_I<B, PSLLDQ, K0, K0>' }),
]);

/** Between MMX and XMM registers: they live with MMX. */
export const MMX_SSE2 = table('mmx', 'SSE2', 'sse', [
  row('MOVQ2DQ', 'F3 0F D6 /r', 'Vx Nq', { fn: 'MOVQ2DQ<B, K0, K1>' }),
  row('MOVDQ2Q', 'F2 0F D6 /r', 'Pq Ux', { fn: 'MOVDQ2Q<B, K0, K1>' }),
]);
