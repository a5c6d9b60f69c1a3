/** Runs a seccomp filter as the kernel would (Linux Documentation/networking/filter.rst), to see what it says of a call. */
import { Code } from '../../src/container/seccomp/filter.ts';
import { SYSCALLS, type SyscallArchitecture } from '../../src/container/seccomp/syscalls.ts';

const AUDIT_ARCHITECTURES = { x86_64: 0xc000003e, i386: 0x40000003 };
const DATA_BYTES = 64;

export interface Call {
  readonly architecture?: SyscallArchitecture;
  /** Name of a call, or its number. */
  readonly call: string | number;
  readonly arguments?: readonly bigint[];
}

/** The filter's answer. Throws for what the kernel's verifier would refuse. */
export function runFilter(
  program: Uint8Array,
  { architecture = 'x86_64', call, arguments: values = [] }: Call,
): number {
  const number = typeof call === 'number' ? call : SYSCALLS.get(call)?.[architecture];
  if (number === undefined) throw new Error(`${architecture} has no ${call}`);
  const data = new DataView(new ArrayBuffer(DATA_BYTES));
  data.setUint32(0, number, true);
  data.setUint32(4, AUDIT_ARCHITECTURES[architecture], true);
  values.forEach((value, index) => data.setBigUint64(16 + index * 8, value, true));
  const code = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let accumulator = 0;
  for (let at = 0; ; at += 8) {
    if (at >= code.byteLength) throw new Error('the program has no end');
    const value = code.getUint32(at + 4, true);
    const skip = (holds: boolean): number => 8 * code.getUint8(at + (holds ? 2 : 3));
    switch (code.getUint16(at, true)) {
      case Code.LOAD:
        accumulator = data.getUint32(value, true);
        break;
      case Code.AND:
        accumulator = (accumulator & value) >>> 0;
        break;
      case Code.JUMP:
        at += 8 * value;
        break;
      case Code.EQUAL:
        at += skip(accumulator === value);
        break;
      case Code.GREATER:
        at += skip(accumulator > value);
        break;
      case Code.AT_LEAST:
        at += skip(accumulator >= value);
        break;
      case Code.RETURN:
        return value;
      default:
        throw new Error(`instruction ${code.getUint16(at, true).toString(16)} is not known`);
    }
  }
}
