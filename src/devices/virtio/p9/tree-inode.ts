/** An inode of the in-memory tree. It is its own stat result, so that getattr makes nothing. */
import type { FileContent } from './file-content.ts';
import {
  MODE_DIRECTORY,
  MODE_REGULAR,
  MODE_TYPE,
  qidTypeOf,
  type FsAttributes,
  type FsNode,
  type Timestamp,
} from './filesystem.ts';
import { encodeName } from './names.ts';

const DIRECTORY_SIZE = 4096;
const BLOCK_SIZE = 4096;
const STAT_BLOCK_SIZE = 512;

/** A name in a directory. */
export interface TreeEntry {
  inode: TreeInode;
  /** Position for readdir: rises with every entry added, so that it stays valid whatever happens around it. */
  cookie: number;
  /** Bytes of budget that the name took. */
  charge: number;
}

/** An extended attribute and the bytes of budget that it took. */
export interface TreeXattr {
  value: Uint8Array;
  charge: number;
}

/** What a directory has on top of other inodes. */
export interface TreeDirectory {
  entries: Map<string, TreeEntry>;
  nextCookie: number;
  parent: TreeInode;
}

/** Everything that can change about an inode except a file's bytes. */
export interface InodeRecord {
  mode: number;
  uid: number;
  gid: number;
  linkCount: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  xattrs: ReadonlyMap<string, TreeXattr> | undefined;
  entries: ReadonlyMap<string, TreeEntry> | undefined;
  nextCookie: number;
  parent: TreeInode | undefined;
}

export class TreeInode implements FsNode, FsAttributes {
  readonly qidPath: number;
  readonly qidType: number;
  qidVersion = 1;
  mode: number;
  uid: number;
  gid: number;
  linkCount = 1;
  readonly deviceNumber: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  xattrs: Map<string, TreeXattr> | undefined;
  directory: TreeDirectory | undefined;
  content: FileContent | undefined;
  /** Symlinks only. */
  readonly target: string | undefined;
  readonly #targetBytes: number;
  /** Fids that hold it. */
  references = 0;
  /** Bytes of budget that it took. */
  charge = 0;
  /** It differs from what the builder made. */
  changed = false;
  /** What the builder made, once it differs. */
  pristine: InodeRecord | undefined;

  constructor(
    qidPath: number,
    mode: number,
    owner: { uid: number; gid: number },
    time: Timestamp,
    special: { deviceNumber?: number; target?: string } = {},
  ) {
    this.qidPath = qidPath;
    this.qidType = qidTypeOf(mode);
    this.mode = mode;
    this.uid = owner.uid;
    this.gid = owner.gid;
    this.atime = time;
    this.mtime = time;
    this.ctime = time;
    this.deviceNumber = special.deviceNumber ?? 0;
    this.target = special.target;
    this.#targetBytes = special.target === undefined ? 0 : encodeName(special.target).length;
  }

  get isDirectory(): boolean {
    return (this.mode & MODE_TYPE) === MODE_DIRECTORY;
  }
  get isRegular(): boolean {
    return (this.mode & MODE_TYPE) === MODE_REGULAR;
  }
  get size(): number {
    return this.content ? this.content.size : this.directory ? DIRECTORY_SIZE : this.#targetBytes;
  }
  get blockSize(): number {
    return BLOCK_SIZE;
  }
  get blocks(): number {
    const bytes = this.content ? this.content.storedBytes : this.directory ? DIRECTORY_SIZE : 0;
    return Math.ceil(bytes / STAT_BLOCK_SIZE);
  }

  record(): InodeRecord {
    const { mode, uid, gid, linkCount, atime, mtime, ctime } = this;
    return {
      mode,
      uid,
      gid,
      linkCount,
      atime,
      mtime,
      ctime,
      xattrs: this.xattrs && new Map(this.xattrs),
      // Entries are replaced, never changed, so a shallow copy is enough.
      entries: this.directory && new Map(this.directory.entries),
      nextCookie: this.directory?.nextCookie ?? 0,
      parent: this.directory?.parent,
    };
  }

  apply(record: InodeRecord): void {
    this.mode = record.mode;
    this.uid = record.uid;
    this.gid = record.gid;
    this.linkCount = record.linkCount;
    this.atime = record.atime;
    this.mtime = record.mtime;
    this.ctime = record.ctime;
    this.xattrs = record.xattrs && new Map(record.xattrs);
    if (this.directory && record.entries && record.parent) {
      this.directory = { entries: new Map(record.entries), nextCookie: record.nextCookie, parent: record.parent };
    }
  }
}
