/**
 * The file system that a 9P server shares: inodes and open files, in Linux terms. Methods answer at once or with a
 * promise; the server makes no promise of its own on the synchronous path. An operation fails by throwing (or rejecting
 * with) an FsError; the two failures of every program start, "no such name" and "no such attribute", are `undefined`.
 *
 * Names and symlink targets are strings in the form of names.ts (any byte string has one). A name that reaches a method
 * is never empty, '.', '..' or longer than 255 bytes and has no '/' or NUL. Permissions are the guest kernel's to check.
 */
import type { DeviceState, StateValue } from '../../bus.ts';
import type { MaybePromise } from './maybe-promise.ts';

/** An inode. The same object stands for the same inode as long as it is retained. */
export interface FsNode {
  /** QID type bits: {@link QID_DIRECTORY}, {@link QID_SYMLINK} or {@link QID_FILE}. */
  readonly qidType: number;
  /** Changes when content may have changed without the guest's doing; never 0, which Linux takes as "don't cache". */
  readonly qidVersion: number;
  /** Unique among all inodes, ever; a safe integer. */
  readonly qidPath: number;
}
export const QID_DIRECTORY = 0x80;
export const QID_SYMLINK = 0x02;
export const QID_FILE = 0x00;

export interface Timestamp {
  seconds: number;
  nanoseconds: number;
}

/** What stat shows. The object is the file system's and valid until its next call. */
export interface FsAttributes {
  /** File type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly linkCount: number;
  /** Device number of a device node in Linux's 32-bit encoding (see {@link encodeDevice}), else 0. */
  readonly deviceNumber: number;
  readonly size: number;
  readonly blockSize: number;
  /** In units of 512 bytes. */
  readonly blocks: number;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
}

/** Attributes to change; what is absent stays. ctime becomes now. */
export interface FsChanges {
  /** Permission bits (07777). */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Timestamp | 'now';
  mtime?: Timestamp | 'now';
}

/** Owner and permissions of something new. */
export interface FsNewAttributes {
  /** Permission bits (07777). */
  mode: number;
  uid: number;
  gid: number;
}

/** A file or directory opened for input and output. Opaque to the server. */
export type FsOpenFile = object;

export interface FsDirectoryEntry {
  name: string;
  qidType: number;
  qidVersion: number;
  qidPath: number;
  /** d_type: the file type bits of its mode, shifted right by 12. */
  direntType: number;
  /** Where to go on after this entry; a positive safe integer that stays valid while the directory changes. */
  cookie: number;
}

export interface FsStatistics {
  blockSize: number;
  blocks: number;
  freeBlocks: number;
  files: number;
  freeFiles: number;
}

export interface FileSystem {
  /** The shared directory. */
  readonly root: FsNode;
  /** False: all attribute methods are never called, and the guest gets EOPNOTSUPP. */
  readonly supportsXattrs: boolean;

  /** A fid holds the node from now on: it stays usable when its last name goes. Pairs with `forget`. */
  retain(node: FsNode): void;
  forget(node: FsNode): void;

  lookup(directory: FsNode, name: string): MaybePromise<FsNode | undefined>;
  /** The directory above; the root is above itself. */
  parent(directory: FsNode): MaybePromise<FsNode>;
  getattr(node: FsNode): MaybePromise<FsAttributes>;
  setattr(node: FsNode, changes: FsChanges): MaybePromise<void>;
  readlink(node: FsNode): MaybePromise<string>;
  statfs(): MaybePromise<FsStatistics>;

  /** `flags` as in {@link OpenFlags}: access mode and TRUNCATE count. Files and directories only. */
  open(node: FsNode, flags: number): MaybePromise<FsOpenFile>;
  /** Creates and opens a regular file; EEXIST when the name is taken. */
  create(
    directory: FsNode,
    name: string,
    attributes: FsNewAttributes,
    flags: number,
  ): MaybePromise<{ node: FsNode; file: FsOpenFile }>;
  /** May come while another call on the file is under way. */
  release(file: FsOpenFile): void;
  /** At most `byteCount` bytes; fewer only at the end. A result given at once may be reused by the next call. */
  read(file: FsOpenFile, offset: number, byteCount: number): MaybePromise<Uint8Array>;
  /** Returns how many bytes were stored. `bytes` is only valid during the call: one that finishes later copies first. */
  write(file: FsOpenFile, offset: number, bytes: Uint8Array): MaybePromise<number>;
  fsync(file: FsOpenFile, dataOnly: boolean): MaybePromise<void>;
  /** Up to `limit` entries after `cookie` (0: from the start), without '.' and '..'; none at the end. */
  readdir(file: FsOpenFile, cookie: number, limit: number): MaybePromise<readonly FsDirectoryEntry[]>;

  mkdir(directory: FsNode, name: string, attributes: FsNewAttributes): MaybePromise<FsNode>;
  symlink(directory: FsNode, name: string, target: string, attributes: FsNewAttributes): MaybePromise<FsNode>;
  /** `mode` holds the type: device nodes, FIFOs, sockets, also regular files. */
  mknod(directory: FsNode, name: string, attributes: FsNewAttributes, deviceNumber: number): MaybePromise<FsNode>;
  link(directory: FsNode, name: string, node: FsNode): MaybePromise<void>;
  rename(fromDirectory: FsNode, fromName: string, toDirectory: FsNode, toName: string): MaybePromise<void>;
  /** Removes a name: an empty directory (`isDirectory`) or anything else. */
  unlink(directory: FsNode, name: string, isDirectory: boolean): MaybePromise<void>;

  getXattr(node: FsNode, name: string): MaybePromise<Uint8Array | undefined>;
  listXattrs(node: FsNode): MaybePromise<readonly string[]>;
  /** `flags`: {@link XATTR_CREATE}, {@link XATTR_REPLACE} or 0. */
  setXattr(node: FsNode, name: string, value: Uint8Array, flags: number): MaybePromise<void>;
  /** ENODATA when there is none. */
  removeXattr(node: FsNode, name: string): MaybePromise<void>;

  /** How to find a node again after a restore, and that. `undefined` when it is gone: its fids are then stale. */
  saveNode(node: FsNode): StateValue;
  loadNode(saved: StateValue): FsNode | undefined;
  /** Changes that live in memory; empty when everything is stored elsewhere. */
  save(): DeviceState;
  load(state: DeviceState): void;
}

/** Linux open flags as 9P2000.L carries them (x86 values). */
export const OpenFlags = {
  ACCESS_MASK: 0o3,
  READ_ONLY: 0o0,
  WRITE_ONLY: 0o1,
  READ_WRITE: 0o2,
  CREATE: 0o100,
  EXCLUSIVE: 0o200,
  TRUNCATE: 0o1000,
  APPEND: 0o2000,
  DIRECTORY: 0o200000,
} as const;

// File types in a mode, stat(2).
export const MODE_TYPE = 0o170000;
export const MODE_SOCKET = 0o140000;
export const MODE_SYMLINK = 0o120000;
export const MODE_REGULAR = 0o100000;
export const MODE_BLOCK = 0o060000;
export const MODE_DIRECTORY = 0o040000;
export const MODE_CHARACTER = 0o020000;
export const MODE_FIFO = 0o010000;
export const MODE_PERMISSIONS = 0o7777;

export const XATTR_CREATE = 1;
export const XATTR_REPLACE = 2;
/** Linux limits, limits.h: XATTR_SIZE_MAX, XATTR_NAME_MAX, NAME_MAX, PATH_MAX without its NUL. */
export const XATTR_SIZE_MAX = 65536;
export const XATTR_NAME_MAX = 255;
export const NAME_MAX = 255;
export const SYMLINK_MAX = 4095;

/** Linux's 32-bit device number: 12 bits of major, 20 of minor (kdev_t.h, new_encode_dev). */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12)) >>> 0;
}

/** QID type bits for a mode. */
export function qidTypeOf(mode: number): number {
  const type = mode & MODE_TYPE;
  return type === MODE_DIRECTORY ? QID_DIRECTORY : type === MODE_SYMLINK ? QID_SYMLINK : QID_FILE;
}
