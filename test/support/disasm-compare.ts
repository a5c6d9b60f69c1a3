/**
 * Holds three decoders against each other on random bytes: the disassembler, the core's decoder (both from our tables)
 * and iced-x86. What may differ from iced is listed in INTENDED, each with its reason.
 */
import {
  Code,
  CpuidFeature,
  Decoder,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  MemorySizeOptions,
  Mnemonic,
  type Instruction,
} from 'iced-x86';
import * as L from '../../assembly/layout.ts';
import type { CompiledRow } from '../../assembly/isa/compile.ts';
import type { Row } from '../../assembly/isa/form.ts';
import { TABLES } from '../../assembly/isa/tables.ts';
import { compile } from '../../scripts/isa/forms.ts';
import { decode, type CodeMode, type Decoded } from '../../src/core/disasm/decode.ts';
import { format } from '../../src/core/disasm/format.ts';
import type { CoreDriver } from './core-driver.ts';
import { Random } from './random.ts';

export const SEQUENCE_BYTES = 16;
const MODES = [16, 32, 64] as const;
const MODE_BITS = { 16: L.MODE_16, 32: L.MODE_32, 64: L.MODE_64 };

const compiled = compile(TABLES);
const compiledRows = new Map(compiled.rows.map((r) => [r.row, r]));
/** Random bytes, half of them shaped as an encoding of our tables behind random prefixes. */
export function randomSequence(random: Random, mode: CodeMode, out: Uint8Array): void {
  if (random.chance(0.5)) random.fill(out);
  else randomEncoding(random, mode, random.pick(compiled.rows), out);
}

/** Random bytes that are likely, not certain, to encode `row`. */
function randomEncoding(random: Random, mode: CodeMode, row: CompiledRow, out: Uint8Array): void {
  random.fill(out);
  let at = 0;
  const prefixes = random.pick([0, 0, 0, 1, 1, 2, 3]);
  for (let n = 0; n < prefixes; n++) {
    out[at++] = random.pick([0x66, 0x66, 0x67, 0xf2, 0xf2, 0xf3, 0xf3, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65]);
  }
  const { map } = row;
  const needed = PREFIX_BYTES.filter(([bit]) => row.prefixMask & bit);
  if (map < 4 && row.prefixMask !== ANY_PREFIX && random.chance(0.9)) {
    const [, byte] = random.pick(needed);
    if (byte !== undefined) out[at++] = byte;
  }
  if (map >= 4) {
    const three = map > 4 || random.chance(0.5);
    out[at++] = three ? 0xc4 : 0xc5;
    if (three) out[at] = (out[at]! & 0xe0) | (map - 3);
    if (mode !== 64) out[at]! |= 0xc0;
    at += three ? 2 : 1;
    // vvvv is often unused and must then be all ones.
    if (random.chance(0.5)) out[at - 1]! |= 0x78;
    shape(random, row, out, at);
    return;
  }
  const { osz } = row.row.options;
  if (osz === 16 && mode !== 16 && random.chance(0.7)) out[at++] = 0x66;
  if (mode === 64 && (osz === 64 || isW1(row)) && random.chance(0.7)) out[at++] = 0x48 | random.below(8);
  else if (mode === 64 && random.chance(0.4)) out[at++] = 0x40 | random.below(16);
  if (map > 0) out[at++] = 0x0f;
  if (map > 1) out[at++] = map === 2 ? 0x38 : 0x3a;
  shape(random, row, out, at);
}

const ANY_PREFIX = 15;
const isW1 = (row: CompiledRow) => ((row.words[0]! >> L.ROW_W_SHIFT) & 3) === 2;
const PREFIX_BYTES: [bit: number, byte: number | undefined][] = [
  [L.ROW_PREFIX_NP, undefined],
  [L.ROW_PREFIX_66, 0x66],
  [L.ROW_PREFIX_F3, 0xf3],
  [L.ROW_PREFIX_F2, 0xf2],
];

/** The opcode byte and what the row wants of ModRM. */
function shape(random: Random, row: CompiledRow, out: Uint8Array, at: number): void {
  out[at] = random.pick(row.opcodes);
  if (row.regField < 8) out[at + 1] = (out[at + 1]! & 0xc7) | (row.regField << 3);
  if (row.fixedModrm !== undefined) out[at + 1] = row.fixedModrm;
}

export interface Difference {
  mode: CodeMode;
  code: string;
  ours: string;
  theirs: string;
  what: 'only iced decodes' | 'only we decode' | 'length' | 'mnemonic' | 'operands' | 'core decodes otherwise';
  features: string;
}

/** CPUID features (iced's names) of which every encoding is in the tables. A new instruction set is one word here. */
const IMPLEMENTED = new Set(
  (
    'INTEL8086 INTEL8086_ONLY INTEL186 INTEL286 INTEL386 INTEL486 X64 CPUID MSR TSC RDPMC MULTIBYTENOP CMOV CX8 SEP SYSCALL PAUSE ' +
    'FPU FPU287 FPU387 MMX FXSR CLFSH SSE SSE2 SSE3 SSSE3 SSE4_1 SSE4_2 POPCNT CMPXCHG16B MOVBE AES PCLMULQDQ SHA ADX RDRAND RDSEED ' +
    'XSAVE XSAVEOPT FSGSBASE SMAP INVPCID RDTSCP CLFLUSHOPT CLWB PREFETCHW CET_IBT'
  ).split(' '),
);

/** Differences from iced that are meant: the reason, what differs, and our and iced's text (length first). */
export const INTENDED: [reason: string, what: Difference['what'], ours: RegExp, theirs: RegExp][] = [
  ['both orders of the operands are the same exchange', 'operands', /^\d+ xchg /, /^\d+ xchg /],
  [
    'a far pointer is selector:offset',
    'operands',
    /^\d+ (jmp|call) 0x\w+:0x/,
    /^\d+ (data16 |data32 )?(jmp|call) far 0x/,
  ],
  ['/6 of the shift group is an alias of /4, which we do not name', 'mnemonic', /^\d+ shl /, /^\d+ sal /],
  ['FWAIT by its x87 name', 'mnemonic', /^\d+ fwait$/, /^\d+ wait /],
  ['XLAT has no operand', 'mnemonic', /^\d+ xlat$/, /^\d+ xlatb /],
  [
    'DX, AL and an ES that is implied are left out',
    'operands',
    /^\d+ (rep|repe|repne)? ?(movs|stos|lods|ins|outs|cmps|scas)[bwdq] /,
    /./,
  ],
  ['ST(0) is left out where it is always the other operand', 'operands', /^\d+ f\w+/, /\bst\b/],
  ['MASKMOV shows the memory that it writes', 'operands', /^\d+ maskmov/, /./],
  ['the size of what LEA does not access, and its segment, mean nothing', 'operands', /^\d+ lea /, /./],
  ['IMUL with three operands even if two are the same', 'operands', /^\d+ imul /, /./],
  ['selectors are 16-bit registers', 'operands', /^\d+ (lar|lsl) /, /./],
  ['memory of INVLPG is shown as a byte', 'operands', /^\d+ invlpg /, /./],
  ['F3 90 with REX.B is XCHG on processors', 'mnemonic', /^\d+ xchg /, /^\d+ pause /],
  [
    'environments have no size word',
    'operands',
    /^\d+ (f(n?stenv|n?save|ldenv|rstor)|fx(save|rstor)|xsave|xsaveopt|xrstor)(64)? /,
    /./,
  ],
  ['ST(1) is left out where it is usual', 'operands', /\bst\(1\)/, /^\d+ f\w+ \[/],
  [
    'REX.W makes a register of 64 bits, of which the upper half is zero anyway',
    'operands',
    /^\d+ (crc32|pmovmskb|movmskp[sd]|p?extr\w+|pinsr[bw]) /,
    /./,
  ],
  ['INVPCID reads the whole register in 64-bit mode', 'operands', /^\d+ invpcid \w+,/, /invpcid r/],
  ['hints are NOPs with one operand', 'mnemonic', /^\d+ nop /, /^\d+ (reservednop|cldemote|prefetchit\d|rdssp[dq]) /],
  ['NOP is NOP at any operand size', 'operands', /^\d+ nop$/, /\bxchg (ax, ax|eax, eax|rax, rax)/],
  ['reserved forms of PREFETCH are PREFETCH (AMD64 Vol. 3)', 'mnemonic', /^\d+ prefetchw? /, /^\d+ prefetch(w|wt1)? /],
  [
    'PREFETCH with a register is #UD (AMD64 Vol. 3)',
    'only iced decodes',
    /bad/,
    /^\d+ nop .*\[Reservednop_rm.._r.._0F0D\]/,
  ],
  ['WBNOINVD is not announced: F3 is ignored', 'mnemonic', /^\d+ wbinvd/, /wbnoinvd/],
  ['MOV CR8 by LOCK is not announced', 'only iced decodes', /bad/, /^\d+ mov (cr8|\w+, cr8)/],
  [
    'aliases of FSTP, FXCH, FCOM and FCOMP have no names',
    'mnemonic',
    /^\d+ (fstp|fxch|fcom|fcomp) /,
    /^\d+ (fstpnce|fstp\d|fxch\d|fcom\d|fcomp\d) /,
  ],
  ['REX.W of PCMPESTRx is no part of its name', 'mnemonic', /^\d+ pcmpestr[im] /, /^\d+ pcmpestr[im]64 /],
];

const formatter = new Formatter(FormatterSyntax.Intel);
formatter.hexPrefix = '0x';
formatter.hexSuffix = '';
formatter.uppercaseHex = false;
formatter.smallHexNumbersInDecimal = false;
formatter.addLeadingZeroToHexNumbers = false;
formatter.spaceAfterOperandSeparator = true;
formatter.spaceBetweenMemoryAddOperators = true;
formatter.showBranchSize = false;
formatter.memorySizeOptions = MemorySizeOptions.Always;
formatter.ripRelativeAddresses = true;
formatter.branchLeadingZeros = false;
formatter.usePseudoOps = false;

function features(instruction: Instruction): string {
  return Array.from(instruction.cpuidFeatures(), (f) => CpuidFeature[f]!).join(' ');
}

/** The core's decoder on the same bytes: its op and length. Every unit is enabled. */
function coreDecodes(driver: CoreDriver, code: Uint8Array, mode: CodeMode): { op: number; length: number } {
  driver.bytes.fill(0, L.CODE_BYTES, L.CODE_BYTES + 32);
  driver.bytes.set(code, L.CODE_BYTES);
  driver.view.setUint32(L.MODE, MODE_BITS[mode] | L.MODE_FLAT | L.MODE_PROTECTED, true);
  const length = driver.core.decodeLength();
  return { op: driver.view.getUint16(L.EXCHANGE + L.R_OP, true), length };
}

function opOf(d: Decoded): number {
  const width = (d.row.words[1]! >> L.ROW_WIDTH_SHIFT) & 3;
  const size = MODES.indexOf(d.operandSize);
  const index = width === L.WIDTH_V ? size : width === L.WIDTH_Y ? (size === 2 ? 1 : 0) : 0;
  const memory = d.memory !== undefined && d.row.hasModrm ? 1 : 0;
  return compiled.formNumbers[compiledRows.get(d.row.row)!.words[2]! + index * 2 + memory]!;
}

/** Compares `count` sequences of a seed; calls `found` for each difference that is not intended. */
export class Comparison {
  compared = 0;
  valid = 0;
  readonly intended = new Map<string, number>();
  private readonly driver: CoreDriver | undefined;
  private readonly found: (d: Difference) => void;
  constructor(driver: CoreDriver | undefined, found: (d: Difference) => void) {
    this.driver = driver;
    this.found = found;
  }

  run(seed: number, count: number): void {
    const random = new Random(seed);
    for (const mode of MODES) {
      const bytes = new Uint8Array(count * SEQUENCE_BYTES);
      for (let n = 0; n < count; n++)
        randomSequence(random, mode, bytes.subarray(n * SEQUENCE_BYTES, (n + 1) * SEQUENCE_BYTES));
      const decoder = new Decoder(mode, bytes, DecoderOptions.AMD);
      for (let n = 0; n < count; n++) {
        decoder.position = n * SEQUENCE_BYTES;
        decoder.ip = 0n;
        const instruction = decoder.decode();
        this.one(bytes.subarray(n * SEQUENCE_BYTES, (n + 1) * SEQUENCE_BYTES), mode, instruction);
        instruction.free();
      }
      decoder.free();
    }
  }

  private one(code: Uint8Array, mode: CodeMode, theirs: Instruction): void {
    this.compared++;
    const d = decode(code, mode);
    const ours = d && format(d, BigInt(d.length));
    const report = (what: Difference['what'], oursText: string, theirsText: string) => {
      const text = Array.from(code, (b) => b.toString(16).padStart(2, '0')).join(' ');
      const difference: Difference = {
        mode,
        code: text,
        ours: oursText,
        theirs: theirsText,
        what,
        features: features(theirs),
      };
      const foreign =
        what === 'only iced decodes' &&
        Array.from(theirs.cpuidFeatures()).some((f) => !IMPLEMENTED.has(CpuidFeature[f]!));
      const reason = foreign
        ? `not implemented, so not announced: ${difference.features}`
        : INTENDED.find((i) => i[1] === what && i[2].test(oursText) && i[3].test(theirsText))?.[0];
      if (reason !== undefined) this.intended.set(reason, (this.intended.get(reason) ?? 0) + 1);
      else this.found(difference);
    };
    if (this.driver) {
      const core = coreDecodes(this.driver, code, mode);
      const expected = d ? { op: opOf(d), length: d.length } : { op: L.OP_RAISE, length: core.length };
      if (core.op !== expected.op || core.length !== expected.length) {
        report(
          'core decodes otherwise',
          `${expected.length} op ${expected.op} ${ours?.text ?? '(bad)'}`,
          `${core.length} op ${core.op}`,
        );
      }
    }
    const icedText = () => `${theirs.length} ${formatter.format(theirs)} [${Code[theirs.code]}]`;
    if (!d || !ours) {
      if (!theirs.isInvalid) report('only iced decodes', '(bad)', icedText());
      return;
    }
    this.valid++;
    const oursText = `${d.length} ${ours.text}`;
    if (theirs.isInvalid) return report('only we decode', oursText, '(bad)');
    if (theirs.length !== d.length) return report('length', oursText, icedText());
    const mnemonic = Mnemonic[theirs.mnemonic]!.toLowerCase();
    if (mnemonic !== ours.mnemonic)
      return report('mnemonic', oursText, `${theirs.length} ${mnemonic} [${Code[theirs.code]}]`);
    const operands = formatter.formatAllOperands(theirs);
    if (operands !== ours.operands.join(', ')) report('operands', oursText, icedText());
  }
}

/** Rows that no bytes reach: others are always tried before them. */
export function unreachableRows(seed: number): Row[] {
  const random = new Random(seed);
  const bytes = new Uint8Array(SEQUENCE_BYTES);
  const reached = (row: CompiledRow) => {
    for (let n = 0; n < TRIES; n++) {
      const mode = random.pick(MODES);
      randomEncoding(random, mode, row, bytes);
      if (decode(bytes, mode)?.row.row === row.row) return true;
    }
    return false;
  };
  return compiled.rows.filter((row) => !reached(row)).map((row) => row.row);
}
const TRIES = 2_000;
