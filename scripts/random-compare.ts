/**
 * Runs random user-mode programs on the host's CPU and on the core, and compares the states after them:
 * npm run random:compare -- [--seed N] [--programs N] [--length N] [--groups a,b] [--mode 32|64] [--undefined] [--show N] [--core FILE]
 * Needs an x86-64 Linux host with gcc. A failing program is cut to its first instruction that differs. --undefined compares
 * the flags that the SDM leaves undefined too.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { disassemble } from '../src/core/disassembler.ts';
import { CoreDriver } from '../test/support/core-driver.ts';
import { buildNative, runNative, type NativeResult, type UserState } from '../test/support/native.ts';
import { randomProgram, truncated, type Program } from '../test/support/random-program.ts';
import { Random } from '../test/support/random.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    programs: { type: 'string', default: '10000' },
    length: { type: 'string', default: '12' },
    groups: { type: 'string' },
    mode: { type: 'string' },
    undefined: { type: 'boolean', default: false },
    show: { type: 'string', default: '3' },
    core: { type: 'string', default: 'build/core.wasm' },
  },
});
const BATCH = 200;
const SIGSYS = 31;
const SIGALRM = 14;
const PAGE_FAULT = 14;
const FLAGS = 0xcd5; // OF DF SF ZF AF PF CF
const FLAG_BITS: Record<string, number> = { CF: 1, PF: 4, AF: 16, ZF: 64, SF: 128, OF: 2048 };
const KERNEL_BOUNDARY = 0x7ffffffff000n;

// Compiled to build/isa/scripts.
const project = fileURLToPath(new URL('../../..', import.meta.url));
const program = `${project}build/native-run`;
if (process.arch !== 'x64' || process.platform !== 'linux')
  throw new Error('random-compare needs an x86-64 Linux host');
buildNative(`${project}test/native/run.c`, program);
if (!existsSync(values.core)) throw new Error(`${values.core} is not there: run npm run build:core`);
const driver = new CoreDriver(new WebAssembly.Module(readFileSync(values.core)));

const hex = (value: bigint | number) => `0x${value.toString(16)}`;
const bytesText = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const NAMES = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rsp',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

/** Runs a state on the core; what differs from the native result. */
function differences(state: UserState, native: NativeResult, flags = FLAGS): string[] {
  driver.loadUser(state);
  const outcome = driver.runToFault();
  const core = driver.userState(state.mode);
  const wrong: string[] = [];
  const check = (name: string, got: bigint | number, want: bigint | number) => {
    if (got !== want) wrong.push(`${name} is ${hex(got)}, native ${hex(want)}`);
  };
  check('vector', outcome.exception ?? -1, native.vector);
  if (outcome.exception === native.vector) {
    const hidden = native.vector === PAGE_FAULT && native.cr2 >= KERNEL_BOUNDARY ? 1 : 0;
    check('error', outcome.errorCode | hidden, native.error);
    if (native.vector === PAGE_FAULT) check('cr2', driver.cr2(), native.cr2);
  }
  check('rip', core.rip, native.rip);
  check('eflags', core.eflags & flags, native.eflags & flags);
  core.gpr.forEach((value, n) => (state.mode === 0 || n < 8) && check(NAMES[n]!, value, native.gpr[n]!));
  check('mxcsr', core.mxcsr, native.mxcsr);
  check('fcw', core.fcw, native.fcw);
  check('fsw', core.fsw, native.fsw);
  check('ftw', core.ftw, native.ftw);
  const compare = (name: string, got: Uint8Array, want: Uint8Array) => {
    if (Buffer.compare(got, want) !== 0) wrong.push(`${name} is ${bytesText(got)}, native ${bytesText(want)}`);
  };
  for (let n = 0; n < 8; n++)
    compare(`st${n}`, core.st.subarray(n * 16, n * 16 + 10), native.st.subarray(n * 16, n * 16 + 10));
  for (let n = 0; n < 16; n++)
    compare(`ymm${n}`, core.ymm.subarray(n * 32, n * 32 + 32), native.ymm.subarray(n * 32, n * 32 + 32));
  if (Buffer.compare(core.image, native.image) !== 0) {
    const at = core.image.findIndex((b, n) => b !== native.image[n]);
    wrong.push(
      `image at ${hex(at)} is ${bytesText(core.image.subarray(at, at + 16))}, native ${bytesText(native.image.subarray(at, at + 16))}`,
    );
  }
  return wrong;
}

const comparable = (native: NativeResult) => native.signal !== SIGSYS && native.signal !== SIGALRM;

/** EFLAGS bits that mean something after an instruction of the program. */
function definedAfter(p: Program, index: number): number {
  const undef = p.rows[index]?.options.undef;
  if (undef === undefined || values.undefined) return FLAGS;
  return undef.split(' ').reduce((mask, name) => mask & ~FLAG_BITS[name]!, FLAGS);
}

/** The first instruction whose execution makes a difference, and what differs after it. */
function locate(p: Program): { index: number; wrong: string[] } | undefined {
  const states = p.instructions.map((_, n) => truncated(p, n));
  const natives = runNative(program, states);
  for (const [n, native] of natives.entries()) {
    const wrong = comparable(native) ? differences(states[n]!, native, definedAfter(p, n - 1)) : [];
    if (wrong.length > 0) return { index: n - 1, wrong };
  }
  return undefined;
}

interface Failure {
  seed: number;
  text: string;
  wrong: string[];
}
const failures = new Map<string, Failure[]>();
let programs = 0;
let failed = 0;
let skipped = 0;
let instructions = 0;
const ends = new Map<number, number>();

function explain(p: Program, seed: number, all: string[]): void {
  const found = locate(p);
  const index = found?.index ?? p.instructions.length - 1;
  const bytes = p.instructions[Math.max(index, 0)]!;
  const { text, mnemonic } = disassemble(bytes, { mode: p.mode });
  const key =
    found === undefined
      ? 'only as a whole'
      : `${p.mode}-bit ${mnemonic} (${p.rows[index]?.opcode ?? ''}): ${found.wrong[0]!.split(' ')[0]!}`;
  const list = failures.get(key) ?? [];
  list.push({ seed, text: `[${bytesText(bytes)}] ${text}`, wrong: found?.wrong ?? all });
  failures.set(key, list);
}

const groups = values.groups?.split(',');
for (let done = 0; done < Number(values.programs); done += BATCH) {
  const batch = Array.from({ length: Math.min(BATCH, Number(values.programs) - done) }, (_, n) => {
    const seed = Number(values.seed) + done + n;
    const random = new Random(seed);
    const mode = values.mode === undefined ? random.pick([32, 64] as const) : (Number(values.mode) as 32 | 64);
    return {
      seed,
      p: randomProgram(random, mode, { length: Number(values.length), groups, defineFlags: !values.undefined }),
    };
  });
  const natives = runNative(
    program,
    batch.map(({ p }) => p.state),
  );
  for (const [n, { seed, p }] of batch.entries()) {
    programs++;
    const native = natives[n]!;
    if (!comparable(native)) {
      skipped++;
      continue;
    }
    ends.set(native.vector, (ends.get(native.vector) ?? 0) + 1);
    instructions += p.instructions.length;
    const wrong = differences(p.state, native);
    if (wrong.length === 0) continue;
    failed++;
    explain(p, seed, wrong);
  }
}

for (const [key, list] of [...failures].sort((a, b) => b[1].length - a[1].length)) {
  process.stdout.write(`${String(list.length).padStart(6)} ${key}\n`);
  for (const f of list.slice(0, Number(values.show))) {
    process.stdout.write(`       seed ${f.seed} ${f.text}\n`);
    for (const w of f.wrong.slice(0, 4)) process.stdout.write(`         ${w}\n`);
  }
}
process.stdout.write(`ended by vector: ${[...ends].map(([v, n]) => `${v}: ${n}`).join(', ')}\n`);
process.stdout.write(
  `${programs} programs of up to ${instructions} instructions: ${failed} differ, ${skipped} not comparable\n`,
);
process.exit(failed === 0 ? 0 : 1);
