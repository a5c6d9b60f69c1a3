/**
 * How a shared host folder is reached without ever leaving it (Node only). The guest and other host processes may change
 * the folder at any moment, so a path that was checked is worthless later: on Linux every directory is held by an O_PATH
 * descriptor and named through /proc/self/fd, which is openat(2) in effect: nothing above the last component can be
 * swapped for a symlink. Elsewhere each component is checked with lstat just before use, which leaves a short race.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  realpathSync,
  type BigIntStats,
} from 'node:fs';
import { ErrorCodes, VivariumError } from '../../../util/errors.ts';
import { Errno, FsError } from './errno.ts';
import { qidTypeOf, type FsNode } from './filesystem.ts';
import { encodeName } from './names.ts';

/** open(2) on Linux; Node has no name for it. */
const O_PATH = 0o10000000;
const DESCRIPTOR_FOLDER = '/proc/self/fd';
/** Descriptors kept open for directories and files in use; beyond this the oldest are closed and opened again on demand. */
const DESCRIPTORS_MAX = 512;
/** Inode numbers above this, and those of other mounts, get a number of ours. */
const OWN_NUMBERS_FROM = 2 ** 48;
const SURROGATE = /[\ud800-\udfff]/;
const SEPARATOR = Buffer.from('/');

/** An inode of the host, and where it was last seen. */
export class HostNode implements FsNode {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly qidType: number;
  readonly qidPath: number;
  qidVersion = 1;
  /** Undefined for the root. */
  parent: HostNode | undefined;
  name: string;
  /** Fids and retained children. */
  references = 0;
  /** Its last name went while it was held: only the descriptor reaches it now. */
  unlinked = false;

  constructor(stats: BigIntStats, qidPath: number, parent: HostNode | undefined, name: string) {
    this.dev = stats.dev;
    this.ino = stats.ino;
    this.qidType = qidTypeOf(Number(stats.mode));
    this.qidPath = qidPath;
    this.parent = parent;
    this.name = name;
  }

  is(other: { dev: bigint; ino: bigint }): boolean {
    return other.dev === this.dev && other.ino === this.ino;
  }

  /** Whether this is where the node was last seen. */
  isAt(parent: HostNode, name: string): boolean {
    return this.name === name && this.parent !== undefined && this.parent.is(parent);
  }
}

export class HostPaths {
  readonly root: HostNode;
  readonly #rootPath: string;
  readonly #anchored: boolean;
  readonly #descriptors = new Map<HostNode, number>();
  /** Retained nodes by device and inode number. */
  readonly #live = new Map<string, HostNode>();
  readonly #ownNumbers = new Map<string, number>();

  constructor(folder: string, anchored: boolean = process.platform === 'linux' && existsSync(DESCRIPTOR_FOLDER)) {
    this.#anchored = anchored;
    let stats: BigIntStats;
    try {
      this.#rootPath = realpathSync(folder);
      stats = lstatSync(this.#rootPath, { bigint: true });
    } catch (error) {
      throw new VivariumError(
        ErrorCodes.NOT_FOUND,
        `cannot share ${folder}; check that the folder exists and is readable`,
        { cause: error },
      );
    }
    if (!stats.isDirectory())
      throw new VivariumError(
        ErrorCodes.USAGE,
        `cannot share ${folder}, which is not a folder; share the folder that it is in`,
      );
    this.root = new HostNode(stats, Number(stats.ino % BigInt(OWN_NUMBERS_FROM)), undefined, '');
    this.retain(this.root);
  }

  // --- Nodes ---

  /** The node for something found at a place. */
  node(parent: HostNode, name: string, stats: BigIntStats): HostNode {
    const key = `${stats.dev}:${stats.ino}`;
    let node = this.#live.get(key);
    if (!node || node.qidType !== qidTypeOf(Number(stats.mode)))
      node = new HostNode(stats, this.#number(key, stats), parent, name);
    else if (node !== this.root) this.relocate(node, parent, name);
    this.updateVersion(node, stats);
    return node;
  }

  /** The retained node of these stats, if there is one. */
  liveNode(stats: BigIntStats): HostNode | undefined {
    return this.#live.get(`${stats.dev}:${stats.ino}`);
  }

  /** The host may change files behind the guest's back: the version follows time and size. Never 0. */
  updateVersion(node: HostNode, stats: BigIntStats): void {
    const mixed = stats.mtimeNs ^ (stats.size << 20n) ^ (stats.mtimeNs >> 32n);
    node.qidVersion = Number(BigInt.asUintN(32, mixed)) || 1;
  }

  #number(key: string, stats: BigIntStats): number {
    if (stats.dev === this.root.dev && stats.ino < BigInt(OWN_NUMBERS_FROM)) return Number(stats.ino);
    let number = this.#ownNumbers.get(key);
    if (number === undefined) {
      number = OWN_NUMBERS_FROM + this.#ownNumbers.size;
      this.#ownNumbers.set(key, number);
    }
    return number;
  }

  /** Holds a node and everything above it, so that a renamed directory takes what is below along. */
  retain(node: HostNode): void {
    for (let at: HostNode | undefined = node; at; at = at.parent) {
      if (at.references++ > 0) return;
      this.#live.set(`${at.dev}:${at.ino}`, at);
    }
  }
  forget(node: HostNode): void {
    for (let at: HostNode | undefined = node; at; at = at.parent) {
      if (--at.references > 0) return;
      const key = `${at.dev}:${at.ino}`;
      if (this.#live.get(key) === at) this.#live.delete(key);
      this.#close(at);
    }
  }

  /** The node was seen at, or moved to, another place. */
  relocate(node: HostNode, parent: HostNode, name: string): void {
    if (node.parent !== parent) {
      // Where the parent was last seen may be out of date: it must not come to lie below its own child.
      for (let at: HostNode | undefined = parent; at; at = at.parent) if (at === node) return;
    }
    if (node.parent !== parent && node.references > 0) {
      this.retain(parent);
      if (node.parent) this.forget(node.parent);
    }
    node.parent = parent;
    node.name = name;
  }

  /**
   * A held node is about to lose the name that it is known by: opens a way to it first. Call the result once the name is
   * gone; from then on the descriptor is the only way.
   */
  holdOpen(node: HostNode): () => void {
    if (this.#anchored) this.#descriptor(node);
    return () => {
      node.unlinked = true;
      this.#live.delete(`${node.dev}:${node.ino}`);
    };
  }

  // --- Paths ---

  /** A path to a name in a directory, for calls that don't follow a link in the last component. */
  child(directory: HostNode, name: string): string | Buffer {
    const base = this.#anchored ? `${DESCRIPTOR_FOLDER}/${this.#descriptor(directory)}` : this.#checkedPath(directory);
    return join(base, name);
  }

  /** A path to the node itself; calls may follow it, for it leads to that inode. Not for symlinks. */
  self(node: HostNode): string | Buffer {
    if (this.#anchored) return `${DESCRIPTOR_FOLDER}/${this.#descriptor(node)}`;
    return this.#checkedPath(node);
  }

  /** Stats of the node, wherever it is now. ESTALE when it is gone. */
  stat(node: HostNode): BigIntStats {
    if (!node.unlinked && node.parent) {
      const stats = lstatSync(this.child(node.parent, node.name), { bigint: true, throwIfNoEntry: false });
      if (stats && node.is(stats)) return stats;
    }
    return this.#anchored
      ? fstatSync(this.#descriptor(node), { bigint: true })
      : lstatSync(this.#checkedPath(node), { bigint: true });
  }

  /** Where a node has a name; ESTALE when it has been moved by someone else or has none. */
  place(node: HostNode): string | Buffer {
    if (node.unlinked || !node.parent) throw new FsError(Errno.ESTALE);
    const path = this.child(node.parent, node.name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stats || !node.is(stats)) throw new FsError(Errno.ESTALE);
    return path;
  }

  /** Names from the root down, for finding it again. */
  names(node: HostNode): string[] {
    const names: string[] = [];
    for (let at = node; at.parent; at = at.parent) names.push(at.name);
    return names.reverse();
  }

  /** Closes the oldest descriptors above the limit. Only between operations: a path made before names a descriptor. */
  trim(): void {
    if (this.#descriptors.size <= DESCRIPTORS_MAX) return;
    for (const node of this.#descriptors.keys()) {
      // What was removed can't be opened again, and the root may have been moved.
      if (node !== this.root && !(node.unlinked && node.references > 0)) this.#close(node);
      if (this.#descriptors.size <= DESCRIPTORS_MAX) return;
    }
  }

  /** For opening what {@link self} gives: without descriptors, the last component could just have become a symlink. */
  get selfOpenFlags(): number {
    return this.#anchored ? 0 : constants.O_NOFOLLOW;
  }

  /** Closes every descriptor. */
  close(): void {
    for (const descriptor of this.#descriptors.values()) closeSync(descriptor);
    this.#descriptors.clear();
  }

  // --- Linux: descriptors ---

  #descriptor(node: HostNode): number {
    const open = this.#descriptors.get(node);
    if (open !== undefined) {
      // Youngest last.
      this.#descriptors.delete(node);
      this.#descriptors.set(node, open);
      return open;
    }
    // From the nearest ancestor that is open, down. No recursion: a guest may nest directories without limit.
    const missing: HostNode[] = [];
    for (let at: HostNode | undefined = node; at && !this.#descriptors.has(at); at = at.parent) missing.push(at);
    let descriptor = -1;
    let above: HostNode | undefined;
    for (let next = missing.pop(); next; next = missing.pop()) {
      descriptor = this.#openDescriptor(next);
      // A way down that is longer than the limit is not kept. What was open before may be in use: see trim.
      if (above && this.#descriptors.size > DESCRIPTORS_MAX) this.#close(above);
      above = next;
    }
    return descriptor;
  }

  #openDescriptor(node: HostNode): number {
    if (node.unlinked) throw new FsError(Errno.ESTALE);
    const path = node.parent
      ? join(`${DESCRIPTOR_FOLDER}/${this.#descriptors.get(node.parent)}`, node.name)
      : this.#rootPath;
    const descriptor = openSync(path, O_PATH | constants.O_NOFOLLOW);
    if (!node.is(fstatSync(descriptor, { bigint: true }))) {
      closeSync(descriptor);
      throw new FsError(Errno.ESTALE);
    }
    this.#descriptors.set(node, descriptor);
    return descriptor;
  }

  #close(node: HostNode): void {
    const descriptor = this.#descriptors.get(node);
    if (descriptor === undefined || node === this.root) return;
    this.#descriptors.delete(node);
    closeSync(descriptor);
  }

  // --- Elsewhere: checked paths ---

  /** The node's path, every component of which was just seen to be what it was, and no symlink. */
  #checkedPath(node: HostNode): string | Buffer {
    if (node.unlinked) throw new FsError(Errno.ESTALE);
    const chain: HostNode[] = [];
    for (let at: HostNode | undefined = node; at; at = at.parent) chain.push(at);
    let path: string | Buffer = this.#rootPath;
    for (let next = chain.pop(); next; next = chain.pop()) {
      if (next.parent) path = join(path, next.name);
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (!stats || !next.is(stats)) throw new FsError(Errno.ESTALE);
    }
    return path;
  }
}

/** Names that are not valid UTF-8 need their bytes. */
function join(base: string | Buffer, name: string): string | Buffer {
  if (typeof base === 'string' && !SURROGATE.test(name)) return `${base}/${name}`;
  return Buffer.concat([Buffer.from(base), SEPARATOR, encodeName(name)]);
}
