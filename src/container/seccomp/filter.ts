/**
 * Compiles a seccomp policy to the program that the kernel runs at each system call: classic BPF over struct seccomp_data
 * (seccomp(2); Linux Documentation/networking/filter.rst). Calls are found by bisection, about ten comparisons each; and where
 * no argument matters, the kernel works the answer out once when the filter is loaded.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { failWith, ENOSYS, type Condition, type Decision, type SeccompPolicy } from './policy.ts';
import { LAST_SYSCALL, SYSCALLS, type SyscallArchitecture } from './syscalls.ts';

/** Instruction codes: include/uapi/linux/bpf_common.h. */
export const Code = {
  LOAD: 0x20, // BPF_LD | BPF_W | BPF_ABS
  JUMP: 0x05, // BPF_JMP | BPF_JA
  EQUAL: 0x15, // BPF_JMP | BPF_JEQ | BPF_K
  GREATER: 0x25, // BPF_JMP | BPF_JGT | BPF_K
  AT_LEAST: 0x35, // BPF_JMP | BPF_JGE | BPF_K
  AND: 0x54, // BPF_ALU | BPF_AND | BPF_K
  RETURN: 0x06, // BPF_RET | BPF_K
} as const;

/** struct seccomp_data: include/uapi/linux/seccomp.h. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const ARGUMENTS = 16;
const ARGUMENT_BYTES = 8;
const HIGH_HALF = 4; // little-endian
/** include/uapi/linux/audit.h: ELF machine, with flags for 64 bits and little-endian. */
const AUDIT_ARCH_X86_64 = 0xc000003e;
const AUDIT_ARCH_I386 = 0x40000003;
/** Set in the numbers of x32 calls, which come as x86-64's. */
const X32_SYSCALL_BIT = 0x40000000;

const INSTRUCTION_BYTES = 8;
/** BPF_MAXINSNS. */
const INSTRUCTIONS_MAX = 4096;
const SHORT_JUMP_MAX = 255;

interface Instruction {
  readonly code: number;
  readonly value: number;
  /** How many instructions to skip when the comparison holds, and when it does not. */
  readonly ifTrue: number;
  readonly ifFalse: number;
}
/** Instructions that end in RETURN on every way. */
type Block = readonly Instruction[];

/** The program's bytes, an array of struct sock_filter. Throws LIMIT when the policy is too much for the kernel. */
export function compileFilter(policy: SeccompPolicy): Uint8Array {
  const i386 = policy.i386 === undefined ? callsBlock('i386', policy) : returning(policy.i386);
  const x86_64 = [
    load(NUMBER),
    ...branch(Code.AT_LEAST, X32_SYSCALL_BIT, returning(failWith(ENOSYS)), callsBlock('x86_64', policy, false)),
  ];
  const program = [load(ARCHITECTURE), ...branch(Code.EQUAL, AUDIT_ARCH_X86_64, x86_64, checkedI386(i386))];
  if (program.length > INSTRUCTIONS_MAX)
    throw new VivariumError(
      ErrorCodes.LIMIT,
      `the seccomp profile makes ${program.length} instructions, and the kernel takes ${INSTRUCTIONS_MAX}; give it fewer rules with arguments`,
    );
  return encode(program);
}

/** There is no other architecture; if there were, it would have no calls. */
function checkedI386(block: Block): Block {
  return branch(Code.EQUAL, AUDIT_ARCH_I386, block, returning(failWith(ENOSYS)));
}

function callsBlock(architecture: SyscallArchitecture, policy: SeccompPolicy, loads = true): Block {
  const ranges = mergedRanges(architecture, policy).map(({ first, decision }) => ({
    first,
    block: decisionBlock(decision, architecture),
  }));
  return [...(loads ? [load(NUMBER)] : []), ...bisect(ranges)];
}

interface Range {
  readonly first: number;
  readonly decision: Decision;
}

/** Neighbours with the same decision are one. */
function mergedRanges(architecture: SyscallArchitecture, policy: SeccompPolicy): Range[] {
  const always = (action: number): Decision => ({ rules: [], otherwise: action });
  const decisions: Decision[] = Array.from({ length: LAST_SYSCALL + 1 }, () => always(policy.unknown));
  for (const [name, { [architecture]: number }] of SYSCALLS)
    if (number !== undefined) decisions[number] = policy.decide(name);
  decisions.push(always(policy.newer));
  const ranges: Range[] = [];
  for (const [first, decision] of decisions.entries()) {
    const last = ranges.at(-1)?.decision;
    if (last === undefined || !isSame(last, decision)) ranges.push({ first, decision });
  }
  return ranges;
}

function isSame(a: Decision, b: Decision): boolean {
  return a === b || (a.rules.length === 0 && b.rules.length === 0 && a.otherwise === b.otherwise);
}

function bisect(ranges: readonly { readonly first: number; readonly block: Block }[]): Block {
  if (ranges.length === 1) return ranges[0]!.block;
  const middle = ranges.length >> 1;
  const pivot = ranges[middle]!.first;
  return branch(Code.AT_LEAST, pivot, bisect(ranges.slice(middle)), bisect(ranges.slice(0, middle)));
}

function decisionBlock({ rules, otherwise }: Decision, architecture: SyscallArchitecture): Block {
  const bits = architecture === 'x86_64' ? 64 : 32;
  const tested = rules.flatMap(({ conditions, action }) => ruleInstructions(conditions, action, bits));
  return [...tested, ...returning(otherwise)];
}

/** Where a comparison leads: to the instruction after it, past this condition, or past this rule. */
type Way = 'next' | 'holds' | 'fails';
interface Step {
  readonly code: number;
  readonly value: number;
  readonly ways?: readonly [Way, Way];
}

/** Returns if all conditions hold, else goes on behind. */
function ruleInstructions(conditions: readonly Condition[], action: number, bits: 32 | 64): Instruction[] {
  const parts = conditions.map((condition) => conditionSteps(condition, bits));
  const total = parts.reduce((sum, steps) => sum + steps.length, 1);
  let at = 0;
  const instructions = parts.flatMap((steps) => {
    const end = at + steps.length;
    return steps.map(({ code, value, ways = ['next', 'next'] }): Instruction => {
      at++;
      const distance = { next: 0, holds: end - at, fails: total - at };
      return { code, value, ifTrue: distance[ways[0]], ifFalse: distance[ways[1]] };
    });
  });
  return [...instructions, ...returning(action)];
}

/** The last comparison of each kind, of the low halves when the high ones are equal. */
const LAST_STEP: Readonly<Record<Condition['comparison'], { code: number; ways: [Way, Way] }>> = {
  EQ: { code: Code.EQUAL, ways: ['holds', 'fails'] },
  MASKED_EQ: { code: Code.EQUAL, ways: ['holds', 'fails'] },
  NE: { code: Code.EQUAL, ways: ['fails', 'holds'] },
  GT: { code: Code.GREATER, ways: ['holds', 'fails'] },
  GE: { code: Code.AT_LEAST, ways: ['holds', 'fails'] },
  LT: { code: Code.AT_LEAST, ways: ['fails', 'holds'] },
  LE: { code: Code.GREATER, ways: ['fails', 'holds'] },
};
/** Whether the condition holds when the high halves are greater, and when they are less. */
const HIGH_WAYS: Readonly<Record<Condition['comparison'], [greater: Way, less: Way]>> = {
  EQ: ['fails', 'fails'],
  MASKED_EQ: ['fails', 'fails'],
  NE: ['holds', 'holds'],
  GT: ['holds', 'fails'],
  GE: ['holds', 'fails'],
  LT: ['fails', 'holds'],
  LE: ['fails', 'holds'],
};

function conditionSteps({ argument, comparison, value, masked }: Condition, bits: 32 | 64): Step[] {
  const isMasked = comparison === 'MASKED_EQ';
  const wanted = isMasked ? masked : value;
  const low = ARGUMENTS + argument * ARGUMENT_BYTES;
  const taken = (offset: number, mask: number): Step[] => [
    { code: Code.LOAD, value: offset },
    ...(isMasked ? [{ code: Code.AND, value: mask }] : []),
  ];
  const lowSteps = [...taken(low, lowHalf(value)), { ...LAST_STEP[comparison], value: lowHalf(wanted) }];
  if (bits === 32 || (isMasked && highHalf(value) === 0 && highHalf(masked) === 0)) return lowSteps;
  const [greater, less] = HIGH_WAYS[comparison];
  const high = highHalf(wanted);
  return [
    ...taken(low + HIGH_HALF, highHalf(value)),
    ...(greater === less ? [] : [{ code: Code.GREATER, value: high, ways: [greater, 'next'] as const }]),
    { code: Code.EQUAL, value: high, ways: ['next', less] },
    ...lowSteps,
  ];
}

function lowHalf(value: bigint): number {
  return Number(value & 0xffffffffn);
}

function highHalf(value: bigint): number {
  return Number((value >> 32n) & 0xffffffffn);
}

function load(offset: number): Instruction {
  return { code: Code.LOAD, value: offset, ifTrue: 0, ifFalse: 0 };
}

function returning(action: number): Block {
  return [{ code: Code.RETURN, value: action, ifTrue: 0, ifFalse: 0 }];
}

function branch(code: number, value: number, whenTrue: Block, whenFalse: Block): Block {
  const skip = whenFalse.length;
  const jump: Block =
    skip <= SHORT_JUMP_MAX
      ? [{ code, value, ifTrue: skip, ifFalse: 0 }]
      : [
          { code, value, ifTrue: 0, ifFalse: 1 },
          { code: Code.JUMP, value: skip, ifTrue: 0, ifFalse: 0 },
        ];
  return [...jump, ...whenFalse, ...whenTrue];
}

function encode(program: Block): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, value, ifTrue, ifFalse }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, value, true);
  }
  return bytes;
}
