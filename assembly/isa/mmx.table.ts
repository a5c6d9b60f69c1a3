/** MMX, and what SSE, SSE2 and SSSE3 added to it. SDM Vol. 2; Vol. 1, chapter 9. */
import { row, table, type Row, type RowOptions } from './form.ts';

const binary = (name: string, byte: string, options: RowOptions = {}): Row =>
  row(name, `NP 0F ${byte} /r`, 'Pq Qq', { fn: `MMX2<B, ${name}, u64, K0, K1>`, ...options });
const shift = (name: string, byte: string, group: string): Row[] => [
  row(name, `NP 0F ${byte} /r`, 'Pq Qq', { fn: `MMX_SHIFT<B, ${name}, K0, K1>` }),
  row(name, `NP 0F ${group} ib`, 'Nq Ib', { fn: `MMX_SHIFT_I<B, ${name}, K0>` }),
];
const pair = (name: string, opcode: string, options: RowOptions = {}): Row =>
  row(name, `NP ${opcode} /r`, 'Pq Qq', { fn: `MMX2_PAIR<B, ${name}, K0, K1>`, ...options });
const sse = { feature: 'SSE' };
const sse2 = { feature: 'SSE2' };
const ssse3 = { feature: 'SSSE3' };
const list = (names: string): [name: string, byte: string][] => names.split(' ').map((x) => x.split(':') as [string, string]);

export const MMX = table('mmx', 'MMX', 'mmx', [
  ...list(
    'PCMPGTB:64 PCMPGTW:65 PCMPGTD:66 PCMPEQB:74 PCMPEQW:75 PCMPEQD:76 PMULLW:D5 PSUBUSB:D8 PSUBUSW:D9 PAND:DB PADDUSB:DC PADDUSW:DD ' +
      'PANDN:DF PMULHW:E5 PSUBSB:E8 PSUBSW:E9 POR:EB PADDSB:EC PADDSW:ED PXOR:EF PMADDWD:F5 PSUBB:F8 PSUBW:F9 PSUBD:FA PADDB:FC PADDW:FD PADDD:FE',
  ).map(([name, byte]) => binary(name, byte)),
  ...list('PMINUB:DA PMAXUB:DE PAVGB:E0 PAVGW:E3 PMULHUW:E4 PMINSW:EA PMAXSW:EE PSADBW:F6').map(([name, byte]) => binary(name, byte, sse)),
  ...list('PADDQ:D4 PMULUDQ:F4 PSUBQ:FB').map(([name, byte]) => binary(name, byte, sse2)),
  // The low unpacks read 32 bits of memory.
  ...list('PUNPCKLBW:60 PUNPCKLWD:61 PUNPCKLDQ:62').map(([name, byte]) => row(name, `NP 0F ${byte} /r`, 'Pq Qd', { fn: `MMX2<B, ${name}, u32, K0, K1>`, mem: 4 })),
  ...list('PUNPCKHBW:68 PUNPCKHWD:69 PUNPCKHDQ:6A').map(([name, byte]) =>
    row(name, `NP 0F ${byte} /r`, 'Pq Qq', { fn: `MMX2_HIGH<B, ${name.replace('KH', 'KL')}, K0, K1>` }),
  ),
  pair('PACKSSWB', '0F 63'),
  pair('PACKUSWB', '0F 67'),
  pair('PACKSSDW', '0F 6B'),
  ...shift('PSRLW', 'D1', '71 /2'),
  ...shift('PSRLD', 'D2', '72 /2'),
  ...shift('PSRLQ', 'D3', '73 /2'),
  ...shift('PSRAW', 'E1', '71 /4'),
  ...shift('PSRAD', 'E2', '72 /4'),
  ...shift('PSLLW', 'F1', '71 /6'),
  ...shift('PSLLD', 'F2', '72 /6'),
  ...shift('PSLLQ', 'F3', '73 /6'),
  row('MOVD', 'NP 0F 6E /r', 'Pq Ey', { fn: 'MOVD_TO_MMX<B, W, K0, K1>' }),
  row('MOVD', 'NP 0F 7E /r', 'Ey Pq', { fn: 'MOVD_FROM_MMX<B, W, K0, K1>' }),
  row('MOVQ', 'NP 0F 6F /r', 'Pq Qq', { fn: 'MOVQ_TO_MMX<B, K0, K1>' }),
  row('MOVQ', 'NP 0F 7F /r', 'Nq Pq', { fn: 'MOVQ_TO_MMX<B, K0, K1>' }),
  row('MOVQ', 'NP 0F 7F /r', 'Mq Pq', { fn: 'MOVQ_TO_MEMORY<B, K1>' }),
  row('MOVNTQ', 'NP 0F E7 /r', 'Mq Pq', { ...sse, fn: 'MOVQ_TO_MEMORY<B, K1>' }),
  row('MASKMOVQ', 'NP 0F F7 /r', 'Pq Nq Yb', { ...sse, helper: true }),
  row('PMOVMSKB', 'NP 0F D7 /r', 'Gd Nq', { ...sse, fn: 'PMOVMSKB_MMX<B, K0, K1>' }),
  row('PINSRW', 'NP 0F C4 /r ib', 'Pq Rd Ib', { ...sse, fn: 'PINSRW_MMX<B, u32, K0, K1>' }),
  row('PINSRW', 'NP 0F C4 /r ib', 'Pq Mw Ib', { ...sse, fn: 'PINSRW_MMX<B, u16, K0, K1>' }),
  row('PEXTRW', 'NP 0F C5 /r ib', 'Gd Nq Ib', { ...sse, fn: 'PEXTRW_MMX<B, K0, K1>' }),
  row('PSHUFW', 'NP 0F 70 /r ib', 'Pq Qq Ib', { ...sse, fn: 'MMX1_I<B, PSHUFLW, K0, K1>' }),
  row('EMMS', 'NP 0F 77', '', { helper: true }),
  ...list('PHADDW:01 PHADDD:02 PHADDSW:03 PHSUBW:05 PHSUBD:06 PHSUBSW:07').map(([name, byte]) => pair(name, `0F 38 ${byte}`, ssse3)),
  ...list('PMADDUBSW:04 PSIGNB:08 PSIGNW:09 PSIGND:0A PMULHRSW:0B').map(([name, byte]) => binary(name, `38 ${byte}`, ssse3)),
  ...list('PABSB:1C PABSW:1D PABSD:1E').map(([name, byte]) => row(name, `NP 0F 38 ${byte} /r`, 'Pq Qq', { ...ssse3, fn: `MMX1<B, ${name}, K0, K1>` })),
  binary('PSHUFB', '38 00', { ...ssse3, fn: 'MMX2<B, PSHUFB64, u64, K0, K1>' }),
  row('PALIGNR', 'NP 0F 3A 0F /r ib', 'Pq Qq Ib', { ...ssse3, fn: 'PALIGNR_MMX<B, K0, K1>' }),
]);
