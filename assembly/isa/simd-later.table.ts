/** XMM registers without arithmetic exceptions, of SSE3 to SSE4.2, AES, SHA and PCLMULQDQ. SDM Vol. 2; Vol. 1, chapter 12. */
import { row, table, type Row } from './form.ts';
import { binary, list } from './simd.table.ts';

const unary = (name: string, opcode: string): Row => row(name, `66 0F ${opcode} /r`, 'Vx Wx', { fn: `XMM1<B, ${name}, K0, K1>` });
const immediate = (name: string, opcode: string): Row => row(name, `66 0F ${opcode} /r ib`, 'Vx Wx Ib', { fn: `XMM2_I<B, ${name}, K0, K1>` });
const mask = (name: string, opcode: string): Row => row(name, `66 0F ${opcode} /r`, 'Vx Wx', { fn: `XMM2_XMM0<B, ${name}, K0, K1>` });
const extend = (name: string, opcode: string, width: string): Row =>
  row(name, `66 0F 38 ${opcode} /r`, 'Vx Wx', { fn: `XMM_LOW<B, ${name}, ${width}, K0, K1>`, mem: Number(width.slice(1)) / 8 });
const sha = (name: string, byte: string): Row => row(name, `NP 0F 38 ${byte} /r`, 'Vx Wx', { fn: `XMM2<B, ${name}, K0, K1>` });
const explicit = (name: string, byte: string): Row[] => [
  row(name, `66 W0 0F 3A ${byte} /r ib`, 'Vx Wx Ib', { fn: `${name}<u32, K0, K1>`, helper: true }),
  row(name, `66 W1 0F 3A ${byte} /r ib`, 'Vx Wx Ib', { fn: `${name}<u64, K0, K1>`, helper: true }),
];

export const SIMD_SSE3 = table('simd', 'SSE3', 'sse', [
  row('MOVDDUP', 'F2 0F 12 /r', 'Vx Wq', { fn: 'MOVDDUP<B, K0, K1>' }),
  row('MOVSLDUP', 'F3 0F 12 /r', 'Vx Wx', { fn: 'XMM1<B, MOVSLDUP, K0, K1>' }),
  row('MOVSHDUP', 'F3 0F 16 /r', 'Vx Wx', { fn: 'XMM1<B, MOVSHDUP, K0, K1>' }),
  row('LDDQU', 'F2 0F F0 /r', 'Vx Mx', { fn: 'MOV_UNALIGNED<B, K0, K1>' }),
]);

export const SIMD_SSSE3 = table('simd', 'SSSE3', 'sse', [
  ...list(
    'PSHUFB:00 PHADDW:01 PHADDD:02 PHADDSW:03 PMADDUBSW:04 PHSUBW:05 PHSUBD:06 PHSUBSW:07 PSIGNB:08 PSIGNW:09 PSIGND:0A PMULHRSW:0B',
  ).map(([name, byte]) => binary(name, `38 ${byte}`)),
  unary('PABSB', '38 1C'),
  unary('PABSW', '38 1D'),
  unary('PABSD', '38 1E'),
  immediate('PALIGNR', '3A 0F'),
]);

export const SIMD_SSE41 = table('simd', 'SSE4_1', 'sse', [
  ...list(
    'PMULDQ:28 PCMPEQQ:29 PACKUSDW:2B PMINSB:38 PMINSD:39 PMINUW:3A PMINUD:3B PMAXSB:3C PMAXSD:3D PMAXUW:3E PMAXUD:3F PMULLD:40',
  ).map(([name, byte]) => binary(name, `38 ${byte}`)),
  unary('PHMINPOSUW', '38 41'),
  mask('PBLENDVB', '38 10'),
  mask('BLENDVPS', '38 14'),
  mask('BLENDVPD', '38 15'),
  row('PTEST', '66 0F 38 17 /r', 'Vx Wx', { fn: 'PTEST<B, K0, K1>' }),
  row('MOVNTDQA', '66 0F 38 2A /r', 'Vx Mx', { fn: 'MOV_ALIGNED<B, K0, K1>' }),
  extend('PMOVSXBW', '20', 'u64'),
  extend('PMOVSXBD', '21', 'u32'),
  extend('PMOVSXBQ', '22', 'u16'),
  extend('PMOVSXWD', '23', 'u64'),
  extend('PMOVSXWQ', '24', 'u32'),
  extend('PMOVSXDQ', '25', 'u64'),
  extend('PMOVZXBW', '30', 'u64'),
  extend('PMOVZXBD', '31', 'u32'),
  extend('PMOVZXBQ', '32', 'u16'),
  extend('PMOVZXWD', '33', 'u64'),
  extend('PMOVZXWQ', '34', 'u32'),
  extend('PMOVZXDQ', '35', 'u64'),
  immediate('BLENDPS', '3A 0C'),
  immediate('BLENDPD', '3A 0D'),
  immediate('PBLENDW', '3A 0E'),
  immediate('MPSADBW', '3A 42'),
  row('PEXTRB', '66 0F 3A 14 /r ib', 'Rd Vx Ib', { fn: 'PEXTR<B, u8, u32, K0, K1>' }),
  row('PEXTRB', '66 0F 3A 14 /r ib', 'Mb Vx Ib', { fn: 'PEXTR<B, u8, u8, K0, K1>' }),
  row('PEXTRW', '66 0F 3A 15 /r ib', 'Rd Vx Ib', { fn: 'PEXTR<B, u16, u32, K0, K1>' }),
  row('PEXTRW', '66 0F 3A 15 /r ib', 'Mw Vx Ib', { fn: 'PEXTR<B, u16, u16, K0, K1>' }),
  row('PEXTRD', '66 0F 3A 16 /r ib', 'Ey Vx Ib', { fn: 'PEXTR<B, W, W, K0, K1>' }),
  row('EXTRACTPS', '66 0F 3A 17 /r ib', 'Ed Vx Ib', { fn: 'PEXTR<B, u32, u32, K0, K1>' }),
  row('PINSRB', '66 0F 3A 20 /r ib', 'Vx Rd Ib', { fn: 'PINSR<B, u8, u32, K0, K1>' }),
  row('PINSRB', '66 0F 3A 20 /r ib', 'Vx Mb Ib', { fn: 'PINSR<B, u8, u8, K0, K1>' }),
  row('INSERTPS', '66 0F 3A 21 /r ib', 'Vx Ux Ib', { fn: 'XMM2_I<B, INSERTPS, K0, K1>' }),
  row('INSERTPS', '66 0F 3A 21 /r ib', 'Vx Md Ib', { fn: 'INSERTPS_M<B, INSERTPS, K0, K1>' }),
  row('PINSRD', '66 0F 3A 22 /r ib', 'Vx Ey Ib', { fn: 'PINSR<B, W, W, K0, K1>' }),
]);

export const SIMD_SSE42 = table('simd', 'SSE4_2', 'sse', [
  binary('PCMPGTQ', '38 37'),
  ...explicit('PCMPESTRM', '60'),
  ...explicit('PCMPESTRI', '61'),
  row('PCMPISTRM', '66 0F 3A 62 /r ib', 'Vx Wx Ib', { fn: 'PCMPISTRM<K0, K1>', helper: true }),
  row('PCMPISTRI', '66 0F 3A 63 /r ib', 'Vx Wx Ib', { fn: 'PCMPISTRI<K0, K1>', helper: true }),
]);

export const SIMD_AES = table('simd', 'AES', 'sse', [
  unary('AESIMC', '38 DB'),
  ...list('AESENC:DC AESENCLAST:DD AESDEC:DE AESDECLAST:DF').map(([name, byte]) => binary(name, `38 ${byte}`)),
  row('AESKEYGENASSIST', '66 0F 3A DF /r ib', 'Vx Wx Ib', { fn: 'XMM1_I<B, AESKEYGENASSIST, K0, K1>' }),
]);

export const SIMD_CLMUL = table('simd', 'PCLMULQDQ', 'sse', [immediate('PCLMULQDQ', '3A 44')]);

export const SIMD_SHA = table('simd', 'SHA', 'sse', [
  ...list('SHA1NEXTE:C8 SHA1MSG1:C9 SHA1MSG2:CA SHA256MSG1:CC SHA256MSG2:CD').map(([name, byte]) => sha(name, byte)),
  row('SHA256RNDS2', 'NP 0F 38 CB /r', 'Vx Wx', { fn: 'XMM2_XMM0<B, SHA256RNDS2, K0, K1>' }),
  row('SHA1RNDS4', 'NP 0F 3A CC /r ib', 'Vx Wx Ib', { fn: 'XMM2_I<B, SHA1RNDS4, K0, K1>' }),
]);
