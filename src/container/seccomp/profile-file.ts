/**
 * Seccomp profiles that users bring, in Docker's format (docs.docker.com/engine/security/seccomp; the runtime-spec's
 * config-linux.md "Seccomp" with `archMap`, `includes` and `excludes`). Rules mean what libseccomp makes of them: one without
 * arguments decides alone, names that the kernel does not have are passed over. Left out: notification (SCMP_ACT_NOTIFY), and the
 * calls behind i386's `socketcall` and `ipc`.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import {
  Action,
  ENOSYS,
  EPERM,
  failWith,
  type Comparison,
  type Condition,
  type Rule,
  type SeccompPolicy,
} from './policy.ts';

/** The guest's: `minKernel` is about it. */
const KERNEL = [6, 1] as const;
const NATIVE_NAMES = ['amd64', 'x86_64', 'SCMP_ARCH_X86_64'];
const NATIVE = 'SCMP_ARCH_X86_64';
const I386 = 'SCMP_ARCH_X86';
const ARGUMENT_COUNT = 6;
const ERRNO_MAX = 4095;

const ACTIONS: Readonly<Record<string, (errno: number) => number>> = {
  SCMP_ACT_ALLOW: () => Action.ALLOW,
  SCMP_ACT_ERRNO: failWith,
  SCMP_ACT_KILL: () => Action.KILL_THREAD,
  SCMP_ACT_KILL_THREAD: () => Action.KILL_THREAD,
  SCMP_ACT_KILL_PROCESS: () => Action.KILL_PROCESS,
  SCMP_ACT_LOG: () => Action.LOG,
  SCMP_ACT_TRAP: () => Action.TRAP,
  SCMP_ACT_TRACE: (errno) => Action.TRACE + errno,
};
const COMPARISONS: Readonly<Record<string, Comparison>> = {
  SCMP_CMP_EQ: 'EQ',
  SCMP_CMP_NE: 'NE',
  SCMP_CMP_GT: 'GT',
  SCMP_CMP_GE: 'GE',
  SCMP_CMP_LT: 'LT',
  SCMP_CMP_LE: 'LE',
  SCMP_CMP_MASKED_EQ: 'MASKED_EQ',
};

type Json = Readonly<Record<string, unknown>>;

function fail(why: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, `the seccomp profile ${why}; see Docker's format of seccomp profiles`);
}

/** Reads a profile for a container with these capabilities. Throws USAGE for what is none, or asks for what there is not. */
export function parseProfile(text: string, capabilities: readonly string[]): SeccompPolicy {
  let profile: unknown;
  try {
    profile = JSON.parse(text);
  } catch {
    throw fail('is not JSON');
  }
  if (!isObject(profile)) throw fail('is not a JSON object');
  checkFlags(profile);
  const otherwise = readAction(profile, 'defaultAction', 'defaultErrnoRet');
  const rules = new Map<string, Rule[]>();
  for (const entry of objects(profile, 'syscalls')) {
    const { names, rule } = readEntry(entry);
    if (!applies(entry, capabilities)) continue;
    for (const name of names) rules.set(name, [...(rules.get(name) ?? []), rule]);
  }
  return {
    decide: (name) => {
      const all = rules.get(name) ?? [];
      const unconditional = all.find(({ conditions }) => conditions.length === 0);
      return unconditional === undefined ? { rules: all, otherwise } : { rules: [], otherwise: unconditional.action };
    },
    unknown: otherwise,
    newer: isError(otherwise) ? failWith(ENOSYS) : otherwise,
    i386: architectures(profile).includes(I386) ? undefined : Action.KILL_THREAD,
  };
}

function isError(action: number): boolean {
  return action >= Action.ERRNO && action < Action.TRACE;
}

function checkFlags(profile: Json): void {
  const other = strings(profile, 'flags').find((flag) => flag !== 'SECCOMP_FILTER_FLAG_SPEC_ALLOW');
  if (other !== undefined) throw fail(`asks for ${JSON.stringify(other)}, which can't be had`);
  if (profile['listenerPath'] !== undefined) throw fail("names a listener, which can't be had");
}

function architectures(profile: Json): string[] {
  const plain = strings(profile, 'architectures');
  const map = objects(profile, 'archMap');
  if (plain.length > 0 && map.length > 0) throw fail('has both "architectures" and "archMap"; keep one');
  const native = map.find(({ architecture }) => architecture === NATIVE);
  const all = native === undefined ? plain : [NATIVE, ...strings(native, 'subArchitectures')];
  if (plain.length > 0 && !plain.includes(NATIVE)) throw fail(`is not for ${NATIVE}`);
  return all;
}

function readEntry(entry: Json): { names: string[]; rule: Rule } {
  const single = entry['name'];
  const list = strings(entry, 'names');
  if (single !== undefined && (typeof single !== 'string' || list.length > 0))
    throw fail('has a rule with both "name" and "names", or a name that is no text');
  const names = typeof single === 'string' ? [single] : list;
  if (names.length === 0) throw fail('has a rule without names');
  const action = readAction(entry, 'action', 'errnoRet');
  return { names, rule: { conditions: objects(entry, 'args').map(readCondition), action } };
}

function readCondition(argument: Json): Condition {
  const { index, op } = argument;
  if (!Number.isInteger(index) || (index as number) < 0 || (index as number) >= ARGUMENT_COUNT)
    throw fail(`has an argument with index ${JSON.stringify(index)}, which is not 0 to 5`);
  const comparison = typeof op === 'string' && Object.hasOwn(COMPARISONS, op) ? COMPARISONS[op] : undefined;
  if (comparison === undefined) throw fail(`compares by ${JSON.stringify(op)}, which is none of SCMP_CMP_…`);
  return {
    argument: index as number,
    comparison,
    value: readValue(argument, 'value'),
    masked: readValue(argument, 'valueTwo'),
  };
}

function readValue(argument: Json, key: string): bigint {
  const value = argument[key] ?? 0;
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw fail(`has ${key} ${JSON.stringify(value)}, which is no whole number up to 2^53`);
  return BigInt(value as number);
}

function readAction(object: Json, key: string, errnoKey: string): number {
  const name = object[key];
  const action = typeof name === 'string' && Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
  if (action === undefined) throw fail(`has ${key} ${JSON.stringify(name)}, which is none that there is`);
  const errno = object[errnoKey] ?? EPERM;
  if (!Number.isInteger(errno) || (errno as number) < 0 || (errno as number) > ERRNO_MAX)
    throw fail(`has ${errnoKey} ${JSON.stringify(errno)}, which is no error number`);
  return action(errno as number);
}

/** Whether a rule is for this machine and this container. */
function applies(entry: Json, capabilities: readonly string[]): boolean {
  const includes = object(entry, 'includes');
  const excludes = object(entry, 'excludes');
  const isNative = (names: readonly string[]): boolean => names.some((name) => NATIVE_NAMES.includes(name));
  const includedArches = strings(includes, 'arches');
  if (includedArches.length > 0 && !isNative(includedArches)) return false;
  if (isNative(strings(excludes, 'arches'))) return false;
  if (!strings(includes, 'caps').every((name) => capabilities.includes(name))) return false;
  if (strings(excludes, 'caps').some((name) => capabilities.includes(name))) return false;
  return hasKernel(includes) !== false && hasKernel(excludes) !== true;
}

/** Whether our kernel is at least `minKernel`; undefined when it is not asked for. */
function hasKernel(filter: Json): boolean | undefined {
  const { minKernel } = filter;
  if (minKernel === undefined || minKernel === '') return undefined;
  const match = typeof minKernel === 'string' ? /^(\d{1,4})\.(\d{1,4})$/.exec(minKernel) : null;
  if (match === null) throw fail(`has minKernel ${JSON.stringify(minKernel)}, which is no version like 4.8`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return KERNEL[0] > major || (KERNEL[0] === major && KERNEL[1] >= minor);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function object(parent: Json, key: string): Json {
  const value = parent[key] ?? {};
  if (!isObject(value)) throw fail(`has "${key}" that is no object`);
  return value;
}

function objects(parent: Json, key: string): Json[] {
  const value = parent[key] ?? [];
  if (!Array.isArray(value) || !value.every(isObject)) throw fail(`has "${key}" that is no list of objects`);
  return value;
}

function strings(parent: Json, key: string): string[] {
  const value = parent[key] ?? [];
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === 'string'))
    throw fail(`has "${key}" that is no list of texts`);
  return value;
}
