/**
 * Random instructions of groups of the instruction tables. Branches are not made here: test/support/fuzz/program.ts places them.
 */
import * as L from '../../../assembly/layout.ts';
import { compileRows, type CompiledRow } from '../../../assembly/isa/compile.ts';
import { TABLES } from '../../../assembly/isa/tables.ts';
import type { CodeMode } from '../../../src/core/disasm/decode.ts';
import { existsIn } from '../encode-row.ts';
import { randomEncoding, type OperandStyle } from '../random-encoding.ts';
import type { Random } from '../random.ts';

/** How instructions of a program are chosen. */
export interface Style extends OperandStyle {
  /** Groups of the instruction tables (assembly/isa/<group>.table.ts), each as often as its number says. */
  readonly groups: Readonly<Record<string, number>>;
}

/** These go where their operand says, or stop or reconfigure the machine: rare, and only where chosen by their group. */
const CONTROL =
  /^(JMP|CALL|RET|IRET|JCC|LOOP.*|JECXZ|J.*CXZ|HLT|CLI|UD[012]|LGDT|LIDT|LMSW|LTR|LLDT|INT.*|SYS.*|WRMSR|XSETBV|INVD|BOUND)/;
const CONTROL_CHANCE = 0.04;
const GROUP_TRIES = 400;
const NOP = 0x90;

const rowsOf = new Map<string, CompiledRow[]>();
/** Rows of a group that exist in this mode and are no relative branches. */
function rowsFor(group: string, bits: CodeMode): CompiledRow[] {
  const key = `${group} ${bits}`;
  let rows = rowsOf.get(key);
  if (rows === undefined) {
    rows = compileRows(TABLES).filter(
      (r) => r.table.group === group && existsIn(r, bits) && r.immediate !== L.IMM_REL8 && r.immediate !== L.IMM_RELZ,
    );
    rowsOf.set(key, rows);
  }
  return rows;
}

/** A random instruction of the style's groups. */
export function randomInstruction(random: Random, style: Style): Uint8Array {
  const names = Object.keys(style.groups);
  const total = names.reduce((sum, name) => sum + style.groups[name]!, 0);
  for (let n = 0; n < GROUP_TRIES; n++) {
    let at = random.below(total);
    const group = names.find((name) => (at -= style.groups[name]!) < 0)!;
    const rows = rowsFor(group, style.bits);
    if (rows.length === 0) continue;
    const row = random.pick(rows);
    if (CONTROL.test(row.row.name) && !random.chance(CONTROL_CHANCE)) continue;
    const bytes = randomEncoding(random, style, row);
    if (bytes !== undefined) return bytes;
  }
  return Uint8Array.of(NOP);
}
