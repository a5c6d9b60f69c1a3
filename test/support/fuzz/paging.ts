/** Page tables of a fuzzed machine: one or two address spaces, of small pages or of a large one. SDM Vol. 3A, chapter 4. */
import { PageTables, type Paging } from '../page-tables.ts';
import type { Random } from '../random.ts';
import type { Image } from './image.ts';
import {
  CODE_FRAMES,
  CODE_PAGES,
  DATA_FRAMES,
  FRAME_ORDER,
  LARGE,
  LINEAR,
  PAGE_TABLE_BYTES,
  PAGE_TABLES,
  STACK_FRAMES,
  SYSTEM_END,
} from './memory-map.ts';

export interface Entry {
  /** Of the entry. */
  readonly at: number;
  /** Of the page. */
  readonly linear: number;
  /** Bits that turn one valid entry into another. */
  readonly flips: readonly number[];
}
export interface AddressSpaces {
  readonly paging: Paging;
  /** Some pages are global. */
  readonly globals: boolean;
  /** For CR3; none without paging. */
  readonly roots: readonly number[];
  /** From the code to the same code again, if there is one; else 0. */
  readonly aliasDistance: number;
  /** Users may execute the code. */
  readonly userCode: boolean;
  /** Entries that the program may change, where it is the kernel. */
  readonly entries: readonly Entry[];
}
export interface PagingChoices {
  readonly long: boolean;
  readonly paged: boolean;
  readonly ring: 0 | 3;
  readonly writableCode: boolean;
  /** A second address space with other code and data at the same addresses. */
  readonly spaces: boolean;
  /** Entries of the first space may change even if it is the only one. */
  readonly changes: boolean;
  /** Some of a supervisor's pages are those of users. */
  readonly userPages: boolean;
  /** Code, data and stack are in one large page (all of physical memory below it). */
  readonly large: boolean;
}

const PTE_P = 1;
const PTE_W = 2;
const PTE_U = 4;
const PTE_G = 0x100;
const PAGE = 0x1000;

export function makeSpaces(random: Random, image: Image, choices: PagingChoices): AddressSpaces {
  const { long, ring, paged } = choices;
  const paging: Paging = long ? 'long' : random.chance(0.5) ? 'pae' : 'legacy';
  const globals = random.chance(0.5);
  const noExecute = paging !== 'legacy' && random.chance(0.5) ? 'x' : '';
  const entries: Entry[] = [];
  const roots: number[] = [];
  const user = ring === 3 ? 'u' : random.chance(0.1) ? 'u' : '';
  let aliasDistance = paged && !choices.large ? LINEAR.codeAlias - LINEAR.code : 0;
  const userCode = user !== '' || (choices.userPages && random.chance(0.7));
  /** Of a page of data or of the stack. */
  const userOr = () => (choices.userPages && random.chance(0.6) ? 'u' : user);

  const mapSystem = (tables: PageTables): void => {
    for (let at = 0; at < SYSTEM_END; at += PAGE) tables.map(at, at, `w${globals ? 'g' : ''}`);
    if (ring === 0) for (let at = PAGE_TABLES; at < CODE_FRAMES; at += PAGE) tables.map(at, at, 'w');
  };
  const mapSmall = (tables: PageTables, space: number): void => {
    const note = (at: number, linear: number, flips: readonly number[]) => {
      if (choices.changes && space === 0) entries.push({ at, linear, flips });
    };
    const codeUser = userCode ? 'u' : '';
    for (let n = 0; n < CODE_PAGES; n++) {
      const frame = CODE_FRAMES + PAGE * (FRAME_ORDER[n]! + 4 * space);
      const linear = LINEAR.code + PAGE * n;
      note(tables.map(linear, frame, codeUser + (choices.writableCode ? 'w' : '')), linear, [
        ...(choices.spaces ? [0x4000] : []),
        PTE_W,
      ]);
      tables.map(LINEAR.codeAlias + PAGE * n, frame, `${codeUser}w`);
    }
    for (const base of [LINEAR.data, LINEAR.dataAlias]) {
      for (let n = 0; n < 2; n++) {
        const frame = DATA_FRAMES + PAGE * (choices.spaces ? n ^ space : n);
        const linear = base + PAGE * n;
        note(tables.map(linear, frame, `${userOr()}w${noExecute}`), linear, [
          PAGE,
          PTE_W,
          PTE_P,
          ...(choices.userPages ? [PTE_U, PTE_U] : []),
        ]);
      }
    }
    tables.map(LINEAR.data + 0x2000, DATA_FRAMES + 0x2000, userOr() + noExecute);
    tables.map(LINEAR.data + 0x4000, DATA_FRAMES + 0x3000, `w${noExecute}`);
    // Without stacks of their own, handlers begin on this one.
    const stackUser = long ? userOr() : user;
    for (let n = 0; n < 2; n++)
      tables.map(LINEAR.stack + PAGE * n, STACK_FRAMES + PAGE * n, `${stackUser}w${noExecute}`);
    if (long) {
      tables.map(LINEAR.high, DATA_FRAMES + 0x4000, `${userOr()}w${noExecute}`);
      tables.map(LINEAR.userTop, DATA_FRAMES + 0x5000, `${userOr()}w`);
      tables.map(LINEAR.kernelBottom, DATA_FRAMES + 0x6000, `${userOr()}w`);
      tables.map(LINEAR.last64, DATA_FRAMES + 0x7000, `${userOr()}w`);
    } else tables.map(LINEAR.last32, DATA_FRAMES + 0x7000, `${userOr()}w`);
  };
  const mapLarge = (tables: PageTables): void => {
    const shift = paging === 'legacy' ? 22 : paging === 'long' && random.chance(0.4) ? 30 : 21;
    const linear = LARGE;
    const g = random.chance(0.3) ? 'g' : '';
    const at = tables.map(linear, 0, `${user}wp${g}`, shift);
    if (choices.changes) entries.push({ at, linear, flips: long ? [PTE_W, PTE_G] : [PTE_G] });
    // Behind it the same memory again, if there is room below 2 GiB; and behind that page nothing.
    const size = 2 ** shift;
    if (linear + size >= 2 ** 31) return;
    const rights = random.pick(noExecute ? ['p', 'pw', 'pwx'] : ['p', 'pw']);
    const again = tables.map(linear + size, 0, user + rights, shift);
    if (choices.changes) entries.push({ at: again, linear: linear + size, flips: [PTE_W, PTE_P, PTE_P] });
    aliasDistance = size;
  };
  for (let space = 0; paged && space < (choices.spaces ? 2 : 1); space++) {
    const tables = new PageTables(image, PAGE_TABLES + PAGE_TABLE_BYTES * space, paging);
    roots.push(tables.root);
    mapSystem(tables);
    if (choices.large) mapLarge(tables);
    else mapSmall(tables, space);
  }
  return { paging, globals, roots, aliasDistance, userCode, entries };
}
