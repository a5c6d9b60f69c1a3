/**
 * EROFS on disk, as far as we use it: uncompressed, extended inodes, inline extended attributes (Linux 6.1
 * fs/erofs/erofs_fs.h; "Core on-disk format" of the EROFS documentation). Little endian, blocks of 4 KiB.
 */

export const BLOCK_BYTES = 4096;
export const BLOCK_BITS = 12;
/** Inodes lie in slots; an inode's number (nid) is that of its first slot. */
export const SLOT_BYTES = 32;

// struct erofs_super_block
export const SUPER_OFFSET = 1024;
export const SUPER_BYTES = 128;
export const SUPER_MAGIC = 0xe0f5e1e2;
export const SB_MAGIC = 0;
export const SB_CHECKSUM = 4;
export const SB_FEATURE_COMPAT = 8;
export const SB_BLKSZBITS = 12;
export const SB_ROOT_NID = 14;
export const SB_INOS = 16;
export const SB_BLOCKS = 36;
export const SB_UUID = 48;
export const UUID_BYTES = 16;
export const SB_VOLUME_NAME = 64;
export const VOLUME_NAME_BYTES = 16;
export const SB_FEATURE_INCOMPAT = 80;
/** The checksum is there: CRC-32C from the superblock to the end of its block, with zeroes for itself. */
export const FEATURE_COMPAT_SB_CHKSUM = 0x1;
/** Times are those of the last change of content. */
export const FEATURE_COMPAT_MTIME = 0x2;

// struct erofs_inode_extended
export const INODE_BYTES = 64;
export const I_FORMAT = 0;
export const I_XATTR_ICOUNT = 2;
export const I_MODE = 4;
export const I_SIZE = 8;
/** The first data block of a file, the device number of a device. */
export const I_U = 16;
export const I_INO = 20;
export const I_UID = 24;
export const I_GID = 28;
export const I_MTIME = 32;
export const I_MTIME_NSEC = 40;
export const I_NLINK = 44;
/** Bit 0 of the format says that it is extended, bits 1 to 3 where the data is. */
export const FORMAT_EXTENDED = 1;
export const FORMAT_LAYOUT_SHIFT = 1;
export const FORMAT_LAYOUT_MASK = 0x7;
/** All data in blocks. */
export const LAYOUT_FLAT_PLAIN = 0;
/** Whole blocks, and what is left behind the inode and in the same block as its own start. */
export const LAYOUT_FLAT_INLINE = 2;
export const NO_BLOCK = 0xffffffff;

// struct erofs_dirent
export const DIRENT_BYTES = 12;
export const D_NID = 0;
export const D_NAMEOFF = 8;
export const D_FILE_TYPE = 10;
export const NAME_BYTES_MAX = 255;

// File types of directory entries, as in readdir(3)'s FT_…, and of modes (stat.h).
export const FileTypes = {
  file: { dirent: 1, mode: 0o100000 },
  directory: { dirent: 2, mode: 0o040000 },
  char: { dirent: 3, mode: 0o020000 },
  block: { dirent: 4, mode: 0o060000 },
  fifo: { dirent: 5, mode: 0o010000 },
  socket: { dirent: 6, mode: 0o140000 },
  symlink: { dirent: 7, mode: 0o120000 },
} as const;
export const MODE_TYPE_MASK = 0o170000;
export const MODE_PERMISSIONS = 0o7777;

// struct erofs_xattr_ibody_header, struct erofs_xattr_entry
export const XATTR_HEADER_BYTES = 12;
export const XATTR_SHARED_COUNT = 4;
export const XATTR_ENTRY_BYTES = 4;
export const XATTR_NAME_LEN = 0;
export const XATTR_NAME_INDEX = 1;
export const XATTR_VALUE_SIZE = 2;
export const XATTR_ALIGNMENT = 4;
export const XATTR_VALUE_MAX = 0xffff;
/** i_xattr_icount counts words behind the header, the first counting for the header. */
export const XATTR_ICOUNT_MAX = 0xffff;

/** Names are stored as a number for the prefix and the rest. */
export const XATTR_PREFIXES: readonly { readonly index: number; readonly prefix: string; readonly whole?: true }[] = [
  { index: 1, prefix: 'user.' },
  { index: 2, prefix: 'system.posix_acl_access', whole: true },
  { index: 3, prefix: 'system.posix_acl_default', whole: true },
  { index: 4, prefix: 'trusted.' },
  { index: 6, prefix: 'security.' },
];

/** Size with the padding to a multiple. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

export const MAJOR_MAX = 0xfff;
export const MINOR_MAX = 0xfffff;
const MINOR_LOW_MASK = 0xff;
const MAJOR_SHIFT = 8;
const MINOR_HIGH_SHIFT = 12;

/** Device numbers in 32 bits: the major number's 12 between 8 and 12 bits of the minor's (Linux new_encode_dev). */
export function packDevice(major: number, minor: number): number {
  return ((minor & MINOR_LOW_MASK) | (major << MAJOR_SHIFT) | ((minor & ~MINOR_LOW_MASK) << MINOR_HIGH_SHIFT)) >>> 0;
}
export function unpackDevice(packed: number): { major: number; minor: number } {
  return {
    major: (packed >>> MAJOR_SHIFT) & MAJOR_MAX,
    minor: (packed & MINOR_LOW_MASK) | ((packed >>> MINOR_HIGH_SHIFT) & (MINOR_MAX & ~MINOR_LOW_MASK)),
  };
}
