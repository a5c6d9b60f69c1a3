import { describe, expect, it } from 'vitest';
import { CR4 as CR4_BLOCK, LDTR, PDPTE, SEG, SEG_BASE } from '../../assembly/layout.ts';
import { PageTables, PTE } from '../support/page-tables.ts';
import { le } from '../support/little-endian.ts';
import {
  CODE,
  CR0,
  CR4,
  DATA,
  EFER,
  FLAG,
  FRAMES,
  SystemMachine,
  USER_CODE,
  USER_DATA,
  VECTOR,
} from '../support/system-machine.ts';

const HLT = 0xf4;
const READ = [0x8b, 0x03, HLT]; // mov eax, [rbx]; hlt
const WRITE = [0x89, 0x03, HLT]; // mov [rbx], eax; hlt
const RMW = [0xff, 0x03, HLT]; // inc dword [rbx]; hlt
const CALL = [0xff, 0xd3, HLT]; // call rbx; hlt
const USER_READ = [0x8b, 0x03, 0x0f, 0x0b]; // mov eax, [rbx]; ud2
const USER_WRITE = [0x89, 0x03, 0x0f, 0x0b]; // mov [rbx], eax; ud2
const INVLPG = [0x0f, 0x01, 0x3b]; // invlpg [rbx]
const RELOAD_CR3 = [0x0f, 0x20, 0xd9, 0x0f, 0x22, 0xd9]; // mov rcx, cr3; mov cr3, rcx
const LINEAR = 0x600000;
const A_D = PTE.A | PTE.D;

/** Error code bits, SDM Vol. 3A, 4.7. */
const P = 1;
const W = 2;
const U = 4;
const RSVD = 8;
const I = 16;

function machine(rights: string, shift = 12, physical = FRAMES): SystemMachine {
  const m = new SystemMachine();
  m.pages.map(LINEAR, physical, rights, shift);
  return m.set({ rbx: LINEAR });
}
/** 32-bit protected mode with paging on: identity below 1 MiB and what `map` adds. */
function machine32(paging: 'legacy' | 'pae', cr4: bigint, map: (pages: PageTables) => void): SystemMachine {
  const m = new SystemMachine('protected');
  const pages = new PageTables(m.memory, 0xd00000, paging);
  for (let at = 0; at < 0x100000; at += 0x1000) pages.map(at, at, 'w');
  map(pages);
  m.cpu.setControl('cr3', BigInt(pages.root));
  if (paging === 'pae') for (let n = 0; n < 4; n++) m.setBlock64(PDPTE + 8 * n, m.read64(pages.root + 8 * n));
  return m.enable({ cr4: cr4 | (paging === 'pae' ? CR4.PAE : 0n), cr0: CR0.PG }).set({ rbx: LINEAR });
}

describe('4-level paging', () => {
  it('reads through a 4 KiB page', () => {
    const m = machine('w').write(FRAMES, le(0x11223344, 4)).code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(0x11223344n);
  });

  it('reads through a 2 MiB page at an offset beyond 4 KiB', () => {
    const m = machine('wp', 21)
      .write(FRAMES + 0x123456, le(0xcafe, 4))
      .set({ rbx: LINEAR + 0x123456 })
      .code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(0xcafen);
  });

  it('reads through a 1 GiB page', () => {
    const m = new SystemMachine();
    m.pages.map(0x40000000, 0, 'wp', 30);
    m.write(FRAMES + 0x10, le(0xbeef, 4))
      .set({ rbx: 0x40000000 + FRAMES + 0x10 })
      .code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(0xbeefn);
  });

  it.each([
    ['PML4', 39],
    ['PDPT', 30],
    ['PD', 21],
    ['PT', 12],
  ])('a page not present at the %s is #PF with P clear and CR2', (_, shift) => {
    const m = machine('w');
    m.pages.map(0xffff800000000000n, FRAMES, 'w');
    m.pages.change(0xffff800000000000n, PTE.P, 0n, shift);
    m.set({ rbx: 0xffff800000000123n }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 0, rip: BigInt(CODE) });
    expect(m.cr2).toBe(0xffff800000000123n);
  });

  it.each([
    ['PML4', 39],
    ['PDPT', 30],
    ['PD', 21],
    ['PT', 12],
  ])('a clear U/S bit at the %s keeps a program out', (_, shift) => {
    const m = machine('wu');
    m.pages.map(0x8000000000, FRAMES, 'wu');
    m.pages.change(0x8000000000, PTE.U, 0n, shift);
    m.userCode(USER_READ).set({ rbx: 0x8000000000 });

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | U, rip: BigInt(USER_CODE) });
  });

  it.each([
    ['PML4', 39],
    ['PDPT', 30],
    ['PD', 21],
    ['PT', 12],
  ])('a clear R/W bit at the %s refuses a program’s write', (_, shift) => {
    const m = machine('wu');
    m.pages.map(0x8000000000, FRAMES, 'wu');
    m.pages.change(0x8000000000, PTE.W, 0n, shift);
    m.userCode(USER_WRITE).set({ rbx: 0x8000000000 });

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W | U });
  });

  it.each([
    ['PML4', 39],
    ['PDPT', 30],
    ['PD', 21],
    ['PT', 12],
  ])('NX at the %s refuses a fetch', (_, shift) => {
    const m = machine('w');
    m.pages.map(0x8000000000, FRAMES, 'w');
    m.pages.change(0x8000000000, 0n, PTE.NX, shift);
    m.write(FRAMES, [HLT]).set({ rbx: 0x8000000000 }).code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | I, rip: 0x8000000000n });
    expect(m.cr2).toBe(0x8000000000n);
  });

  it('data in an NX page can be read', () => {
    const m = machine('wx').write(FRAMES, [7]).code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax')).toBe(7n);
  });

  it('bit 63 is reserved while EFER.NXE is clear', () => {
    const m = machine('wx').disable({ efer: EFER.NXE }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | RSVD });
  });

  it.each([
    ['bit 40 of a PTE', 12, 1n << 40n],
    ['bit 51 of a PTE', 12, 1n << 51n],
    ['bit 40 of a PDE', 21, 1n << 40n],
    ['PS of a PML4E', 39, PTE.PS],
  ])('%s is reserved', (_, shift, bit) => {
    const m = machine('w');
    m.pages.map(0x8000000000, FRAMES, 'w');
    m.pages.change(0x8000000000, 0n, bit, shift);
    m.set({ rbx: 0x8000000000 }).code(WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W | RSVD });
  });

  it('bits 13 to 20 of a 2 MiB page are reserved', () => {
    const m = machine('wp', 21, FRAMES | 0x2000).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | RSVD });
  });

  it('a read sets A and not D', () => {
    const m = machine('w').code(READ);

    m.run();

    expect(m.pages.entry(LINEAR) & A_D).toBe(PTE.A);
    expect(m.pages.entry(LINEAR, 21) & PTE.A).toBe(PTE.A);
    expect(m.pages.entry(LINEAR, 39) & PTE.A).toBe(PTE.A);
  });

  it('a write sets A and D in the last level only', () => {
    const m = machine('w').code(WRITE);

    m.run();

    expect(m.pages.entry(LINEAR) & A_D).toBe(A_D);
    expect(m.pages.entry(LINEAR, 21) & A_D).toBe(PTE.A);
  });

  it('a write after a read of the same page sets D', () => {
    const m = machine('w').code([0x8b, 0x03, 0x89, 0x03, HLT]); // mov eax, [rbx]; mov [rbx], eax

    m.run();

    expect(m.pages.entry(LINEAR) & A_D).toBe(A_D);
  });

  it('a read-modify-write sets D', () => {
    const m = machine('w').code(RMW);

    m.run();

    expect(m.pages.entry(LINEAR) & A_D).toBe(A_D);
  });

  it('a fetch sets A and not D', () => {
    const m = machine('w').write(FRAMES, [HLT]).code(CALL);

    m.run();

    expect(m.pages.entry(LINEAR) & A_D).toBe(PTE.A);
  });

  it('a refused write sets neither A nor D of the page', () => {
    const m = machine('').code(WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W });
    expect(m.pages.entry(LINEAR) & A_D).toBe(0n);
  });

  it('D of a 2 MiB page is set in its PDE', () => {
    const m = machine('wp', 21).code(WRITE);

    m.run();

    expect(m.pages.entry(LINEAR, 21) & A_D).toBe(A_D);
  });
});

describe('write protection', () => {
  it('CR0.WP refuses a supervisor write to a read-only page', () => {
    const m = machine('').code(WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W });
  });

  it('without CR0.WP the supervisor writes to read-only pages', () => {
    const m = machine('u').disable({ cr0: CR0.WP }).set({ rax: 0x55 }).code(WRITE);

    expect(m.run()).toBeUndefined();
    expect(m.read(FRAMES, 1)).toEqual([0x55]);
  });

  it('setting CR0.WP forgets writable translations', () => {
    const m = machine('').disable({ cr0: CR0.WP });
    // mov [rbx], eax; mov rcx, cr0; bts rcx, 16; mov cr0, rcx; mov [rbx], eax
    m.code([0x89, 0x03, 0x0f, 0x20, 0xc1, 0x48, 0x0f, 0xba, 0xe9, 16, 0x0f, 0x22, 0xc1, 0x89, 0x03, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W, rip: BigInt(CODE + 13) });
  });

  it('a program’s write to a read-only page faults without CR0.WP too', () => {
    const m = machine('u').disable({ cr0: CR0.WP }).userCode(USER_WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W | U });
  });
});

describe('SMEP and SMAP', () => {
  it('SMEP refuses a supervisor fetch from a user page', () => {
    const m = machine('wu').enable({ cr4: CR4.SMEP }).write(FRAMES, [HLT]).code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | I });
  });

  it('without SMEP the supervisor executes a user page', () => {
    const m = machine('wu').write(FRAMES, [HLT]).code(CALL);

    expect(m.run()).toBeUndefined();
  });

  it('SMAP refuses a supervisor read of a user page', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P });
  });

  it('STAC lifts SMAP and CLAC restores it', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP });
    m.code([0x0f, 0x01, 0xcb, 0x8b, 0x03, 0x0f, 0x01, 0xca, 0x8b, 0x0b, HLT]); // stac; mov eax, [rbx]; clac; mov ecx, [rbx]

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P, rip: BigInt(CODE + 8) });
  });

  it('POPF of AC lifts SMAP', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP });
    m.code([0x68, ...le(FLAG.AC | FLAG.FIXED, 4), 0x9d, 0x8b, 0x03, HLT]); // push; popf; mov eax, [rbx]

    expect(m.run()).toBeUndefined();
  });

  it('SMAP with AC set does not let the CPU read its own tables from user pages', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP });
    m.cpu.setSegment(LDTR, { selector: 0x78, base: BigInt(LINEAR), limit: 0xff, flags: 0x8200 });
    m.flags = FLAG.AC;
    m.set({ rax: 0x0c }).code([0x8e, 0xd8, HLT]); // mov ds, eax: the LDT

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P });
    expect(m.cr2).toBe(BigInt(LINEAR + 8));
  });

  it('SMAP does not concern programs', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP }).userCode(USER_READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });

  it('a page that the supervisor cached with AC set stays closed with AC clear', () => {
    const m = machine('wu').enable({ cr4: CR4.SMAP });
    m.flags = FLAG.AC;
    m.code([0x89, 0x03, 0x0f, 0x01, 0xca, 0x89, 0x03, HLT]); // mov [rbx], eax; clac; mov [rbx], eax

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | W, rip: BigInt(CODE + 5) });
  });
});

describe('translation caching', () => {
  const moveTo = (m: SystemMachine, next: readonly number[]) => {
    // mov eax, [rbx]; mov [rdi], rsi (the PTE); …; mov edx, [rbx]; hlt
    m.write(FRAMES, le(1, 4)).write(FRAMES + 0x1000, le(2, 4));
    m.pages.map(0x700000, m.pages.entryAt(LINEAR) & ~0xfff, 'w');
    m.set({
      rdi: 0x700000 + (m.pages.entryAt(LINEAR) & 0xfff),
      rsi: BigInt(FRAMES + 0x1000) | (m.pages.entry(LINEAR) & 0xfffn),
    });
    return m.code([0x8b, 0x03, 0x48, 0x89, 0x37, ...next, 0x8b, 0x13, HLT]);
  };

  it('INVLPG makes a changed entry visible', () => {
    const m = moveTo(machine('w'), INVLPG);

    m.run();

    expect(m.get('rdx')).toBe(2n);
  });

  it('a load of CR3 makes a changed entry visible', () => {
    const m = moveTo(machine('w'), RELOAD_CR3);

    m.run();

    expect(m.get('rdx')).toBe(2n);
  });

  it('a global page survives a load of CR3', () => {
    const m = moveTo(machine('wg').enable({ cr4: CR4.PGE }), RELOAD_CR3);

    m.run();

    expect(m.get('rdx')).toBe(1n);
  });

  it('the G bit means nothing without CR4.PGE', () => {
    const m = moveTo(machine('wg'), RELOAD_CR3);

    m.run();

    expect(m.get('rdx')).toBe(2n);
  });

  it('a change of CR4.PGE drops global pages', () => {
    // mov rcx, cr4; btc rcx, 7; mov cr4, rcx
    const m = moveTo(
      machine('wg').enable({ cr4: CR4.PGE }),
      [0x0f, 0x20, 0xe1, 0x48, 0x0f, 0xba, 0xf9, 7, 0x0f, 0x22, 0xe1],
    );

    m.run();

    expect(m.get('rdx')).toBe(2n);
  });

  it('INVLPG drops a global page', () => {
    const m = moveTo(machine('wg').enable({ cr4: CR4.PGE }), INVLPG);

    m.run();

    expect(m.get('rdx')).toBe(2n);
  });

  it.each([
    [0, 2n],
    [1, 1n],
    [2, 2n],
    [3, 1n],
  ])('INVPCID of type %i on a global page leaves %i', (type, seen) => {
    const m = machine('wg').enable({ cr4: CR4.PGE });
    moveTo(m, [0x66, 0x0f, 0x38, 0x82, 0x0d, ...le(DATA - (CODE + 14), 4)]); // invpcid rcx, [rip + …] = DATA
    m.write(DATA, [...le(0, 8), ...le(LINEAR, 8)]).set({ rcx: type });

    m.run();

    expect(m.get('rdx')).toBe(seen);
  });

  it('INVLPG anywhere in a 2 MiB page drops all of it', () => {
    const m = machine('wp', 21)
      .write(FRAMES + 0x5000, le(1, 4))
      .write(FRAMES + 0x205000, le(2, 4));
    const entry = m.pages.entryAt(LINEAR, 21);
    m.pages.map(0x800000, entry & ~0xfff, 'w');
    m.set({
      rdi: 0x800000 + (entry & 0xfff),
      rsi: BigInt(FRAMES + 0x200000) | (m.pages.entry(LINEAR, 21) & 0xfffn),
      rbp: LINEAR + 0x5000,
    });
    // mov eax, [rbp]; mov [rdi], rsi; invlpg [rbx]; mov edx, [rbp]
    m.code([0x8b, 0x45, 0, 0x48, 0x89, 0x37, ...INVLPG, 0x8b, 0x55, 0, HLT]);

    m.run();

    expect(m.get('rax')).toBe(1n);
    expect(m.get('rdx')).toBe(2n);
  });

  it('INVLPG in a 2 MiB page of code drops the fetches from all of it', () => {
    const m = machine('wp', 21)
      .write(FRAMES + 0x5000, [0xb0, 1, 0xc3])
      .write(FRAMES + 0x205000, [0xb0, 2, 0xc3]); // mov al, n; ret
    const entry = m.pages.entryAt(LINEAR, 21);
    m.pages.map(0x800000, entry & ~0xfff, 'w');
    m.set({
      rdi: 0x800000 + (entry & 0xfff),
      rsi: BigInt(FRAMES + 0x200000) | (m.pages.entry(LINEAR, 21) & 0xfffn),
      rbp: LINEAR + 0x5000,
    });
    m.code([0xff, 0xd5, 0x48, 0x89, 0x37, ...INVLPG, 0xff, 0xd5, HLT]); // call rbp; mov [rdi], rsi; invlpg [rbx]; call rbp

    m.run();

    expect(m.get('rax') & 255n).toBe(2n);
  });

  it('INVLPG leaves other pages alone', () => {
    const m = machine('w');
    m.pages.map(LINEAR + 0x400000, FRAMES + 0x2000, 'w');
    moveTo(m, [0x0f, 0x01, 0x3a]); // invlpg [rdx]
    m.set({ rdx: LINEAR + 0x200000 });

    m.run();

    expect(m.get('rdx')).toBe(1n);
  });

  it('INVLPG of a non-canonical address does nothing', () => {
    const m = machine('w')
      .set({ rbx: 0x800000000000n })
      .code([...INVLPG, HLT]);

    expect(m.run()).toBeUndefined();
  });
});

describe('PCID', () => {
  it('CR4.PCIDE needs CR3 bits 0 to 11 clear', () => {
    const m = machine('w');
    m.cpu.setControl('cr3', BigInt(m.pages.root) | 1n);
    m.set({ rax: CR4.PAE | CR4.PCIDE }).code([0x0f, 0x22, 0xe0, HLT]); // mov cr4, rax

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('a load of CR3 with bit 63 stores the rest', () => {
    const m = machine('w').enable({ cr4: CR4.PCIDE });
    m.set({ rax: (1n << 63n) | BigInt(m.pages.root) | 5n }).code([0x0f, 0x22, 0xd8, HLT]); // mov cr3, rax

    expect(m.run()).toBeUndefined();
    expect(m.cpu.getControl('cr3')).toBe(BigInt(m.pages.root) | 5n);
  });

  it('bit 63 of CR3 is reserved without PCIDs', () => {
    const m = machine('w')
      .set({ rax: (1n << 63n) | 0xc00000n })
      .code([0x0f, 0x22, 0xd8, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP });
  });

  it('clearing CR0.PG with CR4.PCIDE set is refused', () => {
    const m = machine('w').enable({ cr4: CR4.PCIDE }).set({ rax: CR0.PE }).code([0x0f, 0x22, 0xc0, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP });
    expect(m.block64(CR4_BLOCK) & CR4.PCIDE).toBe(CR4.PCIDE);
  });

  it.each([
    ['type 4', 4, 0n, 0n],
    ['a PCID beyond 12 bits', 1, 0x1000n, 0n],
    ['a non-canonical address', 0, 0n, 0x800000000000n],
    ['a PCID while CR4.PCIDE is clear', 0, 1n, 0n],
  ])('INVPCID refuses %s', (_, type, pcid, linear) => {
    const m = machine('w')
      .write(DATA, [...le(pcid, 8), ...le(linear, 8)])
      .set({ rax: type, rbx: DATA });
    m.code([0x66, 0x0f, 0x38, 0x82, 0x03, HLT]); // invpcid rax, [rbx]

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });
});

describe('accesses over two pages', () => {
  it('a write whose second page faults changes nothing', () => {
    const m = machine('w')
      .write(FRAMES + 0xffc, le(0x77777777, 4))
      .set({ rbx: LINEAR + 0xffe, rax: -1 })
      .code(WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: W });
    expect(m.cr2).toBe(BigInt(LINEAR + 0x1000));
    expect(m.read(FRAMES + 0xffc, 4)).toEqual([0x77, 0x77, 0x77, 0x77]);
  });

  it('a write whose first page faults reports that one', () => {
    const m = new SystemMachine();
    m.pages.map(LINEAR + 0x1000, FRAMES, 'w');
    m.set({ rbx: LINEAR + 0xffe }).code(WRITE);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: W });
    expect(m.cr2).toBe(BigInt(LINEAR + 0xffe));
  });

  it('a write goes to both frames', () => {
    const m = machine('w');
    m.pages.map(LINEAR + 0x1000, FRAMES + 0x5000, 'w');
    m.set({ rbx: LINEAR + 0xffd, rax: 0x44332211 }).code(WRITE);

    m.run();

    expect(m.read(FRAMES + 0xffd, 3)).toEqual([0x11, 0x22, 0x33]);
    expect(m.read(FRAMES + 0x5000, 1)).toEqual([0x44]);
  });

  it('PUSH over a missing page leaves RSP', () => {
    const m = machine('w').set({ rsp: LINEAR + 4 });
    m.code([0x50, HLT]); // push rax; the handler’s stack is not there either
    m.gate(VECTOR.PF, { ist: 1 });

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: W, rsp: BigInt(LINEAR + 4) });
    expect(m.cr2).toBe(BigInt(LINEAR - 4));
  });

  it('a far call whose second slot faults writes neither', () => {
    const m = machine('w')
      .write(FRAMES, [9, 9, 9, 9])
      .set({ rsp: LINEAR + 4 })
      .write(DATA, [...le(CODE, 4), ...le(0x08, 2)]);
    m.gate(VECTOR.PF, { ist: 1 });
    m.code([0xff, 0x1c, 0x25, ...le(DATA, 4), HLT]); // call far [DATA]

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: W, rsp: BigInt(LINEAR + 4) });
    expect(m.read(FRAMES, 4)).toEqual([9, 9, 9, 9]);
  });

  it('an instruction whose tail is in a missing page is a fetch fault at its start', () => {
    const m = machine('w')
      .write(FRAMES + 0xffe, [0xb8, 0x11])
      .set({ rbx: LINEAR + 0xffe })
      .code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: I, rip: BigInt(LINEAR + 0xffe) });
    expect(m.cr2).toBe(BigInt(LINEAR + 0x1000));
  });

  it('an instruction whose tail lies outside RAM does not harm the host', () => {
    const m = machine('w').write(FRAMES + 0xffe, [0xb8, 0x11]);
    m.pages.map(LINEAR + 0x1000, 0xfe_0000_0000n, 'w');
    m.set({ rbx: LINEAR + 0xffe }).code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(LINEAR + 0xffe) });
  });

  it('a jump to where no RAM is does not harm the host', () => {
    const m = new SystemMachine();
    m.pages.map(LINEAR, 0xfe_0000_0000n, 'w');
    m.set({ rbx: LINEAR }).code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.UD, rip: BigInt(LINEAR) });
  });
});

describe('non-canonical addresses', () => {
  it('are #GP through DS', () => {
    const m = new SystemMachine().set({ rbx: 0x800000000000n }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('are #SS through RBP', () => {
    const m = new SystemMachine().set({ rbp: 0x800000000000n }).code([0x8b, 0x45, 0, HLT]);

    expect(m.run()).toMatchObject({ vector: VECTOR.SS, error: 0 });
  });

  it('are #SS in RSP', () => {
    const m = new SystemMachine().set({ rsp: 0x800000000000n }).code([0x58, HLT]); // pop rax
    m.gate(VECTOR.SS, { ist: 1 });

    expect(m.run()).toMatchObject({ vector: VECTOR.SS, error: 0 });
  });

  it('are #SS in the RSP of IRETQ', () => {
    const m = new SystemMachine().set({ rsp: 0x800000000000n }).code([0x48, 0xcf]);
    m.gate(VECTOR.SS, { ist: 1 });

    expect(m.run()).toMatchObject({ vector: VECTOR.SS, error: 0, rip: BigInt(CODE) });
  });

  it('at the end of an access count too', () => {
    const m = new SystemMachine().set({ rbx: 0x7ffffffffffen }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });

  it('as target of a jump are #GP at the jump', () => {
    const m = new SystemMachine().set({ rbx: 0x800000000000n }).code([0xff, 0xe3]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0, rip: BigInt(CODE) });
  });

  it('reached by running on are #GP there', () => {
    const m = new SystemMachine();
    m.pages.map(0x7ffffffff000n, FRAMES, 'w');
    m.write(FRAMES + 0xfff, [0x90])
      .set({ rbx: 0x7fffffffffffn })
      .code([0xff, 0xe3]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: 0x800000000000n });
  });

  it('in the middle of an instruction are #GP at its start', () => {
    const m = new SystemMachine();
    m.pages.map(0x7ffffffff000n, FRAMES, 'w');
    m.write(FRAMES + 0xfff, [0xb0])
      .set({ rbx: 0x7fffffffffffn })
      .code([0xff, 0xe3]);

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, rip: 0x7fffffffffffn });
  });

  it('come from a segment base as well', () => {
    const m = new SystemMachine().setBlock64(SEG + 4 * 32 + SEG_BASE, 0x7ffffffff000n).set({ rbx: 0x1000 });
    m.code([0x64, 0x8b, 0x03, HLT]); // mov eax, fs:[rbx]

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
  });
});

describe('32-bit paging', () => {
  it('maps 4 KiB pages and sets A and D', () => {
    let entryAt = 0;
    const m = machine32('legacy', 0n, (pages) => {
      entryAt = pages.map(LINEAR, FRAMES, 'w');
    });
    m.set({ rax: 0x99 }).code(WRITE);

    expect(m.run()).toBeUndefined();
    expect(m.read(FRAMES, 1)).toEqual([0x99]);
    expect(m.memory.read32(entryAt) & 0x60).toBe(0x60);
  });

  it('maps 4 MiB pages with CR4.PSE', () => {
    const m = machine32('legacy', CR4.PSE, (pages) => pages.map(0x800000, FRAMES, 'wp', 22));
    m.write(FRAMES + 0x345678, [0x5a])
      .set({ rbx: 0x800000 + 0x345678 })
      .code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax') & 255n).toBe(0x5an);
  });

  it('takes a PDE with PS for a page table without CR4.PSE', () => {
    const m = machine32('legacy', 0n, (pages) => {
      pages.map(0x800000, FRAMES, 'w');
      pages.change(0x800000, 0n, PTE.PS, 22);
    });
    m.write(FRAMES, [0x5a]).set({ rbx: 0x800000 }).code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax') & 255n).toBe(0x5an);
  });

  it('PSE-36 puts bits 13 to 20 of a 4 MiB PDE at address bits 32 to 39', () => {
    const seen: number[] = [];
    const m = new SystemMachine('protected', { mmioRead: (physical) => seen.push(physical) });
    const pages = new PageTables(m.memory, 0xd00000, 'legacy');
    pages.map(0, 0, 'wp', 22);
    pages.map(0x800000, 0x1fe000, 'wp', 22);
    m.cpu.setControl('cr3', BigInt(pages.root));
    m.enable({ cr4: CR4.PSE, cr0: CR0.PG }).set({ rbx: 0x800010 }).code(READ);

    expect(m.run()).toBeUndefined();
    expect(seen).toEqual([0xff_0000_0010]);
  });

  it('bit 21 of a 4 MiB PDE is reserved', () => {
    const m = machine32('legacy', CR4.PSE, (pages) => pages.map(0x800000, FRAMES | 0x200000, 'wp', 22));
    m.set({ rbx: 0x800000 }).code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | RSVD });
  });

  it('has no NX: bit 63 does not exist and fetches have no I bit', () => {
    const m = machine32('legacy', 0n, () => {});
    m.set({ rbx: LINEAR }).code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 0, rip: BigInt(LINEAR) });
  });

  it('INVLPG in one half of a 4 MiB page drops the other', () => {
    let entryAt = 0;
    const m = machine32('legacy', CR4.PSE, (pages) => {
      entryAt = pages.map(0x800000, FRAMES, 'wp', 22);
      pages.map(0xc00000, 0xc00000, 'wp', 22);
    });
    m.write(FRAMES + 0x300000, [1])
      .write(0x400000, new Array(4).fill(0))
      .write(0x700000, [2]);
    m.set({ rbp: 0xb00000, rbx: 0x800000, rdi: entryAt, rsi: 0x400000 | 0x83 });
    m.code([0x8b, 0x45, 0, 0x89, 0x37, 0x0f, 0x01, 0x3b, 0x8b, 0x55, 0, HLT]); // mov eax, [ebp]; mov [edi], esi; invlpg [ebx]; mov edx, [ebp]

    expect(m.run()).toBeUndefined();
    expect(m.get('rdx') & 255n).toBe(2n);
  });
});

describe('PAE paging', () => {
  it('maps 4 KiB and 2 MiB pages', () => {
    const m = machine32('pae', 0n, (pages) => {
      pages.map(LINEAR, FRAMES, 'w');
      pages.map(0xc0000000, FRAMES, 'wp', 21);
    });
    m.write(FRAMES, [1])
      .write(FRAMES + 0x100004, [2])
      .set({ rbp: 0xc0100004 });
    m.code([0x8b, 0x03, 0x8b, 0x55, 0, HLT]);

    expect(m.run()).toBeUndefined();
    expect([m.get('rax') & 255n, m.get('rdx') & 255n]).toEqual([1n, 2n]);
  });

  it('has NX', () => {
    const m = machine32('pae', 0n, (pages) => pages.map(LINEAR, FRAMES, 'wx')).enable({ efer: EFER.NXE });
    m.code(CALL);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | I, rip: BigInt(LINEAR) });
  });

  it('bits 52 to 62 are reserved', () => {
    const m = machine32('pae', 0n, (pages) => {
      pages.map(LINEAR, FRAMES, 'w');
      pages.change(LINEAR, 0n, 1n << 60n);
    });
    m.code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: P | RSVD });
  });

  it('a PDPTE that is not present is #PF', () => {
    const m = machine32('pae', 0n, () => {});
    m.setBlock64(PDPTE + 8 * 3, 0n)
      .set({ rbx: 0xc0000000 })
      .code(READ);

    expect(m.run()).toMatchObject({ vector: VECTOR.PF, error: 0 });
  });

  it('a load of CR3 with a reserved bit in a PDPTE is #GP and loads nothing', () => {
    const m = machine32('pae', 0n, () => {});
    const before = m.cpu.getControl('cr3');
    m.write(0xe00000, [...le(0xe01003, 8)])
      .set({ rax: 0xe00000 })
      .code([0x0f, 0x22, 0xd8, HLT]); // mov cr3, eax; bit 1 is reserved

    expect(m.run()).toMatchObject({ vector: VECTOR.GP, error: 0 });
    expect(m.cpu.getControl('cr3')).toBe(before);
  });

  it('keeps the PDPTEs that were loaded with CR3', () => {
    const m = machine32('pae', 0n, (pages) => pages.map(LINEAR, FRAMES, 'w'));
    m.write(FRAMES, [3]);
    m.write(Number(m.cpu.getControl('cr3')), new Array<number>(32).fill(0)).code(READ);

    expect(m.run()).toBeUndefined();
    expect(m.get('rax') & 255n).toBe(3n);
  });
});

describe('alignment checks', () => {
  it('#AC in ring 3 with CR0.AM and EFLAGS.AC', () => {
    const m = new SystemMachine()
      .enable({ cr0: CR0.AM })
      .userCode(USER_READ)
      .set({ rbx: USER_DATA + 1 });
    m.flags = FLAG.AC;

    expect(m.run()).toMatchObject({ vector: VECTOR.AC, error: 0 });
  });

  it('none in ring 0', () => {
    const m = new SystemMachine()
      .enable({ cr0: CR0.AM })
      .set({ rbx: DATA + 1 })
      .code(READ);
    m.flags = FLAG.AC;

    expect(m.run()).toBeUndefined();
  });

  it('none without CR0.AM', () => {
    const m = new SystemMachine().userCode(USER_READ).set({ rbx: USER_DATA + 1 });
    m.flags = FLAG.AC;

    expect(m.run()).toMatchObject({ vector: VECTOR.UD });
  });
});
