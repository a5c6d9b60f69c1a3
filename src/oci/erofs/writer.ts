/**
 * Writes an EROFS image of a layer's tree, from its first byte to its last, the same bytes for the same tree and UUID.
 * Uncompressed; extended inodes, so that owners over 65535 and nanoseconds fit; see format.ts for the specification.
 * Left out: shared extended attributes, chunked files, anything compressed.
 */
import { CRC32C_POLYNOMIAL, crcFunction } from '../../util/crc.ts';
import { badImage, overLimit } from '../fail.ts';
import type { DirectoryInode, Inode, SpecialInode } from '../tree.ts';
import { encodeDirectory } from './directory.ts';
import * as F from './format.ts';
import { type ImageLayout, layOut, nidOf, type PlacedInode } from './layout.ts';
import { xattrWordCount } from './xattrs.ts';

/** Takes an image's bytes in order. It keeps none of them: the array is used again once it is done. */
export type ImageSink = (bytes: Uint8Array) => void | Promise<void>;

export interface ErofsOptions {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Volume name, up to 16 ASCII characters. */
  readonly label?: string;
  /** Names the layer in errors. */
  readonly what: string;
}

const CHUNK_BYTES = 256 * 1024;
const NS_PER_SECOND = 1_000_000_000n;

const crc32c = crcFunction(CRC32C_POLYNOMIAL);
const CRC_SEED = 0xffffffff;

/** Writes the image. Throws LIMIT for what the format can't hold, BAD_IMAGE when a file's content ends early. */
export async function writeErofs(root: DirectoryInode, options: ErofsOptions, sink: ImageSink): Promise<void> {
  const layout = layOut(root, options.what);
  const image = new ImageWriter(layout, options, sink);
  await image.write();
}

class ImageWriter {
  readonly #layout: ImageLayout;
  readonly #options: ErofsOptions;
  readonly #sink: ImageSink;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #fill = 0;
  #offset = 0;

  constructor(layout: ImageLayout, options: ErofsOptions, sink: ImageSink) {
    this.#layout = layout;
    this.#options = options;
    this.#sink = sink;
  }

  async write(): Promise<void> {
    const { inodes, withBlocks, dataOffset, blockCount } = this.#layout;
    await this.#put(this.#firstBlock());
    for (const placed of inodes) {
      await this.#padTo(placed.offset);
      await this.#put(encodeInode(placed, this.#options.what));
      await this.#put(placed.xattrs);
      await this.#putData(placed, placed.byteCount - placed.inlineBytes, placed.byteCount);
    }
    await this.#padTo(dataOffset);
    for (const placed of withBlocks) {
      await this.#padTo(placed.firstBlock * F.BLOCK_BYTES);
      await this.#putData(placed, 0, placed.byteCount - placed.inlineBytes);
    }
    await this.#padTo(blockCount * F.BLOCK_BYTES);
    await this.#flush();
  }

  #firstBlock(): Uint8Array {
    const { inodes, blockCount } = this.#layout;
    const block = new Uint8Array(F.BLOCK_BYTES);
    const superblock = block.subarray(F.SUPER_OFFSET);
    const view = new DataView(block.buffer, F.SUPER_OFFSET);
    view.setUint32(F.SB_MAGIC, F.SUPER_MAGIC, true);
    view.setUint32(F.SB_FEATURE_COMPAT, F.FEATURE_COMPAT_SB_CHKSUM | F.FEATURE_COMPAT_MTIME, true);
    view.setUint8(F.SB_BLKSZBITS, F.BLOCK_BITS);
    view.setUint16(F.SB_ROOT_NID, nidOf(inodes[0]!), true);
    view.setBigUint64(F.SB_INOS, BigInt(inodes.length), true);
    view.setUint32(F.SB_BLOCKS, blockCount, true);
    superblock.set(this.#options.uuid.subarray(0, F.UUID_BYTES), F.SB_UUID);
    const label = new TextEncoder().encode(this.#options.label ?? '');
    superblock.set(label.subarray(0, F.VOLUME_NAME_BYTES), F.SB_VOLUME_NAME);
    view.setUint32(F.SB_CHECKSUM, crc32c(CRC_SEED, superblock), true);
    return block;
  }

  /** A range of an inode's data. */
  async #putData({ inode, directory, target }: PlacedInode, start: number, end: number): Promise<void> {
    if (start === end) return;
    if (inode.kind === 'file') {
      for (let at = start; at < end;) {
        const bytes = inode.content.readSync(at, Math.min(end - at, CHUNK_BYTES));
        if (bytes.length === 0) throw badImage(`${this.#options.what}: a file's content ends before its size`);
        await this.#put(bytes);
        at += bytes.length;
      }
    } else if (directory !== undefined) {
      const entries = directory.children.map(({ name, child }) => ({
        name,
        nid: nidOf(this.#layout.places.get(child)!),
        fileType: F.FileTypes[child.kind].dirent,
      }));
      await this.#put(encodeDirectory(entries, directory.plan).subarray(start, end));
    } else {
      await this.#put(target!.subarray(start, end));
    }
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + CHUNK_BYTES - this.#fill);
      this.#chunk.set(piece, this.#fill);
      this.#fill += piece.length;
      at += piece.length;
      if (this.#fill === CHUNK_BYTES) await this.#flush();
    }
    this.#offset += bytes.length;
  }

  async #padTo(offset: number): Promise<void> {
    if (offset > this.#offset) await this.#put(new Uint8Array(offset - this.#offset));
  }

  async #flush(): Promise<void> {
    if (this.#fill > 0) await this.#sink(this.#chunk.subarray(0, this.#fill));
    this.#fill = 0;
  }
}

function encodeInode(placed: PlacedInode, what: string): Uint8Array {
  const { inode, inlineBytes, xattrs, byteCount, linkCount, number } = placed;
  const { mode, uid, gid, mtimeNs } = inode.attributes;
  const bytes = new Uint8Array(F.INODE_BYTES);
  const view = new DataView(bytes.buffer);
  const layout = inlineBytes > 0 ? F.LAYOUT_FLAT_INLINE : F.LAYOUT_FLAT_PLAIN;
  const nanoseconds = ((mtimeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  view.setUint16(F.I_FORMAT, F.FORMAT_EXTENDED | (layout << F.FORMAT_LAYOUT_SHIFT), true);
  view.setUint16(F.I_XATTR_ICOUNT, xattrWordCount(xattrs.length), true);
  view.setUint16(F.I_MODE, F.FileTypes[inode.kind].mode | (mode & F.MODE_PERMISSIONS), true);
  view.setBigUint64(F.I_SIZE, BigInt(byteCount), true);
  view.setUint32(F.I_U, firstBlockOrDevice(inode, placed.firstBlock, what), true);
  view.setUint32(F.I_INO, number, true);
  view.setUint32(F.I_UID, uid, true);
  view.setUint32(F.I_GID, gid, true);
  view.setBigInt64(F.I_MTIME, (mtimeNs - nanoseconds) / NS_PER_SECOND, true);
  view.setUint32(F.I_MTIME_NSEC, Number(nanoseconds), true);
  view.setUint32(F.I_NLINK, linkCount, true);
  return bytes;
}

function firstBlockOrDevice(inode: Inode, firstBlock: number, what: string): number {
  return inode.kind === 'char' || inode.kind === 'block' ? encodeDevice(inode, what) : firstBlock;
}

function encodeDevice({ major, minor }: SpecialInode, what: string): number {
  if (major > F.MAJOR_MAX || minor > F.MINOR_MAX)
    throw overLimit(`${what} holds a device with the number ${major}:${minor}, which Linux does not have`);
  return F.packDevice(major, minor);
}
