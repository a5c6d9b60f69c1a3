/**
 * Golden listings: the code that the translator writes for every instruction form, and for some sequences of instructions. One file
 * for each group of instructions; `npm run golden -- --update` writes them, test/translator/golden.test.ts compares.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { disassemble } from '../../../src/core/disassembler.ts';
import type { CodeMode } from '../../../src/core/disasm/decode.ts';
import { difference } from './difference.ts';
import { allForms } from './forms.ts';
import { Lister } from './listing.ts';
import { SEQUENCES } from './sequences.ts';
import { GoldenTranslator } from './translate.ts';

export interface Listing {
  readonly name: string;
  readonly lines: readonly string[];
}

/** The group that is no group of instructions. */
const SEQUENCE_GROUP = 'sequences';
const EXTENSION = '.txt';
const MODES = [64, 32, 16] as const;
const NOP = Uint8Array.of(0x90);
const GAP = '…';
const TITLE = '## ';
/** Says that a listing is the same as an earlier one of its file. */
const SAME = '= ';
const HEADER = `Code that the translator writes, one statement a line: see test/support/golden/listing.ts. Written by
npm run golden -- --update. A listing of a form leaves out (${GAP}) what the region of one NOP, the first of
${SEQUENCE_GROUP}${EXTENSION}, has too; "-" is what only that one has.
`;

const instructionsOf = (code: Uint8Array, bits: CodeMode): string[] => {
  const texts: string[] = [];
  for (let at = 0; at < code.length;) {
    const { text, length } = disassemble(code.subarray(at), { mode: bits, address: BigInt(at) });
    texts.push(text);
    at += length;
  }
  return texts;
};
const titleOf = (bits: CodeMode, code: Uint8Array): string =>
  `${bits}-bit ${Buffer.from(code).toString('hex')} ${instructionsOf(code, bits).join('; ')}`;

/** What `lines` has beyond `usual`. */
function beyond(usual: readonly string[], lines: readonly string[]): string[] {
  const out: string[] = [];
  for (const { kind, line } of difference(usual, lines)) {
    if (kind === 'only-new') out.push(line);
    else if (kind === 'only-old') out.push(`- ${line.trimStart()}`);
    else if (out.at(-1) !== GAP) out.push(GAP);
  }
  return out;
}

export class GoldenMaker {
  readonly #translator: GoldenTranslator;
  readonly #lister: Lister;
  readonly #forms = allForms();
  readonly #usual = new Map<CodeMode, string[]>();

  private constructor(translator: GoldenTranslator, lister: Lister) {
    this.#translator = translator;
    this.#lister = lister;
  }
  /** `module`: the core. */
  static async create(module: WebAssembly.Module): Promise<GoldenMaker> {
    return new GoldenMaker(new GoldenTranslator(module), await Lister.create());
  }

  get groups(): readonly string[] {
    return [SEQUENCE_GROUP, ...new Set(this.#forms.map(({ group }) => group))];
  }
  listings(group: string): Listing[] {
    return group === SEQUENCE_GROUP ? this.#sequences() : this.#formsOf(group);
  }

  #sequences(): Listing[] {
    const usual = MODES.map((bits) => ({
      name: `${bits}-bit: one NOP and no more`,
      lines: [titleOf(bits, NOP), ...this.#usualLines(bits)],
    }));
    const others = SEQUENCES.map(({ name, bits, code }) => {
      const bytes = Uint8Array.from(code);
      const { module } = this.#translator.translateAll(bits, bytes);
      return { name: `${bits}-bit: ${name}`, lines: [titleOf(bits, bytes), ...this.#lister.lines(module)] };
    });
    return [...usual, ...others];
  }
  #formsOf(group: string): Listing[] {
    return this.#forms
      .filter((form) => form.group === group)
      .map(({ name, bits, code, number }) => {
        const { module, form } = this.#translator.translateFirst(bits, code);
        if (form !== number) throw new Error(`${name}: ${titleOf(bits, code)} was decoded to another form`);
        return { name, lines: [titleOf(bits, code), ...beyond(this.#usualLines(bits), this.#lister.lines(module))] };
      });
  }
  #usualLines(bits: CodeMode): string[] {
    let lines = this.#usual.get(bits);
    if (lines === undefined)
      this.#usual.set(bits, (lines = this.#lister.lines(this.#translator.translateFirst(bits, NOP).module)));
    return lines;
  }
}

// ---- files ---------------------------------------------------------------------------------------------------------------
/** The text of a file. Code that was listed before is not repeated. */
export function format(listings: readonly Listing[]): string {
  const names = new Map<string, string>();
  const texts = listings.map(({ name, lines }) => {
    const [title, ...code] = lines;
    const body = code.join('\n');
    const earlier = names.get(body);
    if (earlier === undefined) names.set(body, name);
    return `${TITLE}${name}\n${title!}\n${earlier === undefined ? body : SAME + earlier}\n`;
  });
  return `${HEADER}\n${texts.join('\n')}`;
}
/** What `format` was given. */
export function parse(text: string): Listing[] {
  const codes = new Map<string, string[]>();
  return text
    .split(new RegExp(`^${TITLE}`, 'm'))
    .slice(1)
    .map((part) => {
      const [name, title, ...code] = part.trimEnd().split('\n') as [string, string, ...string[]];
      const earlier = code[0]?.startsWith(SAME) ? codes.get(code[0].slice(SAME.length)) : undefined;
      codes.set(name, earlier ?? code);
      return { name, lines: [title, ...(earlier ?? code)] };
    });
}

const pathOf = (folder: string, group: string): string => join(folder, group + EXTENSION);
/** The listings of a group's file; none if there is no file. */
export function readGolden(folder: string, group: string): Listing[] {
  return readdirSync(folder).includes(group + EXTENSION) ? parse(readFileSync(pathOf(folder, group), 'utf8')) : [];
}
/** Groups of which there are files. */
export function goldenGroups(folder: string): string[] {
  return readdirSync(folder).map((file) => file.slice(0, -EXTENSION.length));
}
/** Writes all files anew. */
export function writeGoldens(folder: string, maker: GoldenMaker): void {
  const texts = maker.groups.map((group) => [group, format(maker.listings(group))] as const);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [group, text] of texts) writeFileSync(pathOf(folder, group), text);
}

const CONTEXT = 2;
/** Lines that changed with some around them. */
function changes(golden: Listing, now: Listing): string[] {
  const steps = difference(golden.lines, now.lines);
  const isNear = steps.map((_, n) =>
    steps.slice(Math.max(0, n - CONTEXT), n + CONTEXT + 1).some((s) => s.kind !== 'both'),
  );
  return steps.flatMap(({ kind, line }, n) => {
    if (!isNear[n]) return isNear[n - 1] ? ['  ⋮'] : [];
    return [`${{ both: ' ', 'only-old': '-', 'only-new': '+' }[kind]} ${line}`];
  });
}
/** What differs between the files and what the translator writes, for people: a text for each listing. */
export function compare(golden: readonly Listing[], now: readonly Listing[]): string[] {
  const known = new Map(golden.map((listing) => [listing.name, listing]));
  const made = new Map(now.map((listing) => [listing.name, listing]));
  const gone = golden
    .filter(({ name }) => !made.has(name))
    .map(({ name }) => `${name}: there is no such form any more`);
  const others = now.flatMap((listing) => {
    const old = known.get(listing.name);
    if (old === undefined) return [`${listing.name}: not in the golden files`];
    const lines = changes(old, listing);
    return lines.length === 0 ? [] : [`${listing.name}: other code\n${lines.join('\n')}`];
  });
  return [...gone, ...others];
}
