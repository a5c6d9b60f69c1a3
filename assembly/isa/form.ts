/**
 * The language of the instruction tables: one row per encoding, in the SDM's notation (Volume 2, "Instruction
 * Format" and Appendix A operand letters). Everything else is derived from the rows: decoder tables, dispatch,
 * disassembler, test forms, docs.
 *
 * Opcode:  [NP|66|F3|F2] [0F|0F 38|0F 3A] byte[+r] [/r|/0../7|modrm byte] [ib|iw|iz|iv|rel8|relz|moffs|iwib|ptr|is4]
 *          or  VEX.<128|256|LIG>.<NP|66|F3|F2>.<0F|0F38|0F3A>.<W0|W1|WIG> byte [/r|/n] [ib|is4]
 * Operands: letter + size. Letters: E G M R I J O S C D  (general), V W U H L (vector), P Q N (MMX), Z (register in
 *          the opcode's low bits), B (general register in VEX.vvvv), ST0 STi (x87), AL AX CL DX rAX, 1 3.
 *          Sizes: b w d q v z y (integer), p (far pointer), s (descriptor-table register), a (pair of bounds) and any other suffix for vector operands, which only documents.
 */

export interface RowOptions {
  /** LOCK is allowed with a memory destination. */
  lock?: boolean;
  /** Operand size defaults to 64 bits in 64-bit mode (SDM 2A 2.2.1.7). */
  d64?: boolean;
  /** Not valid in 64-bit mode / only valid in 64-bit mode. */
  i64?: boolean;
  o64?: boolean;
  /** Needs this operand size (bits) or address size to match: for rows such as CBW/CWDE/CDQE. */
  osz?: 16 | 32 | 64;
  /** Match only with (true) or without (false) a REP or REPNE prefix. */
  rep?: boolean;
  /**
   * Function template: placeholders B W (width) and K0 K1 K2 K3 (operand kinds). Default: NAME<B, W, K0, K1…>. Other
   * capitalised type arguments are classes of isa/operations.ts.
   */
  fn?: string;
  /** An ordinary function of the record that both tiers call: NAME(i). */
  helper?: boolean;
  /** Ends a decoded run: control never falls through to the next record. */
  end?: boolean;
  /** Can change the next record (branches, mode changes, anything that may stop the run). Implied for helpers. */
  branch?: boolean;
  /** In the interpreter's main switch; 'register': only its register forms of 32 and 64 bits. */
  hot?: boolean | 'register';
  /** CPUID feature that announces it, when it differs from the table's. */
  feature?: string;
  /** Flags that the SDM leaves undefined after it, e.g. "AF". Documentation and tests. */
  undef?: string;
  /** Memory operand's own size in bytes when the letters do not tell (disassembly). */
  mem?: number;
  /** Disassembler's name when it differs from the semantic function's. */
  asm?: string;
  /** An alias row that only decodes (e.g. 82 /0 for 80 /0): not used by an assembler. */
  alias?: boolean;
  /** ModRM.mod is ignored: the operand is a register whatever it says. */
  ignoreMod?: boolean;
  /** Matches only without REX.B. */
  noRexB?: boolean;
  /** 66 does not select an operand size here, but is ignored. */
  ignore66?: boolean;
}

export interface Row {
  name: string;
  opcode: string;
  operands: string;
  options: RowOptions;
}

/** One encoding. */
export function row(name: string, opcode: string, operands = '', options: RowOptions = {}): Row {
  return { name, opcode, operands, options };
}

export interface Table {
  /** Room of the semantics: assembly/isa/<group>.ts. */
  group: string;
  /** CPUID feature that announces the rows (see isa/features). */
  feature: string;
  /** Which enable checks decoding makes: SDM Vol. 2 exception classes. */
  unit: 'integer' | 'x87' | 'mmx' | 'sse' | 'avx';
  rows: Row[];
}
export function table(group: string, feature: string, unit: Table['unit'], rows: Row[]): Table {
  return { group, feature, unit, rows };
}
