import { describe, expect, it } from 'vitest';
import { PDPTE, STATS, STAT_TLB_MISSES } from '../../../assembly/layout.ts';
import { pagingOf, walkPages } from '../../../src/machine/inspect/page-walk.ts';
import type { PageWalk } from '../../../src/machine/inspect/types.ts';
import { PageTables, PTE } from '../../support/page-tables.ts';
import { CODE, CR0, CR4, SystemMachine, USER_CODE } from '../../support/system-machine.ts';

const TABLES = 0xa00000;
const GIB = 1n << 30n;

const walk = ({ memory, cpu }: SystemMachine, linear: bigint | number, cr3?: bigint): PageWalk =>
  walkPages(memory, pagingOf(cpu), BigInt(linear), cr3);
const names = ({ levels }: PageWalk): string[] => levels.map(({ name }) => name);

/** A protected-mode machine with tables of its own. */
function paged(paging: 'pae' | 'legacy'): { machine: SystemMachine; pages: PageTables } {
  const machine = new SystemMachine('protected');
  const pages = new PageTables(machine.memory, TABLES, paging);
  machine.cpu.setControl('cr3', BigInt(pages.root));
  machine.enable({ cr0: CR0.PG, cr4: paging === 'pae' ? CR4.PAE : CR4.PSE });
  if (paging === 'pae')
    for (let n = 0; n < 4; n++) machine.setBlock64(PDPTE + 8 * n, machine.read64(pages.root + 8 * n));
  return { machine, pages };
}

describe('page walk', () => {
  it('tells each of the four levels and where the page is', () => {
    const machine = new SystemMachine();

    const found = walk(machine, USER_CODE + 5);

    expect([found.paging, names(found)]).toEqual(['4-level', ['PML4E', 'PDPTE', 'PDE', 'PTE']]);
    expect(found.levels[3]).toMatchObject({
      index: (USER_CODE >> 12) & 511,
      physical: machine.pages.entryAt(USER_CODE),
      value: machine.pages.entry(USER_CODE),
      flags: ['P', 'RW', 'US'],
      address: USER_CODE,
    });
    expect(found.result).toEqual({
      kind: 'mapped',
      physical: USER_CODE + 5,
      pageBytes: 4096,
      writable: true,
      user: true,
      executable: true,
      global: false,
      ram: true,
    });
  });

  it('ends early at large pages', () => {
    const machine = new SystemMachine();
    machine.pages.map(0xffff_8000_0020_0000n, 0x200000, 'wp', 21);
    machine.pages.map(0xffff_8000_4000_0000n, 0, 'pxg', 30);
    machine.enable({ cr4: CR4.PGE });

    const [two, one] = [walk(machine, 0xffff_8000_0020_0123n), walk(machine, 0xffff_8000_4000_0456n)];

    expect([names(two), two.result]).toMatchObject([
      ['PML4E', 'PDPTE', 'PDE'],
      { physical: 0x200123, pageBytes: 1 << 21, writable: true, user: false },
    ]);
    expect([names(one), one.result]).toMatchObject([
      ['PML4E', 'PDPTE'],
      { physical: 0x456, pageBytes: 1 << 30, writable: false, executable: false, global: true },
    ]);
  });

  it('uses the tables of another address space', () => {
    const machine = new SystemMachine();
    const other = new PageTables(machine.memory, TABLES, 'long');
    other.map(USER_CODE, 0x300000, 'u');

    const { cr3, result } = walk(machine, USER_CODE, BigInt(other.root));

    expect([cr3, result]).toMatchObject([BigInt(other.root), { physical: 0x300000, writable: false }]);
  });

  it('follows PAE tables from the entries that the CPU holds', () => {
    const { machine, pages } = paged('pae');
    pages.map(0x40001000, 0x5000, 'wx');
    pages.map(0x80200000, 0x400000, 'p', 21);

    const [small, large] = [walk(machine, 0x40001abc), walk(machine, 0x80200001)];

    expect([small.paging, names(small), small.levels[0]!.physical]).toEqual([
      'PAE',
      ['PDPTE', 'PDE', 'PTE'],
      undefined,
    ]);
    expect(small.result).toMatchObject({ kind: 'unmapped', reason: expect.stringContaining('reserved') as string }); // no NX here
    expect(large.result).toMatchObject({ physical: 0x400001, pageBytes: 1 << 21 });
  });

  it('follows 32-bit tables with 4 KiB and 4 MiB pages', () => {
    const { machine, pages } = paged('legacy');
    pages.map(0x7000, 0x5000, 'wu');
    pages.map(0xc0000000, 0x400000, 'p', 22);

    const [small, large] = [walk(machine, 0x7abc), walk(machine, 0xc0000010)];

    expect([small.paging, names(small), small.result]).toMatchObject([
      '32-bit',
      ['PDE', 'PTE'],
      { physical: 0x5abc, user: true },
    ]);
    expect([names(large), large.result]).toMatchObject([['PDE'], { physical: 0x400010, pageBytes: 1 << 22 }]);
  });

  it('without paging gives the address itself, and whether RAM is there', () => {
    const machine = new SystemMachine('real');

    expect(walk(machine, CODE)).toMatchObject({ paging: 'off', levels: [], result: { physical: CODE, ram: true } });
    expect(walk(machine, 0xf0000000)).toMatchObject({ result: { kind: 'mapped', ram: false } });
  });

  it.each([
    ['not canonical', 0x8000_0000_0000n, /canonical/],
    ['absent in the first table', 0x7f00_0000_0000n, /PML4E is not present/],
    ['absent in the last table', BigInt(USER_CODE) + 0x30000n, /PTE is not present/],
  ])('says why an address is not mapped: %s', (_, linear, reason) => {
    expect(walk(new SystemMachine(), linear).result).toMatchObject({
      kind: 'unmapped',
      reason: expect.stringMatching(reason) as string,
    });
  });

  it('says which reserved bit is wrong, and that a table is no RAM', () => {
    const machine = new SystemMachine();
    machine.pages.change(USER_CODE, 0n, 1n << 45n);
    machine.pages.set(machine.pages.entryAt(0, 39) + 8 * 7, 0xfec00000n | PTE.P);

    expect(walk(machine, USER_CODE).result).toMatchObject({
      reason: expect.stringContaining('reserved bit of the PTE') as string,
    });
    expect(walk(machine, 7n << 39n).result).toMatchObject({
      reason: expect.stringContaining('where no RAM is') as string,
    });
  });

  it('changes nothing: no accessed bit, no TLB entry, no device', () => {
    const machine = new SystemMachine('long', {
      mmioRead: () => {
        throw new Error('a device was read');
      },
    });
    machine.pages.set(machine.pages.entryAt(0, 39) + 8 * 7, 0xfec00000n | PTE.P);
    const misses = machine.block64(STATS + STAT_TLB_MISSES);

    walk(machine, USER_CODE);
    walk(machine, 7n << 39n);

    expect([machine.pages.entry(USER_CODE) & PTE.A, machine.block64(STATS + STAT_TLB_MISSES)]).toEqual([0n, misses]);
  });

  it('finds what the CPU finds', () => {
    const machine = new SystemMachine();
    machine.pages.map(GIB, 0x400000, 'wp', 21);
    const addresses = [0n, 0xfffn, 0x100000n, BigInt(USER_CODE), GIB, GIB + 0x1f_ffffn, GIB + 0x20_0000n, 1n << 46n];

    const found = addresses.map((linear) => walk(machine, linear).result);

    expect(found.map((result) => (result.kind === 'mapped' ? result.physical : undefined))).toEqual(
      addresses.map((linear) => machine.cpu.probe(linear)),
    );
  });
});
