/**
 * Gives each compiled row its forms. A form is one semantic function with its operand kinds and width; rows that come
 * to the same form share its number.
 */
import * as L from '../../assembly/layout.ts';
import { byOpcode, compileRows, type CompiledRow } from '../../assembly/isa/compile.ts';
import type { Table } from '../../assembly/isa/form.ts';

export interface Form {
  number: number;
  call: string;
  group: string;
  hot: boolean;
  branch: boolean;
  /** Control never falls through. */
  ends: boolean;
  /** May touch XMM registers. */
  vectors: boolean;
  /** An x87 instruction without a memory operand. */
  x87Register: boolean;
}

export interface Compiled {
  rows: CompiledRow[];
  forms: Form[];
  rowWords: number[];
  mapWords: number[];
  formNumbers: number[];
}

/** Operand kinds and record slots for the register or memory form. */
function assign(row: CompiledRow, memory: boolean, width: string): { kinds: string[]; slots: number[] } {
  const free = memory || row.immediate === L.IMM_MOFFS ? [L.SLOT_R0, L.SLOT_R2] : [L.SLOT_R0, L.SLOT_R1, L.SLOT_R2];
  const kinds: string[] = [];
  const slots: number[] = [];
  for (const o of row.operands) {
    let slot = L.SLOT_NONE;
    let kind = '';
    if (o.source === L.SOURCE_RM && memory) kind = 'M';
    else if (o.letter === 'O') kind = 'M';
    else if (o.isRegister) {
      const taken = free.shift();
      if (taken === undefined) throw new Error(`${row.row.name} ${row.row.operands}: too many registers`);
      slot = taken;
      kind = `R${slot}`;
    } else if (o.letter === 'I' || o.letter === '1') kind = row.immediate === L.IMM_IV && width === 'u64' ? 'I64' : 'I';
    kinds.push(kind);
    slots.push(slot);
  }
  while (slots.length < 4) slots.push(L.SLOT_NONE);
  return { kinds, slots };
}

function instantiate(row: CompiledRow, width: string, kinds: string[]): string {
  const { name, options } = row.row;
  let call: string;
  if (options.helper) call = options.fn ?? name;
  else if (options.fn !== undefined) call = options.fn;
  else {
    const parameters = ['B'];
    if (width !== '' && row.table.unit === 'integer') parameters.push('W');
    kinds.forEach((k, n) => k !== '' && parameters.push(`K${n}`));
    call = `${name}<${parameters.join(', ')}>`;
  }
  call = call
    .replace(/\bB\b/g, 'Interp')
    .replace(/\bW\b/g, width || 'u32')
    .replace(/\bK(\d)\b/g, (_, n: string) => kinds[Number(n)] ?? '?');
  return `${call}(i)`;
}

export function compile(tables: Table[]): Compiled {
  const rows = compileRows(tables);
  const found = new Map<string, Form>();
  const chosen: string[][] = [];
  for (const row of rows) {
    const list: string[] = [];
    const isMemory = (memory: boolean) => (row.words[0]! & (memory ? L.ROW_MEM : L.ROW_REG)) !== 0 || !row.hasModrm;
    const widths = row.widths.length === 1 && row.widths[0] === '' ? [''] : row.widths;
    for (const width of widths) {
      for (const memory of [false, true]) {
        if (!isMemory(memory) || (memory && !row.hasModrm)) {
          list.push('');
          continue;
        }
        const { kinds } = assign(row, memory, width);
        const call = instantiate(row, width, kinds);
        const options = row.row.options;
        const old = found.get(call);
        const hotForm =
          options.hot === 'register' ? !memory && (width === 'u32' || width === 'u64') : options.hot === true;
        const hot = hotForm && !options.helper;
        if (old) {
          old.hot ||= hot;
          old.branch ||= options.branch === true;
          old.ends ||= options.end === true;
        } else {
          const { unit, group } = row.table;
          found.set(call, {
            number: 0,
            call,
            group,
            hot,
            branch: options.branch === true,
            ends: options.end === true,
            vectors: unit === 'sse' || unit === 'avx' || group === 'xsave',
            x87Register: unit === 'x87' && !row.operands.some((o) => o.letter === 'M'),
          });
        }
        list.push(call);
      }
    }
    chosen.push(list);
  }
  // Hot forms first, then the others group by group.
  const forms = [...found.values()].sort((a, b) => Number(b.hot) - Number(a.hot));
  const groups = tables.map((t) => t.group);
  const ordered = [
    ...forms.filter((f) => f.hot),
    ...groups.filter((g, n) => groups.indexOf(g) === n).flatMap((g) => forms.filter((f) => !f.hot && f.group === g)),
  ];
  ordered.forEach((f, n) => (f.number = L.OP_FIRST + n));

  const formNumbers: number[] = [];
  rows.forEach((row, n) => {
    const reg = assign(row, false, '').slots;
    const mem = row.operands.some((o) => o.source === L.SOURCE_RM && o.canBeMemory) ? assign(row, true, '').slots : reg;
    row.words.push(formNumbers.length);
    row.words.push(
      pack(
        row.operands.map((o) => (o.isRegister || o.canBeMemory ? o.source | (o.byte ? L.SOURCE_BYTE : 0) : 0)),
        8,
      ),
    );
    row.words.push(
      pack(
        row.operands.map((o) => o.fixed),
        8,
      ),
    );
    row.words.push((pack(reg, 4) | (pack(mem, 4) << 16)) >>> 0);
    for (const call of chosen[n]!) formNumbers.push(call === '' ? L.OP_INVALID : found.get(call)!.number);
  });

  const rowWords: number[] = [];
  const mapWords: number[] = [];
  for (const here of byOpcode(rows)) {
    mapWords.push(rowWords.length / 6, here.length);
    for (const r of here) rowWords.push(...r.words);
  }
  return { rows, forms: ordered, rowWords, mapWords, formNumbers };
}

function pack(values: number[], bits: number): number {
  let word = 0;
  values.slice(0, 4).forEach((v, n) => (word |= v << (n * bits)));
  return word >>> 0;
}
