import { describe, expect, it } from 'vitest';
import { CS, DS, TR } from '../../../assembly/layout.ts';
import { bootKernel } from '../../../src/machine/boot/detect.ts';
import { bootTarget, RSDP_PHYSICAL } from '../../support/boot-target.ts';
import { buildElf } from '../../support/elf-builder.ts';

const CODE = Uint8Array.of(0xfa, 0xf4);
const RBX = 3;
const RSI = 6;
const BOOT_PARAMS = 0x7000;
const START_INFO = 0x6000;
const elf64 = (options: { pvhEntry?: number; physical?: number } = {}) =>
  buildElf({
    is64: true,
    entry: options.physical ?? 0x1000000,
    parts: [{ physical: options.physical ?? 0x1000000, bytes: CODE, memoryBytes: 0x1000 }],
    ...(options.pvhEntry === undefined ? {} : { pvhEntry: options.pvhEntry }),
  });
const elf32 = () =>
  buildElf({ is64: false, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }], pvhEntry: 0x100001 });

/** A bzImage of one setup sector whose body is CODE; `patch` changes header fields. */
function bzImage(patch: (view: DataView) => void = () => {}): Uint8Array {
  const file = new Uint8Array(1024 + 16);
  const view = new DataView(file.buffer);
  file[0x1f1] = 1;
  view.setUint32(0x1f4, 1, true);
  view.setUint16(0x1fe, 0xaa55, true);
  file[0x201] = 0x6a;
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x20f, true);
  file[0x211] = 1;
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint16(0x236, 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, 0x1000000n, true);
  view.setUint32(0x260, 0x100000, true);
  file.set(CODE, 1024);
  patch(view);
  return file;
}

describe('64-bit Linux boot protocol', () => {
  it('enters a vmlinux in 64-bit mode with RSI at boot_params', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf64(), commandLine: 'quiet' });

    expect([...memory.view(0x1000000, 2)]).toEqual([...CODE]);
    expect(cpu.control.get('rip')).toBe(0x1000000n);
    expect(cpu.gpr.get(RSI)).toBe(BigInt(BOOT_PARAMS));
    expect(cpu.control.get('cr0')).toBe(0x80000011n);
    expect(cpu.control.get('efer')).toBe(0x500n);
    expect(cpu.segments.get(CS)).toEqual({ selector: 0x10, base: 0n, limit: 0xffffffff, flags: 0xa09b00 });
    expect(cpu.commits).toBe(1);
  });

  it('maps the first 4 GiB to themselves in pages of 2 MiB', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf64(), commandLine: '' });

    const root = Number(cpu.control.get('cr3'));
    const pointerTable = Number(memory.read64(root) & ~0xfffn);
    const lastDirectory = Number(memory.read64(pointerTable + 3 * 8) & ~0xfffn);
    expect(memory.read64(lastDirectory + 511 * 8)).toBe(0xffe00083n);
  });

  it('tells command line, initramfs, ACPI tables and memory in boot_params', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();
    const initrd = Uint8Array.of(9, 8, 7);

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf64(), commandLine: 'a=1', initrd });

    const commandLine = memory.read32(BOOT_PARAMS + 0x228);
    const ramdisk = memory.read32(BOOT_PARAMS + 0x218);
    expect([...memory.view(commandLine, 4)]).toEqual([...new TextEncoder().encode('a=1\0')]);
    expect(ramdisk).toBe((32 << 20) - 4096);
    expect([...memory.view(ramdisk, memory.read32(BOOT_PARAMS + 0x21c))]).toEqual([9, 8, 7]);
    expect(memory.read64(BOOT_PARAMS + 0x070)).toBe(BigInt(RSDP_PHYSICAL));
    expect(memory.read8(BOOT_PARAMS + 0x1e8)).toBe(3);
    expect([
      memory.read64(BOOT_PARAMS + 0x2d0),
      memory.read64(BOOT_PARAMS + 0x2d8),
      memory.read32(BOOT_PARAMS + 0x2e0),
    ]).toEqual([0n, 0x9fc00n, 1]);
    expect([memory.read64(BOOT_PARAMS + 0x2d0 + 40), memory.read64(BOOT_PARAMS + 0x2d8 + 40)]).toEqual([
      0x100000n,
      BigInt(31 << 20),
    ]);
  });

  it('refuses a kernel that does not fit into memory', () => {
    const target = bootTarget(16 << 20);

    expect(() => bootKernel(target, { kernel: elf64(), commandLine: '' })).toThrow(
      'the kernel needs at least 17 MiB of memory, and the machine has 16; choose more with -m',
    );
  });

  it('refuses an initramfs that does not fit beside the kernel', () => {
    const target = bootTarget(17 << 20);

    expect(() => bootKernel(target, { kernel: elf64(), commandLine: '', initrd: new Uint8Array(1 << 20) })).toThrow(
      'the initramfs of 1 MiB does not fit',
    );
  });

  it('refuses a kernel that would overwrite the boot data', () => {
    expect(() => bootKernel(bootTarget(), { kernel: elf64({ physical: 0x8000 }), commandLine: '' })).toThrow(
      'wants to be loaded below 1 MiB',
    );
  });

  it('refuses a command line that is too long', () => {
    expect(() => bootKernel(bootTarget(), { kernel: elf64(), commandLine: 'x'.repeat(2048) })).toThrow(
      'has 2048 bytes and this kernel takes 2047',
    );
  });
});

describe('PVH boot protocol', () => {
  it('enters a 32-bit kernel in protected mode with EBX at hvm_start_info', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf32(), commandLine: '' });

    expect(cpu.control.get('rip')).toBe(0x100001n);
    expect(cpu.gpr.get(RBX)).toBe(BigInt(START_INFO));
    expect(cpu.control.get('cr0')).toBe(0x11n);
    expect(cpu.control.get('cr4')).toBe(0n);
    expect(cpu.segments.get(CS)?.flags).toBe(0xc09b00);
    expect(cpu.segments.get(DS)?.flags).toBe(0xc09300);
    expect(cpu.segments.get(TR)?.flags).toBe(0x8b00);
  });

  it('goes before the 64-bit protocol in a kernel that has the note', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf64({ pvhEntry: 0x1000004 }), commandLine: '' });

    expect(cpu.control.get('rip')).toBe(0x1000004n);
    expect(cpu.control.get('efer')).toBe(0n);
  });

  it('describes the initramfs as a module and memory in a map', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: elf32(), commandLine: 'b', initrd: Uint8Array.of(5, 6) });

    const modules = Number(memory.read64(START_INFO + 16));
    const map = Number(memory.read64(START_INFO + 40));
    expect(memory.read32(START_INFO)).toBe(0x336ec578);
    expect(memory.read32(START_INFO + 12)).toBe(1);
    expect([...memory.view(Number(memory.read64(modules)), Number(memory.read64(modules + 8)))]).toEqual([5, 6]);
    expect(memory.read64(START_INFO + 32)).toBe(BigInt(RSDP_PHYSICAL));
    expect(memory.read32(START_INFO + 48)).toBe(3);
    expect([memory.read64(map + 48), memory.read64(map + 56), memory.read32(map + 64)]).toEqual([
      0x100000n,
      BigInt(31 << 20),
      1,
    ]);
  });

  it('is not invented for a 32-bit kernel without the note', () => {
    const kernel = buildElf({ is64: false, entry: 0x100000, parts: [{ physical: 0x100000, bytes: CODE }] });

    expect(() => bootKernel(bootTarget(), { kernel, commandLine: '' })).toThrow(
      'is a 32-bit ELF file without a PVH entry',
    );
  });

  it('refuses an entry outside of the kernel', () => {
    expect(() => bootKernel(bootTarget(), { kernel: elf64({ pvhEntry: 0x500000 }), commandLine: '' })).toThrow(
      'its PVH entry point is outside of what it loads',
    );
  });
});

describe('bzImage', () => {
  it('is entered by the 64-bit protocol at offset 200h', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel: bzImage(), commandLine: '' });

    expect([...memory.view(0x100000, 2)]).toEqual([...CODE]);
    expect(cpu.control.get('rip')).toBe(0x100200n);
    expect(cpu.gpr.get(RSI)).toBe(BigInt(BOOT_PARAMS));
    expect(memory.read32(BOOT_PARAMS + 0x202)).toBe(0x53726448);
    expect(memory.read8(BOOT_PARAMS + 0x210)).toBe(0xff);
  });

  it('is entered by the 32-bit protocol when it has no 64-bit entry', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();

    bootKernel(
      { memory, cpu, rsdpPhysical },
      { kernel: bzImage((view) => view.setUint16(0x236, 0, true)), commandLine: '' },
    );

    expect(cpu.control.get('rip')).toBe(0x100000n);
    expect(cpu.control.get('cr0')).toBe(0x11n);
  });

  it('gets its initramfs below the limit in its header', () => {
    const { memory, cpu, rsdpPhysical } = bootTarget();
    const kernel = bzImage((view) => view.setUint32(0x22c, 0x17fffff, true));

    bootKernel({ memory, cpu, rsdpPhysical }, { kernel, commandLine: '', initrd: new Uint8Array(4096) });

    expect(memory.read32(BOOT_PARAMS + 0x218)).toBe(0x17ff000);
  });

  it('is refused when it is shorter than its header says', () => {
    const kernel = bzImage((view) => view.setUint32(0x1f4, 3, true));

    expect(() => bootKernel(bootTarget(), { kernel, kernelName: 'k.img', commandLine: '' })).toThrow(
      'the kernel k.img is cut off: the bzImage is shorter than its header says',
    );
  });

  it('is refused when memory has no room to unpack it', () => {
    const kernel = bzImage((view) => view.setUint32(0x260, 0x2000000, true));

    expect(() => bootKernel(bootTarget(), { kernel, commandLine: '' })).toThrow(
      'the kernel needs at least 48 MiB of memory',
    );
  });

  it('is refused when it is too old', () => {
    const kernel = bzImage((view) => view.setUint16(0x206, 0x204, true));

    expect(() => bootKernel(bootTarget(), { kernel, commandLine: '' })).toThrow('is a Linux too old to be booted here');
  });
});

describe('files that are no kernel', () => {
  it('are refused by name', () => {
    expect(() =>
      bootKernel(bootTarget(), { kernel: new TextEncoder().encode('hello'), kernelName: 'notes.txt', commandLine: '' }),
    ).toThrow('the kernel notes.txt is not one: it is neither an ELF vmlinux nor a bzImage');
  });

  it('are refused with advice when they are compressed', () => {
    expect(() => bootKernel(bootTarget(), { kernel: Uint8Array.of(0x1f, 0x8b, 8), commandLine: '' })).toThrow(
      'the kernel is a gzip file; unpack it first',
    );
  });

  it('are refused when empty', () => {
    expect(() => bootKernel(bootTarget(), { kernel: new Uint8Array(0), commandLine: '' })).toThrow('is not one');
  });
});
