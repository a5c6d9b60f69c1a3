/** Sizes as people write them on a command line. */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { sizeInBytes } from '../util/sizes.ts';

const PAGE_BYTES = 4096;

/** Bytes in a size like 512M, 2G, 1.5g or 65536k; without a unit, bytes. `what` is what errors call it. Throws USAGE. */
export function parseSize(text: string, what: string): number {
  const bytes = sizeInBytes(text);
  if (bytes === undefined)
    throw new VivariumError(ErrorCodes.USAGE, `${what} "${text}" is no size; write one like 512M or 2G`);
  return bytes;
}

/** The same, rounded down to whole pages, as memory sizes must be. */
export function parseMemorySize(text: string): number {
  return Math.floor(parseSize(text, 'the memory size') / PAGE_BYTES) * PAGE_BYTES;
}

const STORAGE_OPTION = 'size=';

/** The size in a storage option `size=SIZE`. Throws USAGE. */
export function parseStorageOption(text: string): number {
  if (!text.startsWith(STORAGE_OPTION))
    throw new VivariumError(ErrorCodes.USAGE, `the storage option "${text}" is not known; write one like size=10G`);
  return parseSize(text.slice(STORAGE_OPTION.length), 'the storage size');
}
