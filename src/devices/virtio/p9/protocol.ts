/** 9P2000.L message numbers and constants, as in Linux's include/net/9p/9p.h. A reply's number is its request's plus 1. */
export const MessageType = {
  Rlerror: 7,
  Tstatfs: 8,
  Tlopen: 12,
  Tlcreate: 14,
  Tsymlink: 16,
  Tmknod: 18,
  Trename: 20,
  Treadlink: 22,
  Tgetattr: 24,
  Tsetattr: 26,
  Txattrwalk: 30,
  Txattrcreate: 32,
  Treaddir: 40,
  Tfsync: 50,
  Tlock: 52,
  Tgetlock: 54,
  Tlink: 70,
  Tmkdir: 72,
  Trenameat: 74,
  Tunlinkat: 76,
  Tversion: 100,
  Tauth: 102,
  Tattach: 104,
  Tflush: 108,
  Twalk: 110,
  Tread: 116,
  Twrite: 118,
  Tclunk: 120,
  Tremove: 122,
} as const;

export const VERSION = '9P2000.L';
export const VERSION_UNKNOWN = 'unknown';
/** Largest and smallest message size agreed on; Linux's virtio transport asks for up to 512000. */
export const MSIZE_MAX = 512 * 1024;
export const MSIZE_MIN = 4096;
/** Names in one Twalk, 9P2000 walk(5). */
export const WALK_MAX = 16;
export const NO_FID = 0xffffffff;
/** Bytes before the data in Twrite: header, fid, offset, count. */
export const WRITE_HEADER_LENGTH = 23;
/** Bytes before the data in Rread and Rreaddir: header, count. */
export const READ_REPLY_HEADER_LENGTH = 11;
/** Header and errno. */
export const ERROR_LENGTH = 11;

/** Tgetattr: the attributes of stat(2), P9_STATS_BASIC. */
export const GETATTR_BASIC = 0x7ff;

// Tsetattr valid bits, P9_ATTR_*.
export const SETATTR_MODE = 1 << 0;
export const SETATTR_UID = 1 << 1;
export const SETATTR_GID = 1 << 2;
export const SETATTR_SIZE = 1 << 3;
export const SETATTR_ATIME = 1 << 4;
export const SETATTR_MTIME = 1 << 5;
export const SETATTR_ATIME_SET = 1 << 7;
export const SETATTR_MTIME_SET = 1 << 8;

/** Tunlinkat flag AT_REMOVEDIR. */
export const UNLINK_REMOVE_DIRECTORY = 0x200;

// Tlock and Tgetlock.
export const LOCK_TYPE_UNLOCK = 2;
export const LOCK_SUCCESS = 0;

/** V9FS_MAGIC, what statfs calls this file system. */
export const FILE_SYSTEM_TYPE = 0x01021997;
