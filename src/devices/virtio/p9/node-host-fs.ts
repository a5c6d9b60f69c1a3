/**
 * A host folder as a {@link FileSystem}, for shared volumes (Node only). It never leaves its root: see node-host-paths.ts.
 * A symlink is the guest's to follow; the host never does. Owners and modes are the host's own. Calls are synchronous.
 * Left out: extended attributes, locks against host processes, device nodes, FIFOs and sockets (can't be made, and are
 * not opened on the host). Times are set to about a microsecond, which is what Node's utimes takes.
 */
import * as fs from 'node:fs';
import type { DeviceState, StateValue } from '../../bus.ts';
import { Errno, FsError } from './errno.ts';
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
import { decodeName, encodeName } from './names.ts';
import { HostPaths, type HostNode } from './node-host-paths.ts';

const NS_PER_SECOND = 1_000_000_000n;
const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** Neither waits for a peer nor becomes a terminal of ours, whatever it opens. */
const SAFE_OPEN = O_NOCTTY | O_NONBLOCK;

export interface NodeHostFsOptions {
  /** The folder to share. */
  folder: string;
  /** Refuse every change with EROFS. */
  readOnly?: boolean;
  /** Force (or forbid) the descriptors of node-host-paths.ts; for tests. */
  anchored?: boolean;
}

/** An open file (with a descriptor) or directory (with its names). */
interface HostFile {
  node: HostNode;
  descriptor: number | undefined;
  names: string[] | undefined;
}

export class NodeHostFs implements FileSystem {
  readonly root: HostNode;
  readonly supportsXattrs = false;
  readonly #paths: HostPaths;
  readonly #readOnly: boolean;
  readonly #files = new Set<HostFile>();
  /** Only root may give files away. */
  readonly #canChown = process.getuid?.() === 0;
  #buffer = new Uint8Array(64 * 1024);
  /** Operations within operations. */
  #depth = 0;

  /** Throws NOT_FOUND or USAGE when the folder can't be shared. */
  constructor(options: NodeHostFsOptions) {
    this.#paths = new HostPaths(options.folder, options.anchored);
    this.#readOnly = options.readOnly ?? false;
    this.root = this.#paths.root;
  }

  /** Closes everything. */
  close(): void {
    for (const file of [...this.#files]) this.release(file);
    this.#paths.close();
  }

  retain(node: FsNode): void {
    this.#paths.retain(node as HostNode);
  }
  forget(node: FsNode): void {
    this.#paths.forget(node as HostNode);
  }

  /** Runs host calls; their errors become the guest's. */
  #run<T>(work: () => T): T {
    this.#depth++;
    try {
      return work();
    } catch (error) {
      throw guestError(error);
    } finally {
      if (--this.#depth === 0) this.#paths.trim();
    }
  }

  // --- Reading ---

  lookup(directory: FsNode, name: string): HostNode | undefined {
    const parent = directory as HostNode;
    return this.#run(() => {
      const stats = fs.lstatSync(this.#paths.child(parent, name), { bigint: true, throwIfNoEntry: false });
      return stats && this.#paths.node(parent, name, stats);
    });
  }

  parent(directory: FsNode): HostNode {
    return (directory as HostNode).parent ?? this.root;
  }

  getattr(node: FsNode): FsAttributes {
    const host = node as HostNode;
    const stats = this.#run(() => this.#paths.stat(host));
    this.#paths.updateVersion(host, stats);
    const device = Number(stats.rdev);
    return {
      mode: Number(stats.mode),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      linkCount: Number(stats.nlink),
      deviceNumber: device,
      size: Number(stats.size),
      blockSize: Number(stats.blksize),
      blocks: Number(stats.blocks),
      atime: timestamp(stats.atimeNs),
      mtime: timestamp(stats.mtimeNs),
      ctime: timestamp(stats.ctimeNs),
    };
  }

  readlink(node: FsNode): string {
    return this.#run(() => decodeName(fs.readlinkSync(this.#paths.place(node as HostNode), { encoding: 'buffer' })));
  }

  statfs(): FsStatistics {
    const statistics = this.#run(() => fs.statfsSync(this.#paths.self(this.root)));
    return {
      blockSize: statistics.bsize,
      blocks: statistics.blocks,
      freeBlocks: statistics.bavail,
      files: statistics.files,
      freeFiles: statistics.ffree,
    };
  }

  open(node: FsNode, flags: number): HostFile {
    const host = node as HostNode;
    const access = flags & Fs.OpenFlags.ACCESS_MASK;
    const truncate = (flags & Fs.OpenFlags.TRUNCATE) !== 0;
    if (access !== Fs.OpenFlags.READ_ONLY || truncate) this.#checkWritable();
    if (host.qidType === Fs.QID_DIRECTORY) return this.#opened({ node: host, descriptor: undefined, names: undefined });
    return this.#run(() => {
      // A FIFO or device of the host is not the guest's to open.
      if (!this.#paths.stat(host).isFile()) throw new FsError(Errno.ENXIO);
      const descriptor = fs.openSync(
        this.#paths.self(host),
        hostAccess(access) | (truncate ? fs.constants.O_TRUNC : 0) | SAFE_OPEN | this.#paths.selfOpenFlags,
      );
      return this.#opened({ node: host, descriptor, names: undefined });
    });
  }

  #opened(file: HostFile): HostFile {
    this.#files.add(file);
    return file;
  }

  release(file: object): void {
    const open = file as HostFile;
    if (!this.#files.delete(open) || open.descriptor === undefined) return;
    fs.closeSync(open.descriptor);
    open.descriptor = undefined;
  }

  read(file: object, offset: number, byteCount: number): Uint8Array {
    const descriptor = descriptorOf(file);
    if (this.#buffer.length < byteCount) this.#buffer = new Uint8Array(byteCount);
    return this.#run(() => this.#buffer.subarray(0, fs.readSync(descriptor, this.#buffer, 0, byteCount, offset)));
  }

  readdir(file: object, cookie: number, limit: number): FsDirectoryEntry[] {
    const open = file as HostFile;
    return this.#run(() => {
      if (cookie === 0 || !open.names) open.names = this.#list(open.node);
      const entries: FsDirectoryEntry[] = [];
      // A cookie is a position in the sorted list of the time the directory was read from its start.
      for (let position = cookie; position < open.names.length && entries.length < limit; position++) {
        const name = open.names[position]!;
        const node = this.#lookupEntry(open.node, name);
        if (node) entries.push({ ...node, name, cookie: position + 1 });
      }
      return entries;
    });
  }

  #list(directory: HostNode): string[] {
    return fs
      .readdirSync(this.#paths.self(directory), { encoding: 'buffer' })
      .map(decodeName)
      .sort((a, b) => (a < b ? -1 : 1));
  }

  /** What a directory entry shows of an inode, without making it known. */
  #lookupEntry(directory: HostNode, name: string): Omit<FsDirectoryEntry, 'name' | 'cookie'> | undefined {
    const stats = fs.lstatSync(this.#paths.child(directory, name), { bigint: true, throwIfNoEntry: false });
    if (!stats) return undefined;
    const { qidType, qidVersion, qidPath } = this.#paths.node(directory, name, stats);
    return { qidType, qidVersion, qidPath, direntType: (Number(stats.mode) & Fs.MODE_TYPE) >> 12 };
  }

  // --- Writing ---

  #checkWritable(): void {
    if (this.#readOnly) throw new FsError(Errno.EROFS);
  }

  write(file: object, offset: number, bytes: Uint8Array): number {
    const descriptor = descriptorOf(file);
    return this.#run(() => fs.writeSync(descriptor, bytes, 0, bytes.length, offset));
  }

  fsync(file: object, dataOnly: boolean): void {
    const { descriptor } = file as HostFile;
    if (descriptor === undefined) return;
    this.#run(() => (dataOnly ? fs.fdatasyncSync(descriptor) : fs.fsyncSync(descriptor)));
  }

  setattr(node: FsNode, changes: FsChanges): void {
    this.#checkWritable();
    const host = node as HostNode;
    this.#run(() => {
      const isSymlink = host.qidType === Fs.QID_SYMLINK;
      if (changes.size !== undefined) this.#truncate(host, changes.size);
      if (changes.uid !== undefined || changes.gid !== undefined) this.#chown(host, changes, isSymlink);
      // After the owner, for changing that takes setuid away. A symlink has no mode.
      if (changes.mode !== undefined && !isSymlink) fs.chmodSync(this.#paths.self(host), changes.mode);
      if (changes.atime !== undefined || changes.mtime !== undefined) this.#setTimes(host, changes, isSymlink);
    });
  }

  #truncate(node: HostNode, size: number): void {
    if (!this.#paths.stat(node).isFile()) throw new FsError(Errno.EINVAL);
    const descriptor = fs.openSync(
      this.#paths.self(node),
      fs.constants.O_WRONLY | SAFE_OPEN | this.#paths.selfOpenFlags,
    );
    try {
      fs.ftruncateSync(descriptor, size);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  #chown(node: HostNode, changes: FsChanges, isSymlink: boolean): void {
    const stats = this.#paths.stat(node);
    const uid = changes.uid ?? Number(stats.uid);
    const gid = changes.gid ?? Number(stats.gid);
    if (isSymlink) fs.lchownSync(this.#paths.place(node), uid, gid);
    else fs.chownSync(this.#paths.self(node), uid, gid);
  }

  #setTimes(node: HostNode, changes: FsChanges, isSymlink: boolean): void {
    const stats = this.#paths.stat(node);
    const now = Date.now() / 1000;
    const seconds = (change: Timestamp | 'now' | undefined, present: bigint): number =>
      change === undefined ? Number(present) / 1e9 : change === 'now' ? now : change.seconds + change.nanoseconds / 1e9;
    const atime = seconds(changes.atime, stats.atimeNs);
    const mtime = seconds(changes.mtime, stats.mtimeNs);
    if (isSymlink) fs.lutimesSync(this.#paths.place(node), atime, mtime);
    else fs.utimesSync(this.#paths.self(node), atime, mtime);
  }

  create(
    directory: FsNode,
    name: string,
    attributes: FsNewAttributes,
    flags: number,
  ): { node: HostNode; file: HostFile } {
    this.#checkWritable();
    const parent = directory as HostNode;
    return this.#run(() => {
      const access = hostAccess(flags & Fs.OpenFlags.ACCESS_MASK);
      const descriptor = fs.openSync(
        this.#paths.child(parent, name),
        access | O_CREAT | O_EXCL | O_NOFOLLOW | SAFE_OPEN,
        0o600,
      );
      try {
        if (this.#canChown) fs.fchownSync(descriptor, attributes.uid, attributes.gid);
        fs.fchmodSync(descriptor, attributes.mode);
        const node = this.#paths.node(parent, name, fs.fstatSync(descriptor, { bigint: true }));
        return { node, file: this.#opened({ node, descriptor, names: undefined }) };
      } catch (error) {
        fs.closeSync(descriptor);
        throw error;
      }
    });
  }

  mkdir(directory: FsNode, name: string, attributes: FsNewAttributes): HostNode {
    this.#checkWritable();
    const parent = directory as HostNode;
    return this.#run(() => {
      fs.mkdirSync(this.#paths.child(parent, name), 0o700);
      const node = this.#found(parent, name);
      if (this.#canChown) fs.chownSync(this.#paths.self(node), attributes.uid, attributes.gid);
      fs.chmodSync(this.#paths.self(node), attributes.mode);
      return node;
    });
  }

  symlink(directory: FsNode, name: string, target: string, attributes: FsNewAttributes): HostNode {
    this.#checkWritable();
    const parent = directory as HostNode;
    return this.#run(() => {
      const path = this.#paths.child(parent, name);
      fs.symlinkSync(Buffer.from(encodeName(target)), path);
      if (this.#canChown) fs.lchownSync(path, attributes.uid, attributes.gid);
      return this.#found(parent, name);
    });
  }

  mknod(directory: FsNode, name: string, attributes: FsNewAttributes): HostNode {
    this.#checkWritable();
    if ((attributes.mode & Fs.MODE_TYPE) !== Fs.MODE_REGULAR) throw new FsError(Errno.EPERM);
    const { node, file } = this.create(
      directory,
      name,
      { ...attributes, mode: attributes.mode & Fs.MODE_PERMISSIONS },
      Fs.OpenFlags.WRITE_ONLY,
    );
    this.release(file);
    return node;
  }

  /** What was just made. Someone may have taken it away again. */
  #found(parent: HostNode, name: string): HostNode {
    const node = this.lookup(parent, name);
    if (!node) throw new FsError(Errno.ENOENT);
    return node;
  }

  link(directory: FsNode, name: string, node: FsNode): void {
    this.#checkWritable();
    this.#run(() => fs.linkSync(this.#paths.place(node as HostNode), this.#paths.child(directory as HostNode, name)));
  }

  unlink(directory: FsNode, name: string, isDirectory: boolean): void {
    this.#checkWritable();
    const parent = directory as HostNode;
    this.#run(() => {
      const path = this.#paths.child(parent, name);
      const orphan = this.#losesName(path, parent, name);
      if (isDirectory) fs.rmdirSync(path);
      else fs.unlinkSync(path);
      orphan?.();
    });
  }

  rename(fromDirectory: FsNode, fromName: string, toDirectory: FsNode, toName: string): void {
    this.#checkWritable();
    const from = fromDirectory as HostNode;
    const to = toDirectory as HostNode;
    this.#run(() => {
      const fromPath = this.#paths.child(from, fromName);
      const toPath = this.#paths.child(to, toName);
      const moved = fs.lstatSync(fromPath, { bigint: true });
      const replaced = fs.lstatSync(toPath, { bigint: true, throwIfNoEntry: false });
      const sameInode = replaced !== undefined && replaced.dev === moved.dev && replaced.ino === moved.ino;
      const orphan = sameInode ? undefined : this.#losesName(toPath, to, toName);
      fs.renameSync(fromPath, toPath);
      orphan?.();
      const node = this.#paths.liveNode(moved);
      if (node && !sameInode && node.isAt(from, fromName)) this.#paths.relocate(node, to, toName);
    });
  }

  /** Prepares for the removal of a name: what to do once that succeeded. Keeps a held inode within reach. */
  #losesName(path: string | Buffer, parent: HostNode, name: string): (() => void) | undefined {
    const stats = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    const node = stats && this.#paths.liveNode(stats);
    // Another hard link may be elsewhere, but its place is not known: the descriptor serves as well.
    if (!node?.isAt(parent, name)) return undefined;
    return this.#paths.holdOpen(node);
  }

  // --- Extended attributes: the server does not ask ---

  getXattr(): undefined {
    throw new FsError(Errno.EOPNOTSUPP);
  }
  listXattrs(): string[] {
    throw new FsError(Errno.EOPNOTSUPP);
  }
  setXattr(): void {
    throw new FsError(Errno.EOPNOTSUPP);
  }
  removeXattr(): void {
    throw new FsError(Errno.EOPNOTSUPP);
  }

  // --- State: by path; the folder itself is the host's ---

  saveNode(node: FsNode): StateValue {
    const host = node as HostNode;
    return host.unlinked ? null : this.#paths.names(host);
  }
  loadNode(saved: StateValue): HostNode | undefined {
    if (!Array.isArray(saved)) return undefined;
    let node: HostNode | undefined = this.root;
    for (const name of saved) {
      const valid: boolean =
        typeof name === 'string' && name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
      if (!valid || node.qidType !== Fs.QID_DIRECTORY) return undefined;
      node = this.lookup(node, name as string);
      if (!node) return undefined;
    }
    return node;
  }
  save(): DeviceState {
    return {};
  }
  load(): void {}
}

/** A failed system call as the guest sees it; anything else is our bug. */
function guestError(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof FsError || code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  return new FsError(Errno[code as keyof typeof Errno] ?? Errno.EIO);
}

function hostAccess(access: number): number {
  if (access === Fs.OpenFlags.WRITE_ONLY) return fs.constants.O_WRONLY;
  return access === Fs.OpenFlags.READ_WRITE ? fs.constants.O_RDWR : fs.constants.O_RDONLY;
}

function descriptorOf(file: object): number {
  const { descriptor } = file as HostFile;
  if (descriptor === undefined) throw new FsError(Errno.EISDIR);
  return descriptor;
}

function timestamp(nanoseconds: bigint): Timestamp {
  const within = BigInt.asIntN(64, nanoseconds) % NS_PER_SECOND;
  const fraction = within < 0n ? within + NS_PER_SECOND : within;
  return { seconds: Number((nanoseconds - fraction) / NS_PER_SECOND), nanoseconds: Number(fraction) };
}
