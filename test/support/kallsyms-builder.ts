/** Builds a kernel's symbol table as scripts/kallsyms.c lays it out, for tests: see src/machine/inspect/kallsyms.ts. */
const TOKENS = 256;
const MARKER_SPAN = 256;

export interface KallsymsOptions {
  /** With the order of the names, as newer kernels have it. */
  readonly sequence?: boolean;
  /** Offsets as CONFIG_KALLSYMS_ABSOLUTE_PERCPU has them. */
  readonly percpu?: boolean;
}

const pad = (bytes: number[]): number[] => [...bytes, ...new Array<number>((8 - (bytes.length % 8)) % 8).fill(0)];
const words = (values: readonly number[], size: number): number[] =>
  values.flatMap((value) => Array.from({ length: size }, (_, n) => Math.floor(value / 2 ** (8 * n)) & 255));

/** The token of every byte is its character; two that occur often have tokens of their own. */
const LONG_TOKENS: Readonly<Record<number, string>> = { 1: 'sys_', 2: 'do_' };

/** @param symbols sorted by offset from `base`. */
export function buildKallsyms(
  symbols: readonly { readonly name: string; readonly offset: number }[],
  base: bigint,
  { sequence = false, percpu = false }: KallsymsOptions = {},
): Uint8Array {
  const tokens = Array.from(
    { length: TOKENS },
    (_, n) => LONG_TOKENS[n] ?? (n >= 33 && n < 127 ? String.fromCharCode(n) : ''),
  );
  const encode = (name: string): number[] => {
    const text = `T${name}`.replaceAll('sys_', '\u0001').replaceAll('do_', '\u0002');
    return [...text].map((character) => character.charCodeAt(0));
  };
  const names: number[] = [];
  const markers: number[] = [];
  symbols.forEach(({ name }, n) => {
    if (n % MARKER_SPAN === 0) markers.push(names.length);
    const body = encode(name);
    names.push(...(body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7]), ...body);
  });
  const text = tokens.map((token) => `${token}\0`);
  const starts = text.map((_, n) => text.slice(0, n).join('').length);
  return Uint8Array.from([
    ...new Array<number>(64).fill(0xaa),
    ...pad(
      words(
        symbols.map(({ offset }) => (percpu ? 2 ** 32 - 1 - offset : offset)),
        4,
      ),
    ),
    ...words([Number(base & 0xffff_ffffn), Number(base >> 32n)], 4),
    ...pad(words([symbols.length], 4)),
    ...pad(names),
    ...pad(words(markers, 4)),
    ...(sequence
      ? pad(
          words(
            symbols.map((_, n) => n),
            3,
          ),
        )
      : []),
    ...pad([...text.join('')].map((character) => character.charCodeAt(0))),
    ...words(starts, 2),
    ...new Array<number>(64).fill(0xbb),
  ]);
}
