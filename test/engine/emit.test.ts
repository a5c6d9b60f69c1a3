/**
 * The ten instructions that the staged form was proven on (docs/adr/0001-staged-semantics.md): the interpreter and translated code
 * leave the same state, and what faults leaves nothing half done.
 */
import { decode } from '@webassemblyjs/wasm-parser';
import { describe, expect, it } from 'vitest';
import { EFER, MSR_FMASK, MSR_LSTAR, MSR_STAR } from '../../assembly/layout.ts';
import { IMPORTS } from '../../src/core/translator.ts';
import {
  CODE,
  DATA,
  dataAt,
  translateAndRun,
  interpret,
  READ_ONLY,
  STACK,
  STACK_END,
  stackAt,
  UNMAPPED,
  type Setup,
  type State,
} from '../support/tiers.ts';

const DE = 0;
const UD = 6;
const GP = 13;
const PF = 14;
const XM = 19;
// Page-fault error codes: SDM Vol. 3A, 4.7.
const USER_READ = 4;
const USER_WRITE = 6;
const USER_WRITE_PROTECTED = 7;
const ZF = 0x40;
const MXCSR_SETTLED = 0x1fa0; // all masked, the precision flag set: what the fast path wants
const MXCSR_INVALID_UNMASKED = 0x1f00;
const MXCSR_IE = 1;
const EFER_LONG = 0xd00n; // NXE LMA LME, without SCE
const EFER_SYSCALL = 0xd01n;
const ENTRY = 0xffffffff81000000n;

const qword = (value: bigint): number[] => [...new Uint8Array(BigUint64Array.of(value).buffer)];
const double = (value: number): number[] => [...new Uint8Array(Float64Array.of(value).buffer)];
const hex = (bytes: number[]): string => Buffer.from(bytes).toString('hex');
const ONE_F80 = [0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f];
const THREE_F80 = '00000000000000c00040';
const DESCENDING = Array.from({ length: 16 }, (_, n) => 15 - n);
const LETTERS = Array.from({ length: 16 }, (_, n) => 0x41 + n);

const PUSH = [0xff, 0x33]; // push qword [rbx]
const SHL = [0xd3, 0x23]; // shl dword [rbx], cl
const DIV = [0x48, 0xf7, 0x33]; // div qword [rbx]
const CMPXCHG = [0xf0, 0x48, 0x0f, 0xb1, 0x0b]; // lock cmpxchg [rbx], rcx
const REP_MOVSB = [0xf3, 0xa4];
const PSHUFB = [0x66, 0x0f, 0x38, 0x00, 0x03]; // pshufb xmm0, [rbx]
const ADDSD = [0xf2, 0x0f, 0x58, 0x03]; // addsd xmm0, [rbx]
const FADD = [0xdc, 0x03]; // fadd qword [rbx]
const CALL = [0xff, 0x13]; // call [rbx]
const SYSCALL = [0x0f, 0x05];

interface Effect {
  readonly name: string;
  readonly setup: Setup;
  /** What of the new state is looked at, and what it must be. */
  readonly look: (state: State) => unknown;
  readonly expected: unknown;
}

const EFFECTS: Effect[] = [
  {
    name: 'PUSH [mem] stores the operand below the stack pointer',
    setup: { code: PUSH, registers: { rbx: DATA }, memory: [[DATA, qword(0x1122334455667788n)]] },
    look: (s) => [s.rsp, stackAt(s, STACK - 8n, 8), s.rip],
    expected: [STACK - 8n, hex(qword(0x1122334455667788n)), CODE + 2n],
  },
  {
    name: 'SHL r/m, CL shifts memory and carries the last bit out',
    setup: { code: SHL, registers: { rbx: DATA, rcx: 4n }, memory: [[DATA, qword(0x98000001n)]] },
    look: (s) => [dataAt(s, DATA, 4), s.eflags & 1],
    expected: ['10000080', 1],
  },
  {
    name: 'SHL by 0 leaves the flags',
    setup: { code: SHL, registers: { rbx: DATA, rcx: 32n }, memory: [[DATA, qword(5n)]], eflags: 0xad7 },
    look: (s) => [dataAt(s, DATA, 4), s.eflags],
    expected: ['05000000', 0xad7],
  },
  {
    name: 'DIV divides 128 bits',
    setup: { code: DIV, registers: { rbx: DATA, rdx: 1n, rax: 1n }, memory: [[DATA, qword(2n)]] },
    look: (s) => [s.rax, s.rdx],
    expected: [1n << 63n, 1n],
  },
  {
    name: 'LOCK CMPXCHG stores the source when the accumulator is equal',
    setup: { code: CMPXCHG, registers: { rbx: DATA, rax: 5n, rcx: 9n }, memory: [[DATA, qword(5n)]] },
    look: (s) => [dataAt(s, DATA, 8), s.rax, s.eflags & ZF],
    expected: [hex(qword(9n)), 5n, ZF],
  },
  {
    name: 'LOCK CMPXCHG loads the accumulator when it is not',
    setup: { code: CMPXCHG, registers: { rbx: DATA, rax: 6n, rcx: 9n }, memory: [[DATA, qword(5n)]] },
    look: (s) => [dataAt(s, DATA, 8), s.rax, s.eflags & ZF],
    expected: [hex(qword(5n)), 5n, 0],
  },
  {
    name: 'REP MOVSB copies to its end',
    setup: {
      code: REP_MOVSB,
      registers: { rsi: DATA, rdi: DATA + 0x100n, rcx: 5n },
      memory: [[DATA, LETTERS]],
    },
    look: (s) => [dataAt(s, DATA + 0x100n, 6), s.rsi, s.rdi, s.rcx, s.rip],
    expected: ['414243444500', DATA + 5n, DATA + 0x105n, 0n, CODE + 2n],
  },
  {
    name: 'PSHUFB chooses bytes, and zero where bit 7 is set',
    setup: {
      code: PSHUFB,
      registers: { rbx: DATA },
      xmm0: LETTERS,
      memory: [[DATA, [0x80, ...DESCENDING.slice(1)]]],
    },
    look: (s) => s.vectors.slice(0, 32),
    expected: hex([0, ...[...LETTERS].reverse().slice(1)]),
  },
  {
    name: 'ADDSD adds the low double and keeps the high one',
    setup: {
      code: ADDSD,
      registers: { rbx: DATA },
      xmm0: [...double(1.5), ...qword(7n)],
      mxcsr: MXCSR_SETTLED,
      memory: [[DATA, double(2.25)]],
    },
    look: (s) => [s.vectors.slice(0, 32), s.mxcsr],
    expected: [hex([...double(3.75), ...qword(7n)]), MXCSR_SETTLED],
  },
  {
    name: 'FADD m64 adds in 80 bits',
    setup: { code: FADD, registers: { rbx: DATA }, st0: ONE_F80, memory: [[DATA, double(2)]] },
    look: (s) => s.x87.includes(THREE_F80),
    expected: true,
  },
  {
    name: 'CALL r/m pushes the return address and goes to the target',
    setup: { code: CALL, registers: { rbx: DATA }, memory: [[DATA, qword(CODE + 0x80n)]] },
    look: (s) => [s.rip, s.rsp, stackAt(s, STACK - 8n, 8)],
    expected: [CODE + 0x80n, STACK - 8n, hex(qword(CODE + 2n))],
  },
  {
    name: 'SYSCALL enters ring 0 at LSTAR with RCX and R11 saved and RFLAGS masked',
    setup: {
      code: SYSCALL,
      eflags: 0x203,
      system: [
        [EFER, EFER_SYSCALL],
        [MSR_STAR, 0x10n << 32n],
        [MSR_LSTAR, ENTRY],
        [MSR_FMASK, 1n],
      ],
    },
    look: (s) => [s.rip, s.cpl, s.rcx, s.r11, s.eflags],
    expected: [ENTRY, 0, CODE + 2n, 0x203n, 0x202],
  },
];

interface Fault {
  readonly name: string;
  readonly setup: Setup;
  readonly exception: number;
  readonly errorCode: number;
  readonly cr2: bigint;
}

const pageFault = (errorCode: number, cr2: bigint) => ({ exception: PF, errorCode, cr2 });
const other = (exception: number) => ({ exception, errorCode: 0, cr2: 0n });

/** Translated code stops before these have done anything. */
const FAULTS: Fault[] = [
  {
    name: 'PUSH [mem] of an unmapped operand',
    setup: { code: PUSH, registers: { rbx: UNMAPPED } },
    ...pageFault(USER_READ, UNMAPPED),
  },
  {
    name: 'PUSH [mem] below the end of the stack',
    setup: { code: PUSH, registers: { rbx: DATA, rsp: STACK_END } },
    ...pageFault(USER_WRITE, STACK_END - 8n),
  },
  {
    name: 'SHL of read-only memory',
    setup: { code: SHL, registers: { rbx: READ_ONLY, rcx: 4n } },
    ...pageFault(USER_WRITE_PROTECTED, READ_ONLY),
  },
  {
    name: 'DIV by unmapped memory',
    setup: { code: DIV, registers: { rbx: UNMAPPED } },
    ...pageFault(USER_READ, UNMAPPED),
  },
  {
    name: 'DIV with a quotient of 65 bits',
    setup: { code: DIV, registers: { rbx: DATA, rdx: 1n, rax: 0n }, memory: [[DATA, qword(1n)]] },
    ...other(DE),
  },
  {
    name: 'LOCK CMPXCHG of read-only memory, although nothing would change',
    setup: { code: CMPXCHG, registers: { rbx: READ_ONLY, rax: 1n } },
    ...pageFault(USER_WRITE_PROTECTED, READ_ONLY),
  },
  {
    name: 'PSHUFB with an unmapped operand',
    setup: { code: PSHUFB, registers: { rbx: UNMAPPED } },
    ...pageFault(USER_READ, UNMAPPED),
  },
  { name: 'PSHUFB with a misaligned operand', setup: { code: PSHUFB, registers: { rbx: DATA + 8n } }, ...other(GP) },
  {
    name: 'ADDSD with an unmapped operand',
    setup: { code: ADDSD, registers: { rbx: UNMAPPED }, mxcsr: MXCSR_SETTLED },
    ...pageFault(USER_READ, UNMAPPED),
  },
  {
    name: 'FADD m64 with an unmapped operand',
    setup: { code: FADD, registers: { rbx: UNMAPPED }, st0: ONE_F80 },
    ...pageFault(USER_READ, UNMAPPED),
  },
  {
    name: 'CALL r/m below the end of the stack',
    setup: { code: CALL, registers: { rbx: DATA, rsp: STACK_END }, memory: [[DATA, qword(CODE)]] },
    ...pageFault(USER_WRITE, STACK_END - 8n),
  },
  {
    name: 'CALL r/m to an address that is not canonical',
    setup: { code: CALL, registers: { rbx: DATA }, memory: [[DATA, qword(1n << 63n)]] },
    ...other(GP),
  },
];

describe('both tiers do the same', () => {
  it.each(EFFECTS)('$name', ({ setup, look, expected }) => {
    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(look(interpreted.after)).toEqual(expected);
    expect(translated.after).toEqual(interpreted.after);
    expect([interpreted.outcome.exception, translated.outcome.exception, translated.done]).toEqual([
      undefined,
      undefined,
      'translated',
    ]);
  });
});

describe('an instruction that faults leaves everything as it was', () => {
  it.each(FAULTS)('$name', ({ setup, exception, errorCode, cr2 }) => {
    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted).toEqual({
      before: interpreted.before,
      after: interpreted.before,
      outcome: { exception, errorCode },
      cr2,
    });
    expect(translated.done).toBe('left');
    expect(translated).toMatchObject(interpreted);
  });

  it('ADDSD with an unmasked invalid operation changes no register, but its flag tells', () => {
    const signalling = qword(0x7ff0000000000001n);
    const setup = {
      code: ADDSD,
      registers: { rbx: DATA },
      mxcsr: MXCSR_INVALID_UNMASKED,
      memory: [[DATA, signalling] as const],
    };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted.outcome.exception).toBe(XM);
    expect(interpreted.after).toEqual({ ...interpreted.before, mxcsr: MXCSR_INVALID_UNMASKED | MXCSR_IE });
    expect(translated.done).toBe('left');
    expect(translated).toMatchObject(interpreted);
  });

  it('SYSCALL without EFER.SCE, in the function that both tiers call', () => {
    const setup: Setup = { code: SYSCALL, system: [[EFER, EFER_LONG]] };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect([interpreted.outcome.exception, interpreted.after]).toEqual([UD, interpreted.before]);
    expect(translated.done).toBe('translated');
    expect(translated).toMatchObject(interpreted);
  });

  it('REP MOVSB stops at the iteration that faults, with the ones before it done', () => {
    const setup: Setup = {
      code: REP_MOVSB,
      registers: { rsi: DATA, rdi: READ_ONLY - 2n, rcx: 5n },
      memory: [[DATA, LETTERS]],
    };

    const interpreted = interpret(setup);
    const translated = translateAndRun(setup);

    expect(interpreted.outcome).toEqual({ exception: PF, errorCode: USER_WRITE_PROTECTED });
    expect(interpreted.after).toMatchObject({ rsi: DATA + 2n, rdi: READ_ONLY, rcx: 3n, rip: CODE });
    expect([dataAt(interpreted.after, READ_ONLY - 2n, 4), interpreted.cr2]).toEqual(['41420000', READ_ONLY]);
    expect({ after: translated.after, outcome: translated.outcome, cr2: translated.cr2 }).toEqual({
      after: interpreted.after,
      outcome: interpreted.outcome,
      cr2: interpreted.cr2,
    });
  });
});

describe('a module of translated code', () => {
  it.each(EFFECTS)('is valid WebAssembly: $name', ({ setup }) => {
    expect(WebAssembly.validate(translateAndRun(setup).module)).toBe(true);
  });

  it('has one function, exported by its number, over the memory and functions of the core alone', () => {
    const { module } = translateAndRun(EFFECTS[0]!.setup);

    const { fields } = decode(module.buffer, { ignoreCodeSection: true }).body[0]!;

    const named = (type: string) =>
      fields.filter((field) => field.type === type).map(({ module: from, name }) => [from, name]);
    expect(named('ModuleImport')).toEqual([['core', 'memory'], ...IMPORTS.map(([name]) => ['core', name])]);
    expect(named('ModuleExport')).toEqual([[undefined, '0']]);
    expect(named('Func')).toHaveLength(1);
    expect(new Set(fields.map(({ type }) => type))).toEqual(
      new Set(['TypeInstruction', 'ModuleImport', 'Func', 'ModuleExport']),
    );
  });
});
