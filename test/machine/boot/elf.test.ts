import { describe, expect, it } from 'vitest';
import { parseElf, physicalEntry } from '../../../src/machine/boot/elf.ts';
import { buildElf } from '../../support/elf-builder.ts';

const CODE = Uint8Array.of(1, 2, 3, 4);

describe('ELF reader', () => {
  it('reads the segments and the entry of a 64-bit executable', () => {
    const image = parseElf(
      buildElf({ is64: true, entry: 0x1000000, parts: [{ physical: 0x1000000, bytes: CODE, memoryBytes: 8 }] }),
    );

    expect(image.is64).toBe(true);
    expect(image.segments).toEqual([{ virtual: 0x1000000n, physical: 0x1000000, bytes: CODE, memoryBytes: 8 }]);
    expect(physicalEntry(image)).toBe(0x1000000);
  });

  it('reads the notes of a 32-bit executable', () => {
    const image = parseElf(
      buildElf({ is64: false, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }], pvhEntry: 0x100002 }),
    );

    expect(image.notes).toEqual([{ name: 'Xen', type: 18, description: Uint8Array.of(2, 0, 16, 0) }]);
  });

  it('turns a virtual entry point into a physical one', () => {
    const image = parseElf(
      buildElf({
        is64: true,
        entry: 0x80000010,
        parts: [{ virtual: 0x80000000, physical: 0x200000, bytes: CODE, memoryBytes: 0x100 }],
      }),
    );

    expect(physicalEntry(image)).toBe(0x200010);
  });

  it('refuses an entry point outside of all segments', () => {
    const image = parseElf(buildElf({ is64: true, entry: 0x5000, parts: [{ physical: 0x200000, bytes: CODE }] }));

    expect(() => physicalEntry(image)).toThrow('the kernel is damaged: its entry point is outside of what it loads');
  });

  it('refuses a file that ends in a segment', () => {
    const file = buildElf({ is64: true, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }] });

    expect(() => parseElf(file.subarray(0, file.length - 1))).toThrow('a segment is not in the file');
  });

  it('refuses a file that ends in its header', () => {
    const file = buildElf({ is64: true, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }] });

    expect(() => parseElf(file.subarray(0, 40))).toThrow('is cut off in its ELF header');
  });

  it('refuses a file that ends in its program headers', () => {
    const file = buildElf({ is64: true, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }] });

    expect(() => parseElf(file.subarray(0, 100))).toThrow('its program headers are not in the file');
  });

  it('refuses a file for another processor', () => {
    const file = buildElf({ is64: true, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }], machine: 183 });

    expect(() => parseElf(file)).toThrow('is an ELF file for another processor');
  });

  it('refuses a segment that is larger in the file than in memory', () => {
    const file = buildElf({
      is64: true,
      entry: 0x100000,
      parts: [{ physical: 0x100000, bytes: CODE, memoryBytes: 3 }],
    });

    expect(() => parseElf(file)).toThrow('a segment is larger in the file than in memory');
  });
});
