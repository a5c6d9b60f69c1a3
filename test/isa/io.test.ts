/** Who may use ports: SDM Vol. 1, 18.5. */
import { describe, expect, it } from 'vitest';
import { TR } from '../../assembly/layout.ts';
import { CODE, CpuFixture } from '../support/cpu-fixture.ts';

const TSS = 0x6000;
const TSS_IO_MAP = 102;
const IO_MAP = 0x68;
const IO_MAP_BYTES = 0x20;
const GENERAL_PROTECTION = { vector: 13, errorCode: 0, rip: BigInt(CODE) };
const IOPL_3 = 3 << 12;

/** Ring 3 with an I/O map that denies the given ports. */
function ring3(code: number[], denied: number[]): { f: CpuFixture; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const f = new CpuFixture(32, {
    portRead: (port, size) => {
      reads.push([port, size]);
      return 0x11223344;
    },
  });
  const map = new Uint8Array(IO_MAP_BYTES);
  for (const port of denied) map[port >> 3]! |= 1 << (port & 7);
  f.write(TSS + TSS_IO_MAP, [IO_MAP, 0]).write(TSS + IO_MAP, map);
  f.cpu.setSegment(TR, { ...f.cpu.getSegment(TR), base: BigInt(TSS), limit: IO_MAP + IO_MAP_BYTES - 1 });
  f.code(code).setCpl(3);
  return { f, reads };
}

describe('port permission in ring 3', () => {
  it('a clear bit allows the port', () => {
    const { f, reads } = ring3([0xec], [0x7f, 0x81]); // in al, dx
    f.set({ rdx: 0x80 });

    const fault = f.step();

    expect([fault, reads, f.get('rax')]).toEqual([undefined, [[0x80, 1]], 0x44n]);
  });

  it('a set bit raises #GP and the device is not asked', () => {
    const { f, reads } = ring3([0xec], [0x80]);
    f.set({ rdx: 0x80 });

    const fault = f.step();

    expect([fault, reads]).toEqual([GENERAL_PROTECTION, []]);
  });

  it('every port of a wide access counts, also in the next byte of the map', () => {
    const { f } = ring3([0xed], [0x89]); // in eax, dx
    f.set({ rdx: 0x86 });

    const fault = f.step();

    expect(fault).toEqual(GENERAL_PROTECTION);
  });

  it('ports beyond the segment limit are denied', () => {
    const { f } = ring3([0xec], []);
    f.set({ rdx: IO_MAP_BYTES * 8 });

    const fault = f.step();

    expect(fault).toEqual(GENERAL_PROTECTION);
  });

  it('IOPL 3 needs no map', () => {
    const { f, reads } = ring3([0x66, 0xed], [0x80]); // in ax, dx
    f.flags = IOPL_3;
    f.set({ rdx: 0x80, rax: 0xffff0000 });

    const fault = f.step();

    expect([fault, reads, f.get('rax')]).toEqual([undefined, [[0x80, 2]], 0xffff3344n]);
  });
});
