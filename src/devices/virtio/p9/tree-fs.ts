/**
 * A file system in memory, for root filesystems made of image layers: metadata here, contents by reference until the
 * guest writes. Everything answers at once. Inode numbers rise in order of creation, so that the same image gives the
 * same numbers. Left out: access times on reading (as with noatime), quotas by user.
 */
import { assert } from '../../../util/errors.ts';
import type { DeviceState, StateValue } from '../../bus.ts';
import type { Clock } from '../../clock.ts';
import { Errno, FsError } from './errno.ts';
import { FileContent, type BlobSource } from './file-content.ts';
import * as Fs from './filesystem.ts';
import type {
  FileSystem,
  FsAttributes,
  FsChanges,
  FsDirectoryEntry,
  FsNewAttributes,
  FsNode,
  FsStatistics,
  Timestamp,
} from './filesystem.ts';
import { MemoryBudget } from './memory-budget.ts';
import { loadTree, saveTree, type TreeStore } from './tree-state.ts';
import { TreeBuilder } from './tree-builder.ts';
import { TreeInode, type TreeEntry } from './tree-inode.ts';

const ROOT_MODE = Fs.MODE_DIRECTORY | 0o755;
const FIRST_INODE = 1;
const DEFAULT_MEMORY_LIMIT_BYTES = 1024 ** 3;
/** What an inode and a name cost the host, about. */
const INODE_COST_BYTES = 512;
const NAME_COST_BYTES = 128;
const STATFS_BLOCK_SIZE = 4096;
/** Total length of an inode's attribute names, limits.h XATTR_LIST_MAX. */
const XATTR_LIST_MAX = 65536;
const NS_PER_MS = 1e6;

export interface TreeFsOptions {
  clock: Pick<Clock, 'nowNs' | 'bootUnixMs'>;
  /** Bytes that the guest may add in memory before it gets ENOSPC. Contents by reference are free. Default 1 GiB. */
  memoryLimitBytes?: number;
}

/** An open file or directory. */
class TreeFile {
  readonly inode: TreeInode;
  /** Entries in cookie order as of the last time the directory was read from its start. */
  listing: [string, TreeEntry][] = [];
  /** Where in `listing` the last answer ended, and its cookie. */
  position = 0;
  cookie = 0;

  constructor(inode: TreeInode) {
    this.inode = inode;
  }
}

export class TreeFs implements FileSystem, TreeStore {
  readonly root: TreeInode;
  readonly supportsXattrs = true;
  readonly budget: MemoryBudget;
  readonly inodes = new Map<number, TreeInode>();
  /** Inodes of the builder that are gone, for going back. */
  readonly removedInodes = new Map<number, TreeInode>();
  nextInode = FIRST_INODE;
  /** Inodes below this one were the builder's. */
  firstChangedInode = FIRST_INODE;
  /** Changes with what the builder makes, so that saved changes are only loaded onto the same tree. */
  fingerprint = 0;
  readonly #clock: Pick<Clock, 'nowNs' | 'bootUnixMs'>;
  #sealed = false;

  constructor(options: TreeFsOptions) {
    this.#clock = options.clock;
    this.budget = new MemoryBudget(options.memoryLimitBytes ?? DEFAULT_MEMORY_LIMIT_BYTES);
    this.root = this.newInode(ROOT_MODE, { uid: 0, gid: 0 }, this.now());
    this.makeDirectory(this.root, this.root);
  }

  /** Fills the tree from the host's side. What is made before the guest first uses the tree is what changes are saved against. */
  builder(): TreeBuilder {
    return new TreeBuilder(this);
  }

  now(): Timestamp {
    const nanoseconds = this.#clock.nowNs();
    const unixMs = this.#clock.bootUnixMs + Math.floor(nanoseconds / NS_PER_MS);
    const seconds = Math.floor(unixMs / 1000);
    return { seconds, nanoseconds: (unixMs - seconds * 1000) * NS_PER_MS + Math.floor(nanoseconds % NS_PER_MS) };
  }

  // --- For the builder and the state; not for devices ---

  get sealed(): boolean {
    return this.#sealed;
  }
  /** From here on, changes are recorded. Happens by itself when the guest comes. */
  seal(): void {
    if (this.#sealed) return;
    this.#sealed = true;
    this.firstChangedInode = this.nextInode;
  }

  newInode(
    mode: number,
    owner: { uid: number; gid: number },
    time: Timestamp,
    special: { deviceNumber?: number; target?: string; source?: BlobSource } = {},
  ): TreeInode {
    const inode = new TreeInode(this.nextInode, mode, owner, time, special);
    if (inode.isRegular) inode.content = new FileContent(this.budget, special.source);
    inode.changed = this.#sealed;
    if (this.#sealed) {
      const charge = INODE_COST_BYTES + (special.target?.length ?? 0);
      this.budget.take(charge);
      inode.charge = charge;
    }
    this.nextInode++;
    this.inodes.set(inode.qidPath, inode);
    return inode;
  }

  makeDirectory(inode: TreeInode, parent: TreeInode): void {
    inode.directory = { entries: new Map(), nextCookie: 1, parent };
    inode.linkCount = 2;
  }

  /** Must come before any change of an inode. */
  mark(inode: TreeInode): void {
    if (!this.#sealed || inode.changed) return;
    inode.pristine = inode.record();
    inode.changed = true;
  }

  /** Takes the cost of a name; returns it, for `addEntry`. */
  chargeName(name: string): number {
    if (!this.#sealed) return 0;
    const charge = NAME_COST_BYTES + name.length;
    this.budget.take(charge);
    return charge;
  }

  /** Adds a name that was paid for; a directory's count of links grows with each directory in it. */
  addEntry(directory: TreeInode, name: string, inode: TreeInode, charge: number): void {
    this.mark(directory);
    const to = directory.directory!;
    to.entries.set(name, { inode, cookie: to.nextCookie++, charge });
    if (inode.directory) {
      this.mark(inode);
      directory.linkCount++;
      inode.directory.parent = directory;
    }
  }

  /** Takes a name away, without the inode's link; returns what it cost. */
  removeEntry(directory: TreeInode, name: string): number {
    this.mark(directory);
    const { entries } = directory.directory!;
    const { inode, charge } = entries.get(name)!;
    entries.delete(name);
    if (inode.directory) directory.linkCount--;
    return charge;
  }

  /** One name less (a directory has only one); the inode goes when nothing names or holds it. */
  dropLink(inode: TreeInode, now: Timestamp): void {
    this.mark(inode);
    inode.linkCount -= inode.directory ? inode.linkCount : 1;
    inode.ctime = now;
    this.#collect(inode);
  }

  #collect(inode: TreeInode): void {
    if (inode.linkCount > 0 || inode.references > 0 || !this.inodes.delete(inode.qidPath)) return;
    inode.content?.release();
    let charge = inode.charge;
    for (const xattr of inode.xattrs?.values() ?? []) charge += xattr.charge;
    this.budget.give(charge);
    if (inode.pristine) this.removedInodes.set(inode.qidPath, inode);
  }

  /** The entries of a directory that can still get names. */
  #live(directory: TreeInode): NonNullable<TreeInode['directory']> {
    if (!directory.directory) throw new FsError(Errno.ENOTDIR);
    if (directory.linkCount === 0) throw new FsError(Errno.ENOENT);
    return directory.directory;
  }

  // --- FileSystem ---

  retain(node: FsNode): void {
    this.seal();
    (node as TreeInode).references++;
  }
  forget(node: FsNode): void {
    const inode = node as TreeInode;
    inode.references--;
    this.#collect(inode);
  }

  lookup(directory: FsNode, name: string): TreeInode | undefined {
    return (directory as TreeInode).directory?.entries.get(name)?.inode;
  }

  parent(directory: FsNode): TreeInode {
    return (directory as TreeInode).directory!.parent;
  }

  getattr(node: FsNode): FsAttributes {
    return node as TreeInode;
  }

  setattr(node: FsNode, changes: FsChanges): void {
    const inode = node as TreeInode;
    const now = this.now();
    this.mark(inode);
    if (changes.size !== undefined) {
      if (!inode.content) throw new FsError(Errno.EINVAL);
      inode.content.resize(changes.size);
      inode.mtime = now;
    }
    if (changes.mode !== undefined) inode.mode = (inode.mode & Fs.MODE_TYPE) | changes.mode;
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atime !== undefined) inode.atime = changes.atime === 'now' ? now : changes.atime;
    if (changes.mtime !== undefined) inode.mtime = changes.mtime === 'now' ? now : changes.mtime;
    inode.ctime = now;
  }

  readlink(node: FsNode): string {
    const { target } = node as TreeInode;
    if (target === undefined) throw new FsError(Errno.EINVAL);
    return target;
  }

  statfs(): FsStatistics {
    const freeFiles = Math.floor(this.budget.freeBytes / INODE_COST_BYTES);
    return {
      blockSize: STATFS_BLOCK_SIZE,
      blocks: Math.floor(this.budget.limitBytes / STATFS_BLOCK_SIZE),
      freeBlocks: Math.floor(this.budget.freeBytes / STATFS_BLOCK_SIZE),
      files: this.inodes.size + freeFiles,
      freeFiles,
    };
  }

  open(node: FsNode, flags: number): TreeFile {
    const inode = node as TreeInode;
    // The guest kernel serves FIFOs, sockets and device nodes itself.
    if (!inode.content && !inode.directory) throw new FsError(Errno.ENXIO);
    if (inode.content && (flags & Fs.OpenFlags.TRUNCATE) !== 0 && inode.size > 0) this.setattr(inode, { size: 0 });
    return new TreeFile(inode);
  }

  create(directory: FsNode, name: string, attributes: FsNewAttributes): { node: TreeInode; file: TreeFile } {
    const node = this.#make(directory as TreeInode, name, Fs.MODE_REGULAR | attributes.mode, attributes);
    return { node, file: new TreeFile(node) };
  }

  release(): void {}

  read(file: object, offset: number, byteCount: number): Uint8Array {
    const { content } = (file as TreeFile).inode;
    if (!content) throw new FsError(Errno.EISDIR);
    return content.read(offset, byteCount);
  }

  write(file: object, offset: number, bytes: Uint8Array): number {
    const { inode } = file as TreeFile;
    if (!inode.content) throw new FsError(Errno.EISDIR);
    this.mark(inode);
    const written = inode.content.write(offset, bytes);
    inode.mtime = this.now();
    inode.ctime = inode.mtime;
    return written;
  }

  fsync(): void {}

  readdir(file: object, cookie: number, limit: number): FsDirectoryEntry[] {
    const open = file as TreeFile;
    const { directory } = open.inode;
    if (!directory) throw new FsError(Errno.ENOTDIR);
    if (cookie === 0 || open.listing.length === 0) {
      // Entries are inserted with rising cookies, so the map's order is theirs.
      open.listing = [...directory.entries];
      open.position = 0;
      open.cookie = 0;
    }
    if (cookie !== open.cookie) open.position = firstAfter(open.listing, cookie);
    const found: FsDirectoryEntry[] = [];
    while (open.position < open.listing.length && found.length < limit) {
      const [name, entry] = open.listing[open.position++]!;
      open.cookie = entry.cookie;
      // Removed, or replaced and listed under its new cookie, since the listing was made.
      if (directory.entries.get(name) !== entry) continue;
      const { inode } = entry;
      found.push({
        name,
        qidType: inode.qidType,
        qidVersion: inode.qidVersion,
        qidPath: inode.qidPath,
        direntType: inode.mode >> 12,
        cookie: entry.cookie,
      });
    }
    return found;
  }

  mkdir(directory: FsNode, name: string, attributes: FsNewAttributes): TreeInode {
    return this.#make(directory as TreeInode, name, Fs.MODE_DIRECTORY | attributes.mode, attributes);
  }

  symlink(directory: FsNode, name: string, target: string, attributes: FsNewAttributes): TreeInode {
    return this.#make(directory as TreeInode, name, Fs.MODE_SYMLINK | attributes.mode, attributes, { target });
  }

  mknod(directory: FsNode, name: string, attributes: FsNewAttributes, deviceNumber: number): TreeInode {
    return this.#make(directory as TreeInode, name, attributes.mode, attributes, { deviceNumber });
  }

  #make(
    directory: TreeInode,
    name: string,
    mode: number,
    owner: FsNewAttributes,
    special: { deviceNumber?: number; target?: string } = {},
  ): TreeInode {
    if (this.#live(directory).entries.has(name)) throw new FsError(Errno.EEXIST);
    const now = this.now();
    const charge = this.chargeName(name);
    let inode: TreeInode;
    try {
      inode = this.newInode(mode, owner, now, special);
    } catch (error) {
      this.budget.give(charge);
      throw error;
    }
    if (inode.isDirectory) this.makeDirectory(inode, directory);
    this.addEntry(directory, name, inode, charge);
    touchDirectory(directory, now);
    return inode;
  }

  link(directory: FsNode, name: string, node: FsNode): void {
    const parent = directory as TreeInode;
    const inode = node as TreeInode;
    if (inode.directory) throw new FsError(Errno.EPERM);
    if (inode.linkCount === 0) throw new FsError(Errno.ENOENT);
    if (this.#live(parent).entries.has(name)) throw new FsError(Errno.EEXIST);
    const now = this.now();
    this.addEntry(parent, name, inode, this.chargeName(name));
    this.mark(inode);
    inode.linkCount++;
    inode.ctime = now;
    touchDirectory(parent, now);
  }

  unlink(directory: FsNode, name: string, isDirectory: boolean): void {
    const parent = directory as TreeInode;
    const inode = this.lookup(parent, name);
    if (!inode) throw new FsError(Errno.ENOENT);
    if (isDirectory && !inode.directory) throw new FsError(Errno.ENOTDIR);
    if (!isDirectory && inode.directory) throw new FsError(Errno.EISDIR);
    if (inode.directory && inode.directory.entries.size > 0) throw new FsError(Errno.ENOTEMPTY);
    const now = this.now();
    this.budget.give(this.removeEntry(parent, name));
    this.dropLink(inode, now);
    touchDirectory(parent, now);
  }

  /** rename(2). */
  rename(fromDirectory: FsNode, fromName: string, toDirectory: FsNode, toName: string): void {
    const from = fromDirectory as TreeInode;
    const to = toDirectory as TreeInode;
    const moved = this.lookup(from, fromName);
    if (!moved) throw new FsError(Errno.ENOENT);
    const replaced = this.#live(to).entries.get(toName)?.inode;
    if (replaced === moved) return;
    if (moved.directory && isInside(to, moved)) throw new FsError(Errno.EINVAL);
    if (replaced) {
      if (moved.directory && !replaced.directory) throw new FsError(Errno.ENOTDIR);
      if (!moved.directory && replaced.directory) throw new FsError(Errno.EISDIR);
      if (replaced.directory && replaced.directory.entries.size > 0) throw new FsError(Errno.ENOTEMPTY);
    }
    const now = this.now();
    this.mark(moved);
    if (replaced) {
      this.budget.give(this.removeEntry(to, toName));
      this.dropLink(replaced, now);
    }
    // The name keeps its cost, so that a rename works when nothing is free.
    this.addEntry(to, toName, moved, this.removeEntry(from, fromName));
    moved.ctime = now;
    touchDirectory(from, now);
    touchDirectory(to, now);
  }

  getXattr(node: FsNode, name: string): Uint8Array | undefined {
    return (node as TreeInode).xattrs?.get(name)?.value;
  }

  listXattrs(node: FsNode): string[] {
    return [...((node as TreeInode).xattrs?.keys() ?? [])];
  }

  setXattr(node: FsNode, name: string, value: Uint8Array, flags: number): void {
    const inode = node as TreeInode;
    const present = inode.xattrs?.get(name);
    if (present && flags === Fs.XATTR_CREATE) throw new FsError(Errno.EEXIST);
    if (!present && flags === Fs.XATTR_REPLACE) throw new FsError(Errno.ENODATA);
    const nameBytes = this.listXattrs(inode).reduce((sum, other) => sum + other.length + 1, name.length + 1);
    if (!present && nameBytes > XATTR_LIST_MAX) throw new FsError(Errno.ENOSPC);
    const charge = this.#sealed ? NAME_COST_BYTES + value.length : 0;
    this.budget.take(charge);
    this.budget.give(present?.charge ?? 0);
    this.mark(inode);
    inode.xattrs ??= new Map();
    inode.xattrs.set(name, { value: value.slice(), charge });
    inode.ctime = this.now();
  }

  removeXattr(node: FsNode, name: string): void {
    const inode = node as TreeInode;
    const present = inode.xattrs?.get(name);
    if (!present) throw new FsError(Errno.ENODATA);
    this.mark(inode);
    this.budget.give(present.charge);
    inode.xattrs!.delete(name);
    inode.ctime = this.now();
  }

  // --- State ---

  saveNode(node: FsNode): StateValue {
    return node.qidPath;
  }
  loadNode(saved: StateValue): TreeInode | undefined {
    return typeof saved === 'number' ? this.inodes.get(saved) : undefined;
  }

  save(): DeviceState {
    this.seal();
    return saveTree(this);
  }

  /** The same tree must have been built; what the guest changed in it before is undone first. */
  load(state: DeviceState): void {
    this.seal();
    for (const inode of this.inodes.values())
      assert(inode.references === 0, 'a tree is loaded while fids hold its inodes');
    loadTree(this, state);
  }
}

function touchDirectory(directory: TreeInode, now: Timestamp): void {
  directory.mtime = now;
  directory.ctime = now;
}

/** Whether `directory` is `ancestor` or below it. */
function isInside(directory: TreeInode, ancestor: TreeInode): boolean {
  for (let at = directory; ; at = at.directory!.parent) {
    if (at === ancestor) return true;
    if (at.directory!.parent === at) return false;
  }
}

/** Index of the first entry after a cookie. */
function firstAfter(listing: readonly [string, TreeEntry][], cookie: number): number {
  let low = 0;
  let high = listing.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (listing[middle]![1].cookie <= cookie) low = middle + 1;
    else high = middle;
  }
  return low;
}
