/**
 * Reads images that writer.ts has made: for looking into layers without a guest. Whatever it finds is checked against the
 * image's bounds, for a file may be damaged. Left out: what writer.ts never writes.
 */
import { CRC32C_POLYNOMIAL, crcFunction } from '../../util/crc.ts';
import { type ContentSource, sliceContent } from '../content.ts';
import { badImage } from '../fail.ts';
import type { InodeAttributes } from '../tree.ts';
import { decodeDirectoryBlock } from './directory.ts';
import * as F from './format.ts';
import { decodeXattrs, xattrByteCount } from './xattrs.ts';

const NS_PER_SECOND = 1_000_000_000n;
const CRC_SEED = 0xffffffff;
/** Windows on inodes and directories: neighbours are read together. */
const WINDOW_BYTES = 64 * 1024;

const crc32c = crcFunction(CRC32C_POLYNOMIAL);
const utf8 = new TextEncoder();
const text = new TextDecoder();

export type ErofsKind = keyof typeof F.FileTypes;

/** An inode of an image, its data not yet read. */
export interface ErofsInode {
  readonly nid: number;
  readonly kind: ErofsKind;
  readonly linkCount: number;
  readonly size: number;
  readonly attributes: InodeAttributes;
  /** Device numbers; 0 for all but devices. */
  readonly major: number;
  readonly minor: number;
  readonly content: ContentSource;
}

export class ErofsImage {
  readonly root: ErofsInode;
  readonly label: string;
  readonly inodeCount: number;
  readonly #content: ContentSource;
  readonly #what: string;
  #window: Uint8Array = new Uint8Array(0);
  #windowStart = 0;

  /** Checks the superblock. Throws BAD_IMAGE when this is no whole image of ours. `what` names it in errors. */
  constructor(content: ContentSource, what: string) {
    this.#content = content;
    this.#what = what;
    const block = content.readSync(0, F.BLOCK_BYTES);
    if (block.length < F.BLOCK_BYTES) throw this.#damaged();
    const superblock = Uint8Array.from(block.subarray(F.SUPER_OFFSET));
    const view = new DataView(superblock.buffer);
    const checksum = view.getUint32(F.SB_CHECKSUM, true);
    view.setUint32(F.SB_CHECKSUM, 0, true);
    if (
      view.getUint32(F.SB_MAGIC, true) !== F.SUPER_MAGIC ||
      checksum !== crc32c(CRC_SEED, superblock) ||
      view.getUint32(F.SB_BLOCKS, true) * F.BLOCK_BYTES !== content.size
    )
      throw this.#damaged();
    const name = superblock.subarray(F.SB_VOLUME_NAME, F.SB_VOLUME_NAME + F.VOLUME_NAME_BYTES);
    this.label = text.decode(name).replace(/\0.*$/, '');
    this.inodeCount = Number(view.getBigUint64(F.SB_INOS, true));
    this.root = this.inode(view.getUint16(F.SB_ROOT_NID, true));
    if (this.root.kind !== 'directory') throw this.#damaged();
  }

  /** The inode with this number. */
  inode(nid: number): ErofsInode {
    const offset = nid * F.SLOT_BYTES;
    const bytes = this.#read(offset, F.INODE_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const format = view.getUint16(F.I_FORMAT, true);
    const layout = (format >> F.FORMAT_LAYOUT_SHIFT) & F.FORMAT_LAYOUT_MASK;
    const mode = view.getUint16(F.I_MODE, true);
    const kind = KINDS.get(mode & F.MODE_TYPE_MASK);
    const size = Number(view.getBigUint64(F.I_SIZE, true));
    if (
      (format & F.FORMAT_EXTENDED) === 0 ||
      (layout !== F.LAYOUT_FLAT_PLAIN && layout !== F.LAYOUT_FLAT_INLINE) ||
      kind === undefined ||
      size > this.#content.size
    )
      throw this.#damaged();
    const xattrBytes = xattrByteCount(view.getUint16(F.I_XATTR_ICOUNT, true));
    const dataAt = offset + F.INODE_BYTES + xattrBytes;
    const isDevice = kind === 'char' || kind === 'block';
    const device = isDevice ? F.unpackDevice(view.getUint32(F.I_U, true)) : { major: 0, minor: 0 };
    const inlineBytes = layout === F.LAYOUT_FLAT_INLINE ? size % F.BLOCK_BYTES : 0;
    return {
      nid,
      kind,
      size,
      linkCount: view.getUint32(F.I_NLINK, true),
      attributes: {
        mode: mode & F.MODE_PERMISSIONS,
        uid: view.getUint32(F.I_UID, true),
        gid: view.getUint32(F.I_GID, true),
        mtimeNs: view.getBigInt64(F.I_MTIME, true) * NS_PER_SECOND + BigInt(view.getUint32(F.I_MTIME_NSEC, true)),
        xattrs: decodeXattrs(this.#read(offset + F.INODE_BYTES, xattrBytes), this.#what),
      },
      ...device,
      content: this.#data(view.getUint32(F.I_U, true) * F.BLOCK_BYTES, size - inlineBytes, dataAt, inlineBytes),
    };
  }

  /** The inode of a name in a directory. */
  lookup(directory: ErofsInode, name: string): ErofsInode | undefined {
    const wanted = utf8.encode(name);
    for (const entry of this.#entries(directory)) {
      if (entry.name.length === wanted.length && entry.name.every((byte, at) => byte === wanted[at]))
        return this.inode(entry.nid);
    }
    return undefined;
  }

  /** What is in a directory, in the order of names' bytes, without `.` and `..`. */
  *list(directory: ErofsInode): Generator<{ readonly name: string; readonly inode: ErofsInode }> {
    for (const { name, nid } of this.#entries(directory)) {
      const decoded = text.decode(name);
      if (decoded !== '.' && decoded !== '..') yield { name: decoded, inode: this.inode(nid) };
    }
  }

  *#entries({ content }: ErofsInode) {
    for (let offset = 0; offset < content.size; offset += F.BLOCK_BYTES) {
      const entries = decodeDirectoryBlock(content.readSync(offset, F.BLOCK_BYTES));
      if (entries === undefined) throw this.#damaged();
      yield* entries;
    }
  }

  /** Data in blocks, followed by data behind the inode. */
  #data(blocksAt: number, blockBytes: number, inlineAt: number, inlineBytes: number): ContentSource {
    const content = this.#content;
    const isInside = (at: number, byteCount: number): boolean => byteCount === 0 || at + byteCount <= content.size;
    if (!isInside(blocksAt, blockBytes) || !isInside(inlineAt, inlineBytes)) throw this.#damaged();
    const tail = sliceContent(content, inlineAt, inlineBytes);
    if (blockBytes === 0) return tail;
    const head = sliceContent(content, blocksAt, blockBytes);
    if (inlineBytes === 0) return head;
    return {
      size: blockBytes + inlineBytes,
      readSync: (offset, length) => {
        if (offset >= blockBytes) return tail.readSync(offset - blockBytes, length);
        if (offset + length <= blockBytes) return head.readSync(offset, length);
        const first = head.readSync(offset, length);
        const second = tail.readSync(0, length - first.length);
        const joined = new Uint8Array(first.length + second.length);
        joined.set(first);
        joined.set(second, first.length);
        return joined;
      },
    };
  }

  #read(offset: number, length: number): Uint8Array {
    if (offset + length > this.#content.size) throw this.#damaged();
    if (offset < this.#windowStart || offset + length > this.#windowStart + this.#window.length) {
      this.#window = this.#content.readSync(offset, Math.max(length, WINDOW_BYTES));
      this.#windowStart = offset;
      if (this.#window.length < length) throw this.#damaged();
    }
    return this.#window.subarray(offset - this.#windowStart, offset - this.#windowStart + length);
  }

  #damaged(): Error {
    return badImage(`${this.#what} is damaged; remove it and get the image again`);
  }
}

const KINDS: ReadonlyMap<number, ErofsKind> = new Map(
  Object.entries(F.FileTypes).map(([kind, { mode }]) => [mode, kind as ErofsKind]),
);
