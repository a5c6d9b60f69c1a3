/** Tells kernels apart by their content and boots each by its protocol. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { bootBzImage, isBzImage } from './bzimage.ts';
import { isElf, parseElf } from './elf.ts';
import { bootLinux64 } from './linux64.ts';
import { bootPvh, pvhEntry } from './pvh.ts';
import { badKernel, type BootRequest, type BootTarget } from './request.ts';

/** Files that people pass by mistake, by their first bytes. */
const OTHER_FORMATS: readonly { magic: readonly number[]; name: string }[] = [
  { magic: [0x1f, 0x8b], name: 'a gzip file; unpack it first' },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], name: 'a zstd file; unpack it first' },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], name: 'an xz file; unpack it first' },
  { magic: [0x30, 0x37, 0x30, 0x37, 0x30], name: 'a cpio archive; pass it with --initrd' },
];

/**
 * Loads the kernel with its initramfs and command line, and sets the CPU to its entry. An ELF kernel with a PVH note is
 * booted by that: other systems than Linux have it too. Throws BAD_KERNEL, BAD_MEMORY_SIZE or USAGE.
 */
export function bootKernel(target: BootTarget, request: BootRequest): void {
  try {
    dispatch(target, request);
  } catch (error) {
    // The loaders don't know what the user called the file.
    if (!(error instanceof VivariumError) || error.code !== ErrorCodes.BAD_KERNEL || request.kernelName === undefined)
      throw error;
    throw new VivariumError(
      error.code,
      error.message.replace(/^the kernel/, () => `the kernel ${request.kernelName}`),
      { cause: error },
    );
  }
}

function dispatch(target: BootTarget, request: BootRequest): void {
  const { kernel, entry = 'auto' } = request;
  if (isBzImage(kernel)) {
    bootBzImage(target, request);
    return;
  }
  if (!isElf(kernel)) {
    const other = OTHER_FORMATS.find(({ magic }) => magic.every((byte, index) => kernel[index] === byte));
    badKernel(other === undefined ? 'is not one: it is neither an ELF vmlinux nor a bzImage' : `is ${other.name}`);
  }
  const image = parseElf(kernel);
  if (entry === 'pvh' || (entry === 'auto' && pvhEntry(image) !== undefined)) bootPvh(target, image, request);
  else if (image.is64) bootLinux64(target, image, request);
  else badKernel('is a 32-bit ELF file without a PVH entry; use its bzImage, or build it with CONFIG_PVH');
}
