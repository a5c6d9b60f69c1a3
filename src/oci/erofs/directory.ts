/**
 * Content of directories: blocks, each with its entries and then their names, in the order of the names' bytes. A block's
 * last name ends where the content or the block does, or at a NUL.
 */
import { BLOCK_BYTES, D_FILE_TYPE, D_NAMEOFF, D_NID, DIRENT_BYTES } from './format.ts';

const utf8 = new TextEncoder();

export interface NamedChild<Child> {
  readonly name: Uint8Array;
  readonly child: Child;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Entries in their order on disk. */
export function sortChildren<Child>(children: Iterable<readonly [string, Child]>): NamedChild<Child>[] {
  return Array.from(children, ([name, child]) => ({ name: utf8.encode(name), child })).sort((a, b) =>
    compareBytes(a.name, b.name),
  );
}

/** How sorted names spread over blocks: the index after each block's last name, and the bytes of the last block. */
export interface DirectoryPlan {
  readonly blockEnds: readonly number[];
  readonly byteCount: number;
}

/** Plans a directory's blocks. Each name is under 255 bytes, so that at least one fits. */
export function planDirectory(names: readonly Uint8Array[]): DirectoryPlan {
  const blockEnds: number[] = [];
  let used = 0;
  names.forEach((name, index) => {
    const needed = DIRENT_BYTES + name.length;
    if (used + needed > BLOCK_BYTES) {
      blockEnds.push(index);
      used = 0;
    }
    used += needed;
  });
  blockEnds.push(names.length);
  return { blockEnds, byteCount: (blockEnds.length - 1) * BLOCK_BYTES + used };
}

/** The content of a directory, unpadded. */
export function encodeDirectory(
  entries: readonly { readonly name: Uint8Array; readonly nid: number; readonly fileType: number }[],
  { blockEnds, byteCount }: DirectoryPlan,
): Uint8Array {
  const bytes = new Uint8Array(byteCount);
  const view = new DataView(bytes.buffer);
  let first = 0;
  blockEnds.forEach((end, block) => {
    const start = block * BLOCK_BYTES;
    let nameOffset = (end - first) * DIRENT_BYTES;
    for (let index = first; index < end; index++) {
      const { name, nid, fileType } = entries[index]!;
      const at = start + (index - first) * DIRENT_BYTES;
      view.setBigUint64(at + D_NID, BigInt(nid), true);
      view.setUint16(at + D_NAMEOFF, nameOffset, true);
      view.setUint8(at + D_FILE_TYPE, fileType);
      bytes.set(name, start + nameOffset);
      nameOffset += name.length;
    }
    first = end;
  });
  return bytes;
}

export interface StoredEntry {
  readonly name: Uint8Array;
  readonly nid: number;
}

/** The entries of one block; `undefined` when it is broken. */
export function decodeDirectoryBlock(block: Uint8Array): StoredEntry[] | undefined {
  if (block.length < DIRENT_BYTES) return undefined;
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const namesAt = view.getUint16(D_NAMEOFF, true);
  const count = namesAt / DIRENT_BYTES;
  if (!Number.isInteger(count) || count === 0 || namesAt > block.length) return undefined;
  const entries: StoredEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * DIRENT_BYTES;
    const start = view.getUint16(at + D_NAMEOFF, true);
    const isLast = index + 1 === count;
    const end = isLast ? block.length : view.getUint16(at + DIRENT_BYTES + D_NAMEOFF, true);
    if (start < namesAt || end < start || end > block.length) return undefined;
    const stored = block.subarray(start, end);
    const padding = isLast ? stored.indexOf(0) : -1;
    entries.push({
      name: padding < 0 ? stored : stored.subarray(0, padding),
      nid: Number(view.getBigUint64(at + D_NID, true)),
    });
  }
  return entries;
}
