import { expect, test } from 'vitest';
import { CS } from '../../assembly/layout.ts';
import { LOADER_PAGE_TABLES } from '../../src/machine/memory-map.ts';
import { CODE, CpuFixture } from '../support/cpu-fixture.ts';

const HIGH_LINEAR = 1n << 39n; // the second entry of the PML4
const POINTER_TABLE = 0x300000;
const DIRECTORY = 0x301000;
const IDT_PHYSICAL = 0x400000;
const TABLE = 3n; // present, writable: SDM Vol. 3A, table 4-15
const LARGE_PAGE = 0x83n; // and PS: table 4-17
const GATE_BYTES = 16;
const HANDLER = 0x2000;
const UD_VECTOR = 6;
const CODE_SELECTOR = 0x10;
const INTERRUPT_GATE = 0x8e00; // present, DPL 0, 64-bit interrupt gate: SDM Vol. 3A, 6.14.1
const COMPATIBILITY_CODE = { selector: CODE_SELECTOR, base: 0n, limit: 0xffffffff, flags: 0xc09b00 }; // D, not L
const UD2 = [0x0f, 0x0b];
const HLT = [0xf4];

test('an exception in compatibility mode finds an IDT above 4 GiB', () => {
  const fixture = new CpuFixture(64);
  fixture.memory.write64(LOADER_PAGE_TABLES + 8, BigInt(POINTER_TABLE) | TABLE);
  fixture.memory.write64(POINTER_TABLE, BigInt(DIRECTORY) | TABLE);
  fixture.memory.write64(DIRECTORY, BigInt(IDT_PHYSICAL) | LARGE_PAGE);
  fixture.memory.write64(
    IDT_PHYSICAL + UD_VECTOR * GATE_BYTES,
    BigInt(HANDLER | (CODE_SELECTOR << 16)) | (BigInt(INTERRUPT_GATE) << 32n),
  );
  fixture.write(HANDLER, HLT).code(UD2);
  fixture.cpu.setControl('idtrBase', HIGH_LINEAR);
  fixture.cpu.setTableLimits(0x2f, 0xfff);
  fixture.cpu.setSegment(CS, COMPATIBILITY_CODE);
  fixture.cpu.commit();

  fixture.cpu.run(100);

  expect([fixture.cpu.isHalted, fixture.rip, fixture.cpu.getSegment(CS).selector]).toEqual([
    true,
    BigInt(HANDLER + 1),
    CODE_SELECTOR,
  ]);
  expect(fixture.read(Number(fixture.get('rsp')), 2)).toEqual([CODE & 0xff, CODE >> 8]);
});
