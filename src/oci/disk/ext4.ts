/**
 * Makes an empty ext4 file system for a container's writable layer (Linux Documentation/filesystems/ext4). A disk of any
 * size gets a few blocks written, and needs no mkfs in the guest: inode tables are marked as not yet initialised, and what
 * was never written reads as zeroes. Each group of a disk that is not huge has its block bitmap, a block: where there is none, the
 * kernel goes through the blocks of the group's inode table at every mount, 15,000 instructions a group. Little endian.
 *
 * Left out: backup superblocks, flexible block groups, checksums of anything but group descriptors.
 */
import { CRC16_POLYNOMIAL, crcFunction } from '../../util/crc.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { showBytes } from '../fail.ts';
import type { InodeAttributes } from '../tree.ts';
import { journalSuperblock } from './jbd2.ts';
import type { DiskPart } from './parts.ts';

const BLOCK_BYTES = 4096;
const BLOCKS_PER_GROUP = 8 * BLOCK_BYTES; // a bitmap is one block
const INODE_BYTES = 256;
const INODES_PER_BLOCK = BLOCK_BYTES / INODE_BYTES;
const DESCRIPTOR_BYTES = 32;
const DESCRIPTORS_PER_BLOCK = BLOCK_BYTES / DESCRIPTOR_BYTES;
/** One inode for so many bytes, as mke2fs has it. */
const BYTES_PER_INODE = 16384;
/** A last group with less than this behind its own tables is not worth it. */
const LAST_GROUP_BLOCKS_MIN = 64;
const JOURNAL_BLOCKS = 4096;
/** So many groups get block bitmaps, 4 MiB of them; those of a disk above 128 GiB are for the kernel to make. */
const BITMAPS_MAX = 1024;
export const EXT4_BYTES_MIN = 8 << 20;
/** What block numbers of 32 bits reach. */
export const EXT4_BYTES_MAX = 2 ** 44 - BLOCK_BYTES;

const ROOT_INODE = 2;
const JOURNAL_INODE = 8;
const FIRST_FREE_INODE = 11;
const LOST_AND_FOUND_MODE = 0o700;

// Superblock ("Super Block").
const SUPER_OFFSET = 1024;
const S_INODES_COUNT = 0;
const S_BLOCKS_COUNT = 4;
const S_FREE_BLOCKS_COUNT = 12;
const S_FREE_INODES_COUNT = 16;
const S_LOG_BLOCK_SIZE = 24;
const S_LOG_CLUSTER_SIZE = 28;
const S_BLOCKS_PER_GROUP = 32;
const S_CLUSTERS_PER_GROUP = 36;
const S_INODES_PER_GROUP = 40;
const S_MAX_MNT_COUNT = 54;
const S_MAGIC = 56;
const S_STATE = 58;
const S_ERRORS = 60;
const S_REV_LEVEL = 76;
const S_FIRST_INO = 84;
const S_INODE_SIZE = 88;
const S_FEATURE_COMPAT = 92;
const S_FEATURE_INCOMPAT = 96;
const S_FEATURE_RO_COMPAT = 100;
const S_UUID = 104;
const S_JOURNAL_INUM = 224;
const S_HASH_SEED = 236;
const S_DEF_HASH_VERSION = 252;
const S_JNL_BACKUP_TYPE = 253;
const S_DEFAULT_MOUNT_OPTS = 256;
const S_JNL_BLOCKS = 268;
const S_MIN_EXTRA_ISIZE = 348;
const S_WANT_EXTRA_ISIZE = 350;
const S_FLAGS = 352;
const MAGIC = 0xef53;
const STATE_CLEAN = 1;
const ERRORS_REMOUNT_READ_ONLY = 2;
const REVISION_DYNAMIC = 1;
const LOG_BLOCK_SIZE = 2;
const NO_MOUNT_LIMIT = 0xffff;
const COMPAT_HAS_JOURNAL = 0x4;
const COMPAT_EXT_ATTR = 0x8;
const COMPAT_DIR_INDEX = 0x20;
const COMPAT_SPARSE_SUPER2 = 0x200;
const INCOMPAT_FILETYPE = 0x2;
const INCOMPAT_EXTENTS = 0x40;
const RO_COMPAT_LARGE_FILE = 0x2;
const RO_COMPAT_HUGE_FILE = 0x8;
const RO_COMPAT_GDT_CSUM = 0x10;
const RO_COMPAT_DIR_NLINK = 0x20;
const RO_COMPAT_EXTRA_ISIZE = 0x40;
const HASH_HALF_MD4 = 1;
const FLAGS_SIGNED_HASH = 1;
const MOUNT_XATTR_USER = 0x4;
const MOUNT_ACL = 0x8;

// Group descriptors ("Block Group Descriptors").
const BG_BLOCK_BITMAP = 0;
const BG_INODE_BITMAP = 4;
const BG_INODE_TABLE = 8;
const BG_FREE_BLOCKS_COUNT = 12;
const BG_FREE_INODES_COUNT = 14;
const BG_USED_DIRS_COUNT = 16;
const BG_FLAGS = 18;
const BG_ITABLE_UNUSED = 28;
const BG_CHECKSUM = 30;
const BG_INODE_UNINIT = 0x1;
const BG_BLOCK_UNINIT = 0x2;
const BG_INODE_ZEROED = 0x4;
const CRC16_SEED = 0xffff;

// Inodes ("Index Nodes").
const I_MODE = 0;
const I_UID = 2;
const I_SIZE = 4;
const I_ATIME = 8;
const I_CTIME = 12;
const I_MTIME = 16;
const I_GID = 24;
const I_LINKS_COUNT = 26;
const I_BLOCKS = 28;
const I_FLAGS = 32;
const I_BLOCK = 40;
const I_BLOCK_WORDS = 15;
const I_UID_HIGH = 120;
const I_GID_HIGH = 122;
const I_EXTRA_ISIZE = 128;
const I_CTIME_EXTRA = 132;
const I_MTIME_EXTRA = 136;
const I_ATIME_EXTRA = 140;
const I_CRTIME = 144;
const EXTRA_ISIZE = 32;
const FLAG_EXTENTS = 0x80000;
const SECTORS_PER_BLOCK = 8;
const NS_PER_SECOND = 1_000_000_000n;
const EPOCH_MASK = 3n;

// Extents ("Extent Tree"), in i_block.
const EXTENT_MAGIC = 0xf30a;
const EXTENTS_MAX = 4;
const EE_LEN = 16;
const EE_START_LO = 20;

const MODES = { directory: 0o040000, file: 0o100000 } as const;
const DIRENT_TYPES = { directory: 2, file: 1 } as const;
const DIRENT_HEAD_BYTES = 8;
const DIRENT_ALIGNMENT = 4;

const crc16 = crcFunction(CRC16_POLYNOMIAL);
const utf8 = new TextEncoder();

/** A folder or a short file in the root directory. Extended attributes are left out. */
export interface Ext4Entry {
  readonly name: string;
  readonly attributes: Pick<InodeAttributes, 'mode' | 'uid' | 'gid' | 'mtimeNs'>;
  /** Of a file, at most one block; a folder is empty. */
  readonly content?: Uint8Array;
}

export interface Ext4Options {
  /** Size of the disk. */
  readonly byteCount: number;
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Survives a power failure; else it is for who begins anew afterwards. */
  readonly journal: boolean;
  readonly entries: readonly Ext4Entry[];
}

/** Throws USAGE for a size that no file system of ours can have. */
export function checkExt4Size(byteCount: number): void {
  if (!Number.isSafeInteger(byteCount) || byteCount < EXT4_BYTES_MIN || byteCount > EXT4_BYTES_MAX)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `a container's disk can't have ${showBytes(byteCount)}; choose between ${showBytes(EXT4_BYTES_MIN)} and 16 TiB`,
    );
}

/** What to write on a disk of zeroes. Throws USAGE for a size that can't be. */
export function makeExt4(options: Ext4Options): DiskPart[] {
  checkExt4Size(options.byteCount);
  return new Formatter(options).format();
}

interface NewInode {
  readonly number: number;
  readonly kind: keyof typeof MODES;
  readonly attributes: Ext4Entry['attributes'];
  readonly linkCount: number;
  readonly byteCount: number;
  readonly firstBlock: number;
  readonly blockCount: number;
}

class Formatter {
  readonly #options: Ext4Options;
  readonly #inodesPerGroup: number;
  readonly #tableBlocks: number;
  readonly #blockCount: number;
  readonly #groupCount: number;
  readonly #parts: DiskPart[] = [];
  readonly #inodes: NewInode[] = [];
  /** The next free block in the first group. */
  #nextBlock: number;

  constructor(options: Ext4Options) {
    this.#options = options;
    const blocks = Math.floor(options.byteCount / BLOCK_BYTES);
    const inodes = Math.ceil((BLOCKS_PER_GROUP * BLOCK_BYTES) / BYTES_PER_INODE);
    this.#inodesPerGroup = inodes;
    this.#tableBlocks = inodes / INODES_PER_BLOCK;
    const rest = blocks % BLOCKS_PER_GROUP;
    const isWorthIt = blocks < BLOCKS_PER_GROUP || rest >= this.#tableBlocks + 2 + LAST_GROUP_BLOCKS_MIN;
    this.#blockCount = isWorthIt ? blocks : blocks - rest;
    this.#groupCount = Math.ceil(this.#blockCount / BLOCKS_PER_GROUP);
    this.#nextBlock = this.#firstTable + 2 + this.#tableBlocks;
  }

  /** Where the first group's bitmaps are: behind the superblock and the descriptors. */
  get #firstTable(): number {
    return 1 + Math.ceil(this.#groupCount / DESCRIPTORS_PER_BLOCK);
  }

  format(): DiskPart[] {
    const { entries, journal } = this.#options;
    const root = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };
    const children = [{ name: 'lost+found', attributes: { ...root, mode: LOST_AND_FOUND_MODE } }, ...entries];
    const numbered = children.map((entry: Ext4Entry, index) => ({ entry, number: FIRST_FREE_INODE + index }));
    const folderCount = children.filter(isFolder).length;
    const listing = numbered.map(({ entry, number }) => ({ name: entry.name, number, kind: kindOf(entry) }));
    this.#add(ROOT_INODE, 'directory', root, 2 + folderCount, directoryBlock(ROOT_INODE, ROOT_INODE, listing));
    if (journal) this.#addJournal();
    for (const { entry, number } of numbered) {
      if (isFolder(entry)) this.#add(number, 'directory', entry.attributes, 2, directoryBlock(number, ROOT_INODE, []));
      else this.#add(number, 'file', entry.attributes, 1, entry.content!);
    }
    const usedInodes = FIRST_FREE_INODE - 1 + children.length;
    this.#putInodes(usedInodes);
    this.#putGroups(usedInodes, 1 + folderCount);
    return this.#parts;
  }

  #put(block: number, bytes: Uint8Array): void {
    this.#parts.push({ offset: block * BLOCK_BYTES, bytes });
  }

  #add(
    number: number,
    kind: keyof typeof MODES,
    attributes: Ext4Entry['attributes'],
    linkCount: number,
    content: Uint8Array,
  ): void {
    const blockCount = Math.ceil(content.length / BLOCK_BYTES);
    const firstBlock = this.#nextBlock;
    this.#inodes.push({ number, kind, attributes, linkCount, byteCount: content.length, firstBlock, blockCount });
    if (blockCount > 0) this.#put(firstBlock, content);
    this.#nextBlock += blockCount;
  }

  #addJournal(): void {
    const attributes = { mode: 0o600, uid: 0, gid: 0, mtimeNs: 0n };
    const blockCount = Math.min(JOURNAL_BLOCKS, Math.floor(this.#blockCount / 2 / 1024) * 1024);
    const firstBlock = this.#nextBlock;
    const byteCount = blockCount * BLOCK_BYTES;
    this.#inodes.push({
      number: JOURNAL_INODE,
      kind: 'file',
      attributes,
      linkCount: 1,
      byteCount,
      firstBlock,
      blockCount,
    });
    this.#put(firstBlock, journalSuperblock(BLOCK_BYTES, blockCount, this.#options.uuid));
    this.#nextBlock += blockCount;
  }

  #putInodes(usedInodes: number): void {
    const table = new Uint8Array(Math.ceil(usedInodes / INODES_PER_BLOCK) * BLOCK_BYTES);
    for (const inode of this.#inodes) table.set(encodeInode(inode), (inode.number - 1) * INODE_BYTES);
    this.#put(this.#firstTable + 2, table);
  }

  /** Superblock, descriptors and bitmaps. */
  #putGroups(usedInodes: number, folderCount: number): void {
    const inodesPerGroup = this.#inodesPerGroup;
    const overhead = 2 + this.#tableBlocks;
    const descriptors = new Uint8Array(Math.ceil(this.#groupCount / DESCRIPTORS_PER_BLOCK) * BLOCK_BYTES);
    let freeBlocks = 0;
    const emptyGroup = bitmap(overhead, BLOCKS_PER_GROUP);
    for (let group = 0; group < this.#groupCount; group++) {
      const start = group * BLOCKS_PER_GROUP;
      const size = Math.min(BLOCKS_PER_GROUP, this.#blockCount - start);
      const isFirst = group === 0;
      const isLast = group === this.#groupCount - 1;
      const tables = isFirst ? this.#firstTable : start;
      const used = isFirst ? this.#nextBlock : overhead;
      const descriptor = descriptors.subarray(group * DESCRIPTOR_BYTES, (group + 1) * DESCRIPTOR_BYTES);
      const view = new DataView(descriptor.buffer, descriptor.byteOffset, DESCRIPTOR_BYTES);
      view.setUint32(BG_BLOCK_BITMAP, tables, true);
      view.setUint32(BG_INODE_BITMAP, tables + 1, true);
      view.setUint32(BG_INODE_TABLE, tables + 2, true);
      view.setUint16(BG_FREE_BLOCKS_COUNT, size - used, true);
      view.setUint16(BG_FREE_INODES_COUNT, inodesPerGroup - (isFirst ? usedInodes : 0), true);
      view.setUint16(BG_USED_DIRS_COUNT, isFirst ? folderCount : 0, true);
      view.setUint16(BG_ITABLE_UNUSED, inodesPerGroup - (isFirst ? usedInodes : 0), true);
      const isOrdinary = !isFirst && !isLast;
      const blocksUninit = isOrdinary && group >= BITMAPS_MAX ? BG_BLOCK_UNINIT : 0;
      view.setUint16(BG_FLAGS, BG_INODE_ZEROED | (isFirst ? 0 : BG_INODE_UNINIT) | blocksUninit, true);
      view.setUint16(BG_CHECKSUM, this.#descriptorChecksum(group, descriptor), true);
      if (blocksUninit === 0) this.#put(tables, isOrdinary ? emptyGroup : bitmap(used, size));
      if (isFirst) this.#put(tables + 1, bitmap(usedInodes, inodesPerGroup));
      freeBlocks += size - used;
    }
    this.#put(1, descriptors);
    const superblock = this.#superblock(freeBlocks, this.#groupCount * inodesPerGroup - usedInodes);
    this.#parts.push({ offset: SUPER_OFFSET, bytes: superblock });
  }

  #descriptorChecksum(group: number, descriptor: Uint8Array): number {
    const number = new Uint8Array(4);
    new DataView(number.buffer).setUint32(0, group, true);
    const withNumber = crc16(crc16(CRC16_SEED, this.#options.uuid), number);
    return crc16(withNumber, descriptor.subarray(0, BG_CHECKSUM));
  }

  #superblock(freeBlocks: number, freeInodes: number): Uint8Array {
    const { uuid, journal } = this.#options;
    const bytes = new Uint8Array(SUPER_OFFSET);
    const view = new DataView(bytes.buffer);
    const put16 = (at: number, value: number): void => view.setUint16(at, value, true);
    const put32 = (at: number, value: number): void => view.setUint32(at, value, true);
    put32(S_INODES_COUNT, this.#groupCount * this.#inodesPerGroup);
    put32(S_BLOCKS_COUNT, this.#blockCount);
    put32(S_FREE_BLOCKS_COUNT, freeBlocks);
    put32(S_FREE_INODES_COUNT, freeInodes);
    put32(S_LOG_BLOCK_SIZE, LOG_BLOCK_SIZE);
    put32(S_LOG_CLUSTER_SIZE, LOG_BLOCK_SIZE);
    put32(S_BLOCKS_PER_GROUP, BLOCKS_PER_GROUP);
    put32(S_CLUSTERS_PER_GROUP, BLOCKS_PER_GROUP);
    put32(S_INODES_PER_GROUP, this.#inodesPerGroup);
    put16(S_MAX_MNT_COUNT, NO_MOUNT_LIMIT);
    put16(S_MAGIC, MAGIC);
    put16(S_STATE, STATE_CLEAN);
    put16(S_ERRORS, ERRORS_REMOUNT_READ_ONLY);
    put32(S_REV_LEVEL, REVISION_DYNAMIC);
    put32(S_FIRST_INO, FIRST_FREE_INODE);
    put16(S_INODE_SIZE, INODE_BYTES);
    const compat = COMPAT_EXT_ATTR | COMPAT_DIR_INDEX | COMPAT_SPARSE_SUPER2;
    put32(S_FEATURE_COMPAT, compat | (journal ? COMPAT_HAS_JOURNAL : 0));
    put32(S_FEATURE_INCOMPAT, INCOMPAT_FILETYPE | INCOMPAT_EXTENTS);
    put32(
      S_FEATURE_RO_COMPAT,
      RO_COMPAT_LARGE_FILE | RO_COMPAT_HUGE_FILE | RO_COMPAT_GDT_CSUM | RO_COMPAT_DIR_NLINK | RO_COMPAT_EXTRA_ISIZE,
    );
    bytes.set(uuid, S_UUID);
    bytes.set(uuid, S_HASH_SEED);
    view.setUint8(S_DEF_HASH_VERSION, HASH_HALF_MD4);
    put32(S_DEFAULT_MOUNT_OPTS, MOUNT_XATTR_USER | MOUNT_ACL);
    put16(S_MIN_EXTRA_ISIZE, EXTRA_ISIZE);
    put16(S_WANT_EXTRA_ISIZE, EXTRA_ISIZE);
    put32(S_FLAGS, FLAGS_SIGNED_HASH);
    const journalInode = this.#inodes.find(({ number }) => number === JOURNAL_INODE);
    if (journalInode !== undefined) {
      put32(S_JOURNAL_INUM, JOURNAL_INODE);
      view.setUint8(S_JNL_BACKUP_TYPE, 1);
      bytes.set(extentTree(journalInode), S_JNL_BLOCKS);
      put32(S_JNL_BLOCKS + 4 * (I_BLOCK_WORDS + 1), journalInode.byteCount);
    }
    return bytes;
  }
}

function isFolder({ content }: Ext4Entry): boolean {
  return content === undefined;
}

function kindOf(entry: Ext4Entry): keyof typeof MODES {
  return isFolder(entry) ? 'directory' : 'file';
}

/** A block with the first `used` of `count` bits set, and what lies behind them too. */
function bitmap(used: number, count: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const set = (from: number, to: number): void => {
    for (let bit = from; bit < to; bit++) bytes[bit >> 3]! |= 1 << (bit & 7);
  };
  set(0, used);
  set(count, 8 * BLOCK_BYTES);
  return bytes;
}

function encodeInode({ kind, attributes, linkCount, byteCount, ...place }: NewInode): Uint8Array {
  const { mode, uid, gid, mtimeNs } = attributes;
  const bytes = new Uint8Array(INODE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(I_MODE, MODES[kind] | mode, true);
  view.setUint16(I_UID, uid & 0xffff, true);
  view.setUint16(I_UID_HIGH, uid >>> 16, true);
  view.setUint16(I_GID, gid & 0xffff, true);
  view.setUint16(I_GID_HIGH, gid >>> 16, true);
  view.setUint32(I_SIZE, byteCount, true);
  view.setUint16(I_LINKS_COUNT, linkCount, true);
  view.setUint32(I_BLOCKS, place.blockCount * SECTORS_PER_BLOCK, true);
  view.setUint32(I_FLAGS, FLAG_EXTENTS, true);
  bytes.set(extentTree(place), I_BLOCK);
  view.setUint16(I_EXTRA_ISIZE, EXTRA_ISIZE, true);
  // 32 bits of seconds, with sign; two more, and the nanoseconds, in a word of their own.
  const nanoseconds = ((mtimeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (mtimeNs - nanoseconds) / NS_PER_SECOND;
  const low = Number(BigInt.asIntN(32, seconds));
  const extra = Number((nanoseconds << 2n) | (((seconds - BigInt(low)) >> 32n) & EPOCH_MASK));
  for (const at of [I_ATIME, I_CTIME, I_MTIME, I_CRTIME]) view.setInt32(at, low, true);
  for (const at of [I_ATIME_EXTRA, I_CTIME_EXTRA, I_MTIME_EXTRA, I_CRTIME + 4]) view.setUint32(at, extra, true);
  return bytes;
}

/** One extent, or none. */
function extentTree({ firstBlock, blockCount }: Pick<NewInode, 'firstBlock' | 'blockCount'>): Uint8Array {
  const bytes = new Uint8Array(4 * I_BLOCK_WORDS);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, EXTENT_MAGIC, true);
  view.setUint16(2, blockCount > 0 ? 1 : 0, true);
  view.setUint16(4, EXTENTS_MAX, true);
  if (blockCount > 0) {
    view.setUint16(EE_LEN, blockCount, true);
    view.setUint32(EE_START_LO, firstBlock, true);
  }
  return bytes;
}

/** A directory of one block ("Directory Entries"); its last entry reaches to the block's end. */
function directoryBlock(
  self: number,
  parent: number,
  entries: readonly { readonly name: string; readonly number: number; readonly kind: keyof typeof MODES }[],
): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  const all = [
    { name: '.', number: self, kind: 'directory' as const },
    { name: '..', number: parent, kind: 'directory' as const },
    ...entries,
  ];
  let at = 0;
  all.forEach(({ name, number, kind }, index) => {
    const encoded = utf8.encode(name);
    const needed = Math.ceil((DIRENT_HEAD_BYTES + encoded.length) / DIRENT_ALIGNMENT) * DIRENT_ALIGNMENT;
    const length = index === all.length - 1 ? BLOCK_BYTES - at : needed;
    view.setUint32(at, number, true);
    view.setUint16(at + 4, length, true);
    view.setUint8(at + 6, encoded.length);
    view.setUint8(at + 7, DIRENT_TYPES[kind]);
    bytes.set(encoded, at + DIRENT_HEAD_BYTES);
    at += length;
  });
  return bytes;
}
