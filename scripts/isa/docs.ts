/**
 * The text of docs/isa.md: every encoding of the instruction tables under the CPUID feature that announces it. Rows
 * that differ in operand size only are one line.
 */
import type { Row, Table } from '../../assembly/isa/form.ts';

const INTRODUCTION = `# Instructions

Every encoding that the CPU decodes, by the CPUID feature that announces it. Written by \`npm run docs:isa\` from the
tables in \`assembly/isa/*.table.ts\`; do not edit.

*Operands* are in the notation of the SDM, Volume 2, Appendix A: E and M general register or memory, G and R general
register, I immediate, J branch target, O offset, S segment, C control and D debug register, V and W vector, U vector
register, P and Q MMX, N MMX register, X and Y memory at rSI and rDI, Z register in the opcode; then the size: b w d q 8 to 64
bits, v by operand size, y 32 or 64 bits, z 16 or 32 bits, x a whole vector, p far pointer. *Undefined* flags are those
that the SDM leaves so: programs and tests do not rely on them, and processors differ.

*Tier* says how it is executed. **inline**: in the interpreter's main loop. **staged**: one call away; like inline ones, it is
written once for interpreter and translator. **helper**: an ordinary function that both call, for what is rare or complex.
`;

/** Sets of instructions that are always there come first under this name. */
const BASE_FEATURE = 'X86';

function tier({ helper, hot }: Row['options']): string {
  if (helper) return 'helper';
  return hot === true ? 'inline' : hot === 'register' ? 'inline with registers' : 'staged';
}

function notes({ lock, i64, o64, d64, alias, undef }: Row['options']): string {
  return [
    lock ? 'LOCK' : '',
    i64 ? 'not in 64-bit mode' : '',
    o64 ? '64-bit mode only' : '',
    d64 ? '64 bits by default' : '',
    alias ? 'alias' : '',
    undef ? `undefined: ${undef}` : '',
  ]
    .filter((note) => note !== '')
    .join('; ');
}

const line = (row: Row) =>
  `| ${row.options.asm ?? row.name} | \`${row.opcode}\` | ${row.operands} | ${tier(row.options)} | ${notes(row.options)} |`;

export function isaDocs(tables: Table[]): string {
  const features = new Map<string, Set<string>>([[BASE_FEATURE, new Set()]]);
  for (const table of tables) {
    for (const row of table.rows) {
      // FWAIT's mark for the decoder is no feature.
      const { feature = table.feature } = row.options.feature === 'WAIT' ? {} : row.options;
      const lines = features.get(feature) ?? new Set();
      features.set(feature, lines.add(line(row)));
    }
  }
  const sections = [...features].map(
    ([feature, lines]) =>
      `## ${feature}\n\n| instruction | opcode | operands | tier | notes |\n|---|---|---|---|---|\n${[...lines].join('\n')}\n`,
  );
  return [INTRODUCTION, ...sections].join('\n');
}
