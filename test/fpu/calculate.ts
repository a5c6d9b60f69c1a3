/**
 * One operation of the soft-float library by name, with operands and results as text, so that a
 * test reads like a line of a manual.
 */
import { type FpuExports, evaluateRecords } from './compile.mjs';
import { formatRecord, parseRecord, RECORD_BYTES } from './records.mjs';

/** Masks all, extended precision, to nearest: what FNINIT leaves. */
export const FCW_DEFAULT = 0x37f;
/** Masks all, to nearest: what reset leaves. */
export const MXCSR_DEFAULT = 0x1f80;

export interface Outcome {
  /** sign-and-exponent:significand in hexadecimal; 0:bits for what is not an 80-bit number. */
  result: string;
  /** Second result of FXTRACT, FSINCOS and FPTAN. */
  second: string;
  /** FSW condition codes and exception flags, or the MXCSR flags. */
  status: number;
}

/** Evaluates `name` on a and b (hexadecimal, `hi:lo`) under a control word. */
export function calculate(fpu: FpuExports, name: string, control: number, a: string, b = '0:0', imm = 0): Outcome {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES));
  const line = [name, imm.toString(16), control.toString(16), a, b, '0:0', '0:0', '0', '0'];
  parseRecord(line.join(' '), view, 0);
  const out = evaluateRecords(fpu, new Uint8Array(view.buffer));
  const fields = formatRecord(new DataView(out.buffer), 0).split(' ');
  return {
    result: fields[5] ?? '',
    second: fields[6] ?? '',
    status: Number.parseInt(fields[7] ?? '', 16),
  };
}
