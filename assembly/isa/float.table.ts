/** SSE floating point: arithmetic, compares, conversions, of SSE to SSE4.1. SDM Vol. 2; Vol. 1, chapters 10 to 12. */
import { row, table, type Row } from './form.ts';

const sse = { feature: 'SSE' };
const helper = { helper: true };

/** PS, PD, SS, SD of one operation with a fast path. */
const four = (name: string, byte: string, operation: string): Row[] => [
  row(`${name}PS`, `NP 0F ${byte} /r`, 'Vx Wx', { ...sse, fn: `FLOAT_PACKED<B, ${operation}, u32, K0, K1>` }),
  row(`${name}PD`, `66 0F ${byte} /r`, 'Vx Wx', { fn: `FLOAT_PACKED<B, ${operation}, u64, K0, K1>` }),
  row(`${name}SS`, `F3 0F ${byte} /r`, 'Vx Wd', { ...sse, fn: `FLOAT_SCALAR<B, ${operation}, u32, K0, K1>` }),
  row(`${name}SD`, `F2 0F ${byte} /r`, 'Vx Wq', { fn: `FLOAT_SCALAR<B, ${operation}, u64, K0, K1>` }),
];
/** A 32- or 64-bit general register and a scalar. */
const toGpr = (name: string, opcode: string, shape: string, float: string, feature: string): Row =>
  row(name, `${opcode} /r`, float === 'u32' ? 'Gy Wd' : 'Gy Wq', { feature, fn: `${shape}<B, W, ${float}, K0, K1>` });

export const FLOAT = table('float', 'SSE2', 'sse', [
  ...four('SQRT', '51', 'FLOAT_SQRT'),
  ...four('ADD', '58', 'FLOAT_ADD'),
  ...four('MUL', '59', 'FLOAT_MUL'),
  ...four('SUB', '5C', 'FLOAT_SUB'),
  ...four('MIN', '5D', 'FLOAT_MIN'),
  ...four('DIV', '5E', 'FLOAT_DIV'),
  ...four('MAX', '5F', 'FLOAT_MAX'),
  row('CMPPS', 'NP 0F C2 /r ib', 'Vx Wx Ib', { ...sse, fn: 'COMPARE_PACKED<B, FLOAT_COMPARE, u32, K0, K1>' }),
  row('CMPPD', '66 0F C2 /r ib', 'Vx Wx Ib', { fn: 'COMPARE_PACKED<B, FLOAT_COMPARE, u64, K0, K1>' }),
  row('CMPSS', 'F3 0F C2 /r ib', 'Vx Wd Ib', { ...sse, fn: 'COMPARE_SCALAR<B, FLOAT_COMPARE, u32, K0, K1>' }),
  row('CMPSD', 'F2 0F C2 /r ib', 'Vx Wq Ib', { fn: 'COMPARE_SCALAR<B, FLOAT_COMPARE, u64, K0, K1>' }),
  row('UCOMISS', 'NP 0F 2E /r', 'Vx Wd', { ...sse, fn: 'UCOMIS<B, u32, K0, K1>' }),
  row('UCOMISD', '66 0F 2E /r', 'Vx Wq', { fn: 'UCOMIS<B, u64, K0, K1>' }),
  row('COMISS', 'NP 0F 2F /r', 'Vx Wd', { ...sse, fn: 'COMIS<B, u32, K0, K1>' }),
  row('COMISD', '66 0F 2F /r', 'Vx Wq', { fn: 'COMIS<B, u64, K0, K1>' }),
  row('RSQRTPS', 'NP 0F 52 /r', 'Vx Wx', { ...sse, ...helper, fn: 'RSQRTPS<K0, K1>' }),
  row('RSQRTSS', 'F3 0F 52 /r', 'Vx Wd', { ...sse, ...helper, fn: 'RSQRTSS<K0, K1>' }),
  row('RCPPS', 'NP 0F 53 /r', 'Vx Wx', { ...sse, ...helper, fn: 'RCPPS<K0, K1>' }),
  row('RCPSS', 'F3 0F 53 /r', 'Vx Wd', { ...sse, ...helper, fn: 'RCPSS<K0, K1>' }),

  row('CVTPS2PD', 'NP 0F 5A /r', 'Vx Wq', { fn: 'CVTPS2PD<B, WIDEN, K0, K1>' }),
  row('CVTPD2PS', '66 0F 5A /r', 'Vx Wx', { fn: 'CVTPD2PS<B, NARROW, K0, K1>' }),
  row('CVTSS2SD', 'F3 0F 5A /r', 'Vx Wd', { fn: 'CVTSS2SD<B, WIDEN, K0, K1>' }),
  row('CVTSD2SS', 'F2 0F 5A /r', 'Vx Wq', { fn: 'CVTSD2SS<B, NARROW, K0, K1>' }),
  row('CVTDQ2PS', 'NP 0F 5B /r', 'Vx Wx', { fn: 'CVTDQ2PS<B, FROM_INTEGER, K0, K1>' }),
  row('CVTPS2DQ', '66 0F 5B /r', 'Vx Wx', { fn: 'CONVERT_PS_TO_DQ<B, TO_INTEGER, K0, K1>' }),
  row('CVTTPS2DQ', 'F3 0F 5B /r', 'Vx Wx', { fn: 'CONVERT_PS_TO_DQ<B, TRUNCATE, K0, K1>' }),
  row('CVTDQ2PD', 'F3 0F E6 /r', 'Vx Wq', { fn: 'CVTDQ2PD<B, K0, K1>' }),
  row('CVTPD2DQ', 'F2 0F E6 /r', 'Vx Wx', { fn: 'CONVERT_PD_TO_DQ<B, TO_INTEGER, K0, K1>' }),
  row('CVTTPD2DQ', '66 0F E6 /r', 'Vx Wx', { fn: 'CONVERT_PD_TO_DQ<B, TRUNCATE, K0, K1>' }),
  row('CVTSI2SS', 'F3 0F 2A /r', 'Vx Ey', { ...sse, fn: 'CONVERT_FROM_GPR<B, W, u32, K0, K1>' }),
  row('CVTSI2SD', 'F2 0F 2A /r', 'Vx Ey', { fn: 'CONVERT_FROM_GPR<B, W, u64, K0, K1>' }),
  toGpr('CVTTSS2SI', 'F3 0F 2C', 'TRUNCATE_TO_GPR', 'u32', 'SSE'),
  toGpr('CVTTSD2SI', 'F2 0F 2C', 'TRUNCATE_TO_GPR', 'u64', 'SSE2'),
  toGpr('CVTSS2SI', 'F3 0F 2D', 'CONVERT_TO_GPR', 'u32', 'SSE'),
  toGpr('CVTSD2SI', 'F2 0F 2D', 'CONVERT_TO_GPR', 'u64', 'SSE2'),
  row('CVTPI2PS', 'NP 0F 2A /r', 'Vx Nq', { ...sse, ...helper, fn: 'CVTPI2PS<FROM_INTEGER, K0, K1>' }),
  row('CVTPI2PS', 'NP 0F 2A /r', 'Vx Mq', { ...sse, ...helper, fn: 'CVTPI2PS_M<FROM_INTEGER, K0, K1>' }),
  row('CVTPI2PD', '66 0F 2A /r', 'Vx Nq', { ...helper, fn: 'CVTPI2PD<FROM_INTEGER, K0, K1>' }),
  row('CVTPI2PD', '66 0F 2A /r', 'Vx Mq', { ...helper, fn: 'CVTPI2PD_M<FROM_INTEGER, K0, K1>' }),
  row('CVTTPS2PI', 'NP 0F 2C /r', 'Pq Wq', { ...sse, ...helper, fn: 'CONVERT_PS_TO_MMX<TRUNCATE, K0, K1>' }),
  row('CVTPS2PI', 'NP 0F 2D /r', 'Pq Wq', { ...sse, ...helper, fn: 'CONVERT_PS_TO_MMX<TO_INTEGER, K0, K1>' }),
  row('CVTTPD2PI', '66 0F 2C /r', 'Pq Wx', { ...helper, fn: 'CONVERT_PD_TO_MMX<TRUNCATE, K0, K1>' }),
  row('CVTPD2PI', '66 0F 2D /r', 'Pq Wx', { ...helper, fn: 'CONVERT_PD_TO_MMX<TO_INTEGER, K0, K1>' }),
]);

export const FLOAT_SSE3 = table('float', 'SSE3', 'sse', [
  row('ADDSUBPD', '66 0F D0 /r', 'Vx Wx', { fn: 'FLOAT_PACKED<B, FLOAT_ADDSUB, u64, K0, K1>' }),
  row('ADDSUBPS', 'F2 0F D0 /r', 'Vx Wx', { fn: 'FLOAT_PACKED<B, FLOAT_ADDSUB, u32, K0, K1>' }),
  row('HADDPD', '66 0F 7C /r', 'Vx Wx', { fn: 'FLOAT_PAIRS<B, FLOAT_ADD, u64, K0, K1>' }),
  row('HADDPS', 'F2 0F 7C /r', 'Vx Wx', { fn: 'FLOAT_PAIRS<B, FLOAT_ADD, u32, K0, K1>' }),
  row('HSUBPD', '66 0F 7D /r', 'Vx Wx', { fn: 'FLOAT_PAIRS<B, FLOAT_SUB, u64, K0, K1>' }),
  row('HSUBPS', 'F2 0F 7D /r', 'Vx Wx', { fn: 'FLOAT_PAIRS<B, FLOAT_SUB, u32, K0, K1>' }),
]);

export const FLOAT_SSE41 = table('float', 'SSE4_1', 'sse', [
  row('ROUNDPS', '66 0F 3A 08 /r ib', 'Vx Wx Ib', { fn: 'ROUND_PACKED<B, FLOAT_ROUND, u32, K0, K1>' }),
  row('ROUNDPD', '66 0F 3A 09 /r ib', 'Vx Wx Ib', { fn: 'ROUND_PACKED<B, FLOAT_ROUND, u64, K0, K1>' }),
  row('ROUNDSS', '66 0F 3A 0A /r ib', 'Vx Wd Ib', { fn: 'ROUND_SCALAR<B, FLOAT_ROUND, u32, K0, K1>' }),
  row('ROUNDSD', '66 0F 3A 0B /r ib', 'Vx Wq Ib', { fn: 'ROUND_SCALAR<B, FLOAT_ROUND, u64, K0, K1>' }),
  row('DPPS', '66 0F 3A 40 /r ib', 'Vx Wx Ib', { ...helper, fn: 'DOT_PRODUCT<u32, K0, K1>' }),
  row('DPPD', '66 0F 3A 41 /r ib', 'Vx Wx Ib', { ...helper, fn: 'DOT_PRODUCT<u64, K0, K1>' }),
]);
