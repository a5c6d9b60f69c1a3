/**
 * A translated function as text, one statement a line: WebAssembly's instructions by their names, with operands in parentheses. A
 * local goes by what is loaded into it first ($rax), what is returned by $result, others by their type and a number: i3 (i32),
 * l0 (i64), v2 (v128), p0 the parameter. Addresses of the core's memory go by the names of assembly/layout.ts.
 */
import wabtModule from 'wabt';
import * as L from '../../../assembly/layout.ts';
import { REGISTERS } from '../cpu-fixture.ts';

type Wabt = Awaited<ReturnType<typeof wabtModule>>;
type Node = string | Node[];

const FEATURES = { simd: true, sign_extension: true, bulk_memory: true, sat_float_to_int: true, multi_value: true };
const INDENT = '  ';

// ---- names of addresses ------------------------------------------------------------------------------------------------
/** Constants of the layout that are no addresses though they have such values. */
const NO_ADDRESS =
  /(^(ROW|MODE|R|U|SEG|EA|IMM|EXIT|OP|TS|STAT|T_KEY)_|_(SIZE|ENTRIES|MAX|END|SHIFT|EDGE|SETS|BANKS|BASE)$|^(CPU_BLOCK|CODE_ZERO|CODE_LINEAR_PAGE)$)/;
const ADDRESS_WITH_SUCH_A_NAME = /^(T_KEY|T_KEY_GLOBAL|CODE_BASE|T_BASE|ICOUNT_BASE|[GI]DTR_BASE|RAM_BASE|MODE)$/;
const ADDRESSES: readonly (readonly [name: string, at: number])[] = Object.entries(L)
  .filter(([name, value]) => value >= L.GPR_ZERO && (!NO_ADDRESS.test(name) || ADDRESS_WITH_SUCH_A_NAME.test(name)))
  .sort(([, a], [, b]) => a - b);

/** `FLAG_AUX`, `TLB+8`; registers by their own names. */
export function addressName(at: number): string {
  if (at >= L.GPR && at < L.GPR_ZERO) return withOffset(REGISTERS[(at - L.GPR) >> 3]!, (at - L.GPR) & 7);
  if (at >= L.XMM && at < L.MSR_STAR) return withOffset(`xmm${(at - L.XMM) >> 5}`, (at - L.XMM) & 31);
  // Exits are allocated from the end of their area downwards.
  if (at >= (L.EXITS + L.EXITS_END) / 2 && at < L.EXITS_END) return `EXITS_END-${hex(L.EXITS_END - at)}`;
  const known = ADDRESSES.findLast(([, from]) => from <= at);
  return known === undefined ? String(at) : withOffset(known[0], at - known[1]);
}
function withOffset(name: string, offset: number): string {
  return offset === 0 ? name : `${name}+${hex(offset)}`;
}
function hex(value: number): string {
  return value < 10 ? String(value) : `0x${value.toString(16)}`;
}
/** Constants in these areas are addresses of what belongs to the region. */
function isOwnAddress(value: number): boolean {
  return (value >= L.EXITS && value < L.EXITS_END) || (value >= L.REGIONS && value < L.RAM_BASE);
}

// ---- text to trees --------------------------------------------------------------------------------------------------------
function parse(text: string): Node[] {
  const stack: Node[][] = [[]];
  for (const token of text.match(/\(|\)|"[^"]*"|[^\s()]+/g) ?? []) {
    if (token === '(') stack.push([]);
    else if (token === ')') {
      const list = stack.pop()!;
      stack.at(-1)!.push(list);
    } else stack.at(-1)!.push(token);
  }
  return stack[0]!;
}
/** Labels by their depth in the function, @1 the outermost, instead of comments; other comments go. */
function plain(text: string): string {
  return text
    .replace(/\b\d+ \(;(@\d+);\)/g, '$1')
    .replace(/;; label = (@\d+)/g, '$1')
    .replace(/\(;.*?;\)/g, '');
}

// ---- names of locals -------------------------------------------------------------------------------------------------------
const LETTERS: Readonly<Record<string, string>> = { i32: 'i', i64: 'l', f32: 'f', f64: 'd', v128: 'v' };

/** The address that an expression loads from, perhaps to convert it. */
function loadedFrom(node: Node): string | undefined {
  if (typeof node === 'string') return undefined;
  const [op, ...rest] = node as [string, ...Node[]];
  const operands = rest.filter((r) => typeof r !== 'string');
  if (/\.load/.test(op)) {
    const base = operands[0] as Node[];
    return base[0] === 'i32.const'
      ? address(
          '0',
          rest.filter((r) => typeof r === 'string'),
        )
      : undefined;
  }
  return op === 'i32.wrap_i64' ? loadedFrom(operands[0]!) : undefined;
}
/** Names of a function's locals, parameters first; numbers count in the order of appearance. */
function nameLocals(types: readonly string[], parameterCount: number, body: readonly Node[]): string[] {
  const names = types.map((_, n) => (n < parameterCount ? `p${n}` : ''));
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  const nameResult = (node: Node): void => {
    if (typeof node === 'string') return;
    const [op, value] = node;
    if (op === 'return' && Array.isArray(value) && value[0] === 'local.get') names[Number(value[1])] ||= '$result';
    node.forEach(nameResult);
  };
  body.forEach(nameResult);
  const visit = (node: Node): void => {
    if (typeof node === 'string') return;
    const [op, ...rest] = node as [string, ...Node[]];
    if (op === 'local.set' || op === 'local.tee' || op === 'local.get') {
      const n = Number(rest[0]);
      if (names[n] === '') {
        const from = op === 'local.get' ? undefined : loadedFrom(rest[1]!);
        const letter = LETTERS[types[n]!] ?? types[n]!;
        const count = counts.get(letter) ?? 0;
        if (from !== undefined && !taken.has(from)) names[n] = `$${from}`;
        else {
          counts.set(letter, count + 1);
          names[n] = `${letter}${count}`;
        }
        if (from !== undefined) taken.add(from);
      }
    }
    rest.forEach(visit);
  };
  body.forEach(visit);
  return names;
}

// ---- trees to lines --------------------------------------------------------------------------------------------------------
class Printer {
  readonly lines: string[] = [];
  readonly #locals: readonly string[];
  readonly #imports: readonly string[];
  constructor(locals: readonly string[], imports: readonly string[]) {
    this.#locals = locals;
    this.#imports = imports;
  }

  statements(nodes: readonly Node[], depth: number): void {
    for (const node of nodes) this.#statement(node as Node[], depth);
  }
  #line(depth: number, text: string): void {
    this.lines.push(INDENT.repeat(depth) + text);
  }
  #statement(node: Node[], depth: number): void {
    const [op, ...rest] = node as [string, ...Node[]];
    switch (op) {
      case 'block':
      case 'loop':
        this.#line(depth, `${op} ${label(rest)}`);
        this.statements(bodyOf(rest), depth + 1);
        return;
      case 'if':
        this.#if(rest, depth, '');
        return;
      case 'local.set': {
        const value = rest[1] as Node[];
        const name = `${this.#local(rest[0] as string)} = `;
        if (value[0] === 'if') this.#if(value.slice(1), depth, name);
        else this.#line(depth, name + this.#expression(value));
        return;
      }
      case 'br_if':
        this.#line(depth, `br_if ${rest[0] as string} ${this.#expression(rest[1]!)}`);
        return;
      case 'br_table': {
        const labels = rest.filter((r) => typeof r === 'string');
        const index = rest.find((r) => typeof r !== 'string');
        this.#line(
          depth,
          `br_table ${labels.join(' ')} ${index === undefined ? '' : this.#expression(index)}`.trimEnd(),
        );
        return;
      }
      case 'br':
        this.#line(depth, `br ${rest[0] as string}`);
        return;
      default:
        this.#line(depth, this.#expression(node));
    }
  }
  #if(rest: readonly Node[], depth: number, assigned: string): void {
    const parts = bodyOf(rest) as Node[][];
    const condition = parts.filter(([op]) => op !== 'then' && op !== 'else');
    this.#line(depth, `${assigned}if ${label(rest)} ${condition.map((c) => this.#expression(c)).join(' ')}`.trimEnd());
    for (const part of parts) {
      if (part[0] === 'else') this.#line(depth, 'else');
      if (part[0] === 'then' || part[0] === 'else') this.statements(part.slice(1), depth + 1);
    }
  }
  #local(number: string): string {
    return this.#locals[Number(number)] ?? `local${number}`;
  }
  #expression(node: Node): string {
    if (typeof node === 'string') return node;
    const [op, ...rest] = node as [string, ...Node[]];
    const values = (from: number) => rest.slice(from).map((r) => this.#expression(r));
    switch (op) {
      case 'local.get':
        return this.#local(rest[0] as string);
      case 'local.tee':
        return `(${this.#local(rest[0] as string)} := ${this.#expression(rest[1]!)})`;
      case 'i32.const':
      case 'i64.const':
        return constant(rest[0] as string);
      case 'v128.const':
        return `v128(${rest.slice(1).join(' ')})`;
      case 'call':
        return `${this.#imports[Number(rest[0])] ?? `function${rest[0] as string}`}(${values(1).join(', ')})`;
      case 'unreachable':
      case 'return':
        return rest.length === 0 ? op : `${op} ${values(0).join(', ')}`;
    }
    const immediates = rest.filter((r) => typeof r === 'string');
    const operands = rest.filter((r) => typeof r !== 'string').map((r) => this.#expression(r));
    const isAccess = /\.(load|store)/.test(op);
    if (isAccess) operands[0] = address(operands[0] ?? '', immediates);
    const kept = isAccess ? immediates.filter((i) => !/^(offset|align)=/.test(i)) : immediates;
    return `${[op, ...kept].join(' ')}(${operands.join(', ')})`;
  }
}
/** The number of a construct's label, and whether it has a result. */
function label(rest: readonly Node[]): string {
  const result = rest.find((r) => Array.isArray(r) && r[0] === 'result') as string[] | undefined;
  const name = rest.find((r): r is string => typeof r === 'string' && r.startsWith('@')) ?? '';
  return result === undefined ? name : `${name} ${result[1]!}`;
}
function bodyOf(rest: readonly Node[]): Node[] {
  return rest.filter((r) => typeof r !== 'string' && r[0] !== 'result');
}
function constant(text: string): string {
  const value = BigInt(text);
  if (value >= 0n && isOwnAddress(Number(value))) return addressName(Number(value));
  if (value < 1024n && value > -1024n) return text;
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}
/** `rip`, `i7+16`, `TLB+8+i7`. */
function address(base: string, immediates: readonly string[]): string {
  const offset = Number(immediates.find((i) => i.startsWith('offset='))?.slice('offset='.length) ?? 0);
  if (base === '0') return addressName(offset);
  if (offset === 0) return base;
  // Less is the distance from a guest's address.
  return offset >= L.MXCSR ? `${addressName(offset)}+${base}` : `${base}+${hex(offset)}`;
}

export class Lister {
  readonly #wabt: Wabt;
  private constructor(wabt: Wabt) {
    this.#wabt = wabt;
  }
  static async create(): Promise<Lister> {
    return new Lister(await wabtModule());
  }

  /** Lines of the only function of a module, its declaration of locals left out. */
  lines(module: Uint8Array): string[] {
    const parsed = this.#wabt.readWasm(module, FEATURES);
    let text: string;
    try {
      text = parsed.toText({ foldExprs: true, inlineExport: false });
    } finally {
      parsed.destroy();
    }
    const fields = (parse(plain(text))[0] as Node[]).slice(1) as Node[][];
    const imports = fields.filter(([kind, , , what]) => kind === 'import' && what![0] === 'func');
    const names = imports.map(([, , name]) => (name as string).slice(1, -1));
    const functions = fields.filter(([kind]) => kind === 'func');
    if (functions.length !== 1) throw new Error(`a module with ${functions.length} functions`);
    const parts = functions[0]!.slice(1) as Node[][];
    const typesOf = (what: string) => parts.filter(([kind]) => kind === what).flatMap((p) => p.slice(1) as string[]);
    const parameters = typesOf('param');
    const body = parts.filter(([kind]) => !['type', 'param', 'result', 'local'].includes(kind as string));
    const locals = nameLocals([...parameters, ...typesOf('local')], parameters.length, body);
    const printer = new Printer(locals, names);
    printer.statements(body, 0);
    return printer.lines;
  }
}
