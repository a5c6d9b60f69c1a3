/**
 * Where everything of an image lies: inodes first, each directory's children side by side, with short data behind them;
 * then blocks of directories and links, then of files. It depends on the tree alone: the same tree, the same image.
 */
import { assert } from '../../util/errors.ts';
import { overLimit, quote } from '../fail.ts';
import type { DirectoryInode, Inode } from '../tree.ts';
import { type DirectoryPlan, type NamedChild, planDirectory, sortChildren } from './directory.ts';
import { alignUp, BLOCK_BYTES, INODE_BYTES, NAME_BYTES_MAX, NO_BLOCK, SLOT_BYTES } from './format.ts';
import { encodeXattrs } from './xattrs.ts';

/** A file's last bytes lie behind its inode if they are few: each costs room where inodes could be. */
const INLINE_TAIL_MAX = 2048;
const BLOCK_COUNT_MAX = NO_BLOCK;

const utf8 = new TextEncoder();

/** An inode and its place. Offsets are in bytes from the start of the image. */
export interface PlacedInode {
  readonly inode: Inode;
  /** Counted from 1. */
  readonly number: number;
  linkCount: number;
  readonly xattrs: Uint8Array;
  readonly byteCount: number;
  /** The data's end that is behind the inode and its attributes; the rest is in blocks. */
  readonly inlineBytes: number;
  readonly offset: number;
  firstBlock: number;
  /** What a directory has, `.` and `..` included, sorted. */
  readonly directory?: { readonly children: readonly NamedChild<Inode>[]; readonly plan: DirectoryPlan };
  /** Where a symbolic link leads. */
  readonly target?: Uint8Array;
}

export interface ImageLayout {
  /** In the order of their offsets, the root first. */
  readonly inodes: readonly PlacedInode[];
  readonly places: ReadonlyMap<Inode, PlacedInode>;
  /** Those with data in blocks, in its order. */
  readonly withBlocks: readonly PlacedInode[];
  /** Where the blocks begin. */
  readonly dataOffset: number;
  readonly blockCount: number;
}

export function nidOf({ offset }: PlacedInode): number {
  return offset / SLOT_BYTES;
}

/** How many blocks an inode's data takes. */
export function dataBlockCount({ byteCount, inlineBytes }: PlacedInode): number {
  return Math.ceil((byteCount - inlineBytes) / BLOCK_BYTES);
}

/** Lays a tree out. Throws LIMIT for what the format can't hold. `what` names the layer. */
export function layOut(root: DirectoryInode, what: string): ImageLayout {
  const planner = new Planner(what);
  planner.placeTree(root);
  return planner.finish();
}

class Planner {
  readonly #what: string;
  readonly #places = new Map<Inode, PlacedInode>();
  readonly #inodes: PlacedInode[] = [];
  /** The first block has the superblock and nothing else. */
  #offset = BLOCK_BYTES;

  constructor(what: string) {
    this.#what = what;
  }

  /** Directories depth first, each followed at once by its children. */
  placeTree(root: DirectoryInode): void {
    this.#placeDirectory(root, '');
    const pending = [root];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      const subdirectories: DirectoryInode[] = [];
      const { children } = this.#places.get(directory)!.directory!;
      for (const { name, child } of children) {
        if (child === directory || child === directory.parent) continue; // . and ..
        if (child.kind === 'directory') {
          this.#placeDirectory(child, name);
          this.#places.get(directory)!.linkCount++;
          subdirectories.push(child);
        } else {
          this.#placeName(child, name);
        }
      }
      pending.push(...subdirectories.reverse());
    }
  }

  finish(): ImageLayout {
    const dataOffset = alignUp(this.#offset, BLOCK_BYTES);
    let block = dataOffset / BLOCK_BYTES;
    const isFile = ({ inode }: PlacedInode): boolean => inode.kind === 'file';
    const inBlocks = this.#inodes.filter((placed) => dataBlockCount(placed) > 0);
    const withBlocks = [...inBlocks.filter((placed) => !isFile(placed)), ...inBlocks.filter(isFile)];
    for (const placed of withBlocks) {
      placed.firstBlock = block;
      block += dataBlockCount(placed);
    }
    if (block > BLOCK_COUNT_MAX) throw overLimit(`${this.#what} is too large for a disk image`);
    return { inodes: this.#inodes, places: this.#places, withBlocks, dataOffset, blockCount: block };
  }

  #placeDirectory(inode: DirectoryInode, name: Uint8Array | ''): void {
    const children = sortChildren<Inode>([...inode.entries, ['.', inode], ['..', inode.parent ?? inode]]);
    for (const child of children) {
      if (child.name.length > NAME_BYTES_MAX)
        throw overLimit(`${this.#what}: ${quote(decode(child.name))} is longer than ${NAME_BYTES_MAX} bytes`);
    }
    const plan = planDirectory(children.map((child) => child.name));
    const placed = this.#place(inode, decode(name), plan.byteCount, { directory: { children, plan } });
    placed.linkCount = 2; // its name (the root's is its own `..`) and its `.`
  }

  #placeName(inode: Exclude<Inode, DirectoryInode>, name: Uint8Array): void {
    const existing = this.#places.get(inode);
    if (existing !== undefined) {
      existing.linkCount++;
      return;
    }
    if (inode.kind === 'symlink') {
      const target = utf8.encode(inode.target);
      this.#place(inode, decode(name), target.length, { target });
    } else {
      this.#place(inode, decode(name), inode.kind === 'file' ? inode.content.size : 0, {});
    }
  }

  #place(inode: Inode, name: string, byteCount: number, more: Pick<PlacedInode, 'directory' | 'target'>): PlacedInode {
    assert(!this.#places.has(inode), 'a directory has one place');
    const xattrs = encodeXattrs(inode.attributes.xattrs, `${this.#what}: ${quote(name)}`);
    const headBytes = INODE_BYTES + xattrs.length;
    const tailBytes = byteCount % BLOCK_BYTES;
    const inlineMax = inode.kind === 'file' ? INLINE_TAIL_MAX : BLOCK_BYTES;
    const inlineBytes = tailBytes <= inlineMax && headBytes + tailBytes <= BLOCK_BYTES ? tailBytes : 0;
    // What lies inline must not cross into another block, nor, to be kind to readers, may the inode itself.
    const kept = inlineBytes > 0 ? headBytes + inlineBytes : INODE_BYTES;
    const room = BLOCK_BYTES - (this.#offset % BLOCK_BYTES);
    const offset = kept <= room ? this.#offset : this.#offset + room;
    const placed: PlacedInode = {
      inode,
      number: this.#inodes.length + 1,
      linkCount: 1,
      xattrs,
      byteCount,
      inlineBytes,
      offset,
      firstBlock: NO_BLOCK,
      ...more,
    };
    this.#offset = alignUp(offset + headBytes + inlineBytes, SLOT_BYTES);
    this.#inodes.push(placed);
    this.#places.set(inode, placed);
    return placed;
  }
}

function decode(name: Uint8Array | ''): string {
  return name === '' ? '/' : new TextDecoder().decode(name);
}
