/** x87 floating point, escape opcodes D8 to DF, and FWAIT. SDM Vol. 2; Vol. 2D, A.5. */
import { row, table, type Row } from './form.ts';

const hex = (n: number) => n.toString(16).padStart(2, '0').toUpperCase();
const helper = { helper: true };
const alias = { helper: true, alias: true };
/** Written for a backend, without operands of its own. */
const staged = (name: string) => ({ fn: `${name}<B>` });
const stagedAlias = (name: string) => ({ fn: `${name}<B>`, alias: true });

/** The reg field chooses the operation; `ARITHMETIC…` reads it from the record. */
const ARITHMETIC = ['FADD', 'FMUL', 'FCOM', 'FCOMP', 'FSUB', 'FSUBR', 'FDIV', 'FDIVR'];
const isCompare = (digit: number) => digit === 2 || digit === 3;
/** With ST(i) as destination the two reversed forms change places. */
const SWAPPED = ['FADD', 'FMUL', 'FCOM', 'FCOMP', 'FSUBR', 'FSUB', 'FDIVR', 'FDIV'];

const arithmetic: Row[] = ARITHMETIC.flatMap((name, n) => [
  row(name, `D8 /${n}`, 'Md', { fn: 'ARITHMETIC_REAL<B, u32>' }),
  row(name, `DC /${n}`, 'Mq', { fn: 'ARITHMETIC_REAL<B, u64>' }),
  row(`FI${name.slice(1)}`, `DA /${n}`, 'Md', { fn: 'ARITHMETIC_INTEGER<B, u32>' }),
  row(`FI${name.slice(1)}`, `DE /${n}`, 'Mw', { fn: 'ARITHMETIC_INTEGER<B, u16>' }),
  ...(isCompare(n)
    ? [row(name, `D8 /${n}`, 'ST0 STi', staged(name)), row(name, `DC /${n}`, 'ST0 STi', stagedAlias(name))]
    : [
        row(name, `D8 /${n}`, 'ST0 STi', staged('ARITHMETIC_ST0')),
        row(SWAPPED[n]!, `DC /${n}`, 'STi ST0', staged('ARITHMETIC_STI')),
        row(`${SWAPPED[n]!}P`, `DE /${n}`, 'STi ST0', staged('ARITHMETIC_STI_POP')),
      ]),
]);

/** Whatever the rounding. */
const EXACT = new Set(['FLD1', 'FLDZ']);
const constants: Row[] = ['FLD1', 'FLDL2T', 'FLDL2E', 'FLDPI', 'FLDLG2', 'FLDLN2', 'FLDZ'].map((name, n) =>
  row(name, `D9 ${hex(0xe8 + n)}`, '', EXACT.has(name) ? staged(name) : { helper: true, fn: 'LOAD_CONSTANT' }),
);

const conditions: [string, string][] = [['B', 'B'], ['E', 'E'], ['BE', 'BE'], ['U', 'P'], ['NB', 'AE'], ['NE', 'NE'], ['NBE', 'A'], ['NU', 'NP']];
const moves: Row[] = conditions.map(([name, condition], n) =>
  row(`FCMOV${name}`, `${n < 4 ? 'DA' : 'DB'} /${n & 3}`, 'ST0 STi', { helper: true, fn: `FCMOV<CC_${condition}>`, feature: 'CMOV' }),
);

/** The environment's format follows the operand size; with REX.W it is the 32-bit one. */
const environment = (name: string, opcode: string): Row[] =>
  ([16, 32, 64] as const).map((osz) => row(name, opcode, 'M', { helper: true, osz, fn: `${name}<${osz === 16 ? 'u16' : 'u32'}>` }));

export const X87 = table('x87', 'FPU', 'x87', [
  row('FWAIT', '9B', '', { feature: 'WAIT', fn: 'FWAIT<B>' }),
  ...arithmetic,
  row('FCOMP', 'DE /2', 'ST0 STi', stagedAlias('FCOMP')),
  row('FCOMPP', 'DE D9', '', staged('FCOMPP')),

  row('FLD', 'D9 /0', 'Md', { fn: 'FLD_REAL<B, u32>' }),
  row('FLD', 'DD /0', 'Mq', { fn: 'FLD_REAL<B, u64>' }),
  row('FLD', 'DB /5', 'M', { fn: 'FLD_EXTENDED<B>', mem: 10 }),
  row('FLD', 'D9 /0', 'STi', staged('FLD')),
  row('FST', 'D9 /2', 'Md', { fn: 'FST_REAL<B, u32>' }),
  row('FST', 'DD /2', 'Mq', { fn: 'FST_REAL<B, u64>' }),
  row('FST', 'DD /2', 'STi', staged('FST')),
  row('FSTP', 'D9 /3', 'Md', { fn: 'FSTP_REAL<B, u32>' }),
  row('FSTP', 'DD /3', 'Mq', { fn: 'FSTP_REAL<B, u64>' }),
  row('FSTP', 'DB /7', 'M', { fn: 'FSTP_EXTENDED<B>', mem: 10 }),
  row('FSTP', 'DD /3', 'STi', staged('FSTP')),
  // Undocumented, but in every processor: no stack check.
  row('FSTPNCE', 'D9 /3', 'STi', alias),
  row('FSTP', 'DF /2', 'STi', stagedAlias('FSTP')),
  row('FSTP', 'DF /3', 'STi', stagedAlias('FSTP')),
  row('FILD', 'DF /0', 'Mw', { fn: 'FILD<B, u16>' }),
  row('FILD', 'DB /0', 'Md', { fn: 'FILD<B, u32>' }),
  row('FILD', 'DF /5', 'Mq', { fn: 'FILD<B, u64>' }),
  row('FIST', 'DF /2', 'Mw', { fn: 'FIST<B, u16>' }),
  row('FIST', 'DB /2', 'Md', { fn: 'FIST<B, u32>' }),
  row('FISTP', 'DF /3', 'Mw', { fn: 'FISTP<B, u16>' }),
  row('FISTP', 'DB /3', 'Md', { fn: 'FISTP<B, u32>' }),
  row('FISTP', 'DF /7', 'Mq', { fn: 'FISTP<B, u64>' }),
  row('FISTTP', 'DF /1', 'Mw', { fn: 'FISTTP<B, u16>', feature: 'SSE3' }),
  row('FISTTP', 'DB /1', 'Md', { fn: 'FISTTP<B, u32>', feature: 'SSE3' }),
  row('FISTTP', 'DD /1', 'Mq', { fn: 'FISTTP<B, u64>', feature: 'SSE3' }),
  row('FBLD', 'DF /4', 'M', { helper: true, mem: 10 }),
  row('FBSTP', 'DF /6', 'M', { helper: true, mem: 10 }),
  row('FXCH', 'D9 /1', 'STi', staged('FXCH')),
  row('FXCH', 'DD /1', 'STi', stagedAlias('FXCH')),
  row('FXCH', 'DF /1', 'STi', stagedAlias('FXCH')),
  ...moves,
  ...constants,

  row('FUCOM', 'DD /4', 'ST0 STi', staged('FUCOM')),
  row('FUCOMP', 'DD /5', 'ST0 STi', staged('FUCOMP')),
  row('FUCOMPP', 'DA E9', '', staged('FUCOMPP')),
  row('FCOMI', 'DB /6', 'ST0 STi', { fn: 'FCOMI<B>', feature: 'CMOV' }),
  row('FUCOMI', 'DB /5', 'ST0 STi', { fn: 'FUCOMI<B>', feature: 'CMOV' }),
  row('FCOMIP', 'DF /6', 'ST0 STi', { fn: 'FCOMIP<B>', feature: 'CMOV' }),
  row('FUCOMIP', 'DF /5', 'ST0 STi', { fn: 'FUCOMIP<B>', feature: 'CMOV' }),
  row('FTST', 'D9 E4', '', helper),
  row('FXAM', 'D9 E5', '', helper),

  row('FNOP', 'D9 D0', '', helper),
  row('FCHS', 'D9 E0', '', staged('FCHS')),
  row('FABS', 'D9 E1', '', staged('FABS')),
  row('F2XM1', 'D9 F0', '', helper),
  row('FYL2X', 'D9 F1', '', helper),
  row('FPTAN', 'D9 F2', '', helper),
  row('FPATAN', 'D9 F3', '', helper),
  row('FXTRACT', 'D9 F4', '', helper),
  row('FPREM1', 'D9 F5', '', helper),
  row('FDECSTP', 'D9 F6', '', helper),
  row('FINCSTP', 'D9 F7', '', helper),
  row('FPREM', 'D9 F8', '', helper),
  row('FYL2XP1', 'D9 F9', '', helper),
  row('FSQRT', 'D9 FA', '', staged('FSQRT')),
  row('FSINCOS', 'D9 FB', '', helper),
  row('FRNDINT', 'D9 FC', '', helper),
  row('FSCALE', 'D9 FD', '', helper),
  row('FSIN', 'D9 FE', '', helper),
  row('FCOS', 'D9 FF', '', helper),
  row('FFREE', 'DD /0', 'STi', helper),
  // Undocumented, but in every processor.
  row('FFREEP', 'DF /0', 'STi', helper),

  row('FLDCW', 'D9 /5', 'Mw', { fn: 'FLDCW<B>' }),
  row('FNSTCW', 'D9 /7', 'Mw', { fn: 'FNSTCW<B>' }),
  row('FNSTSW', 'DD /7', 'Mw', { fn: 'FNSTSW<B, M>' }),
  row('FNSTSW', 'DF E0', 'AX', { fn: 'FNSTSW<B, R0>' }),
  row('FNCLEX', 'DB E2', '', helper),
  row('FNINIT', 'DB E3', '', helper),
  // What the 8087 and 80287 had to enable, disable and set does nothing since the 80387.
  row('FNENI', 'DB E0', '', { helper: true, fn: 'FNOP_CONTROL', alias: true }),
  row('FNDISI', 'DB E1', '', { helper: true, fn: 'FNOP_CONTROL', alias: true }),
  row('FNSETPM', 'DB E4', '', { helper: true, fn: 'FNOP_CONTROL', alias: true }),
  ...environment('FLDENV', 'D9 /4'),
  ...environment('FNSTENV', 'D9 /6'),
  ...environment('FRSTOR', 'DD /4'),
  ...environment('FNSAVE', 'DD /6'),
]);
