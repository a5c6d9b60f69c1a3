/**
 * Fills a {@link TreeFs} from the host's side: from image layers before the guest starts (its methods fit
 * what src/oci copies a root filesystem into), or single files later. Names are trusted to be valid components.
 */
import { assert } from '../../../util/errors.ts';
import type { BlobSource } from './file-content.ts';
import * as Fs from './filesystem.ts';
import type { Timestamp } from './filesystem.ts';
import { encodeName } from './names.ts';
import type { TreeFs } from './tree-fs.ts';
import type { TreeInode } from './tree-inode.ts';

/** Attributes of something the host makes. */
export interface BuilderAttributes {
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. Default: now. */
  readonly mtimeNs?: bigint;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

const SPECIAL_MODES = {
  char: Fs.MODE_CHARACTER,
  block: Fs.MODE_BLOCK,
  fifo: Fs.MODE_FIFO,
  socket: Fs.MODE_SOCKET,
} as const;
const NS_PER_SECOND = 1_000_000_000n;
// FNV-1a, 32 bits.
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export class TreeBuilder {
  readonly root: TreeInode;
  readonly #fs: TreeFs;

  constructor(fs: TreeFs) {
    this.#fs = fs;
    this.root = fs.root;
  }

  setRootAttributes(attributes: BuilderAttributes): void {
    const { root } = this;
    this.#fs.mark(root);
    root.mode = Fs.MODE_DIRECTORY | attributes.mode;
    root.uid = attributes.uid;
    root.gid = attributes.gid;
    root.mtime = this.#time(attributes);
    root.ctime = root.mtime;
    this.#setXattrs(root, attributes);
  }

  mkdir(parent: TreeInode, name: string, attributes: BuilderAttributes): TreeInode {
    return this.#add(parent, name, Fs.MODE_DIRECTORY, attributes);
  }

  /** `content` is bytes, which are kept and not copied, or anything that can be read at once. */
  createFile(
    parent: TreeInode,
    name: string,
    attributes: BuilderAttributes,
    content: Uint8Array | BlobSource,
  ): TreeInode {
    return this.#add(parent, name, Fs.MODE_REGULAR, attributes, {
      source: content instanceof Uint8Array ? bytesSource(content) : content,
    });
  }

  symlink(parent: TreeInode, name: string, attributes: BuilderAttributes, target: string): TreeInode {
    return this.#add(parent, name, Fs.MODE_SYMLINK, attributes, { target });
  }

  mknod(
    parent: TreeInode,
    name: string,
    attributes: BuilderAttributes,
    device: { kind: keyof typeof SPECIAL_MODES; major: number; minor: number },
  ): TreeInode {
    const isDevice = device.kind === 'char' || device.kind === 'block';
    return this.#add(parent, name, SPECIAL_MODES[device.kind], attributes, {
      deviceNumber: isDevice ? Fs.encodeDevice(device.major, device.minor) : 0,
    });
  }

  /** A further name of something that is no directory. */
  link(parent: TreeInode, name: string, target: TreeInode): void {
    assert(!target.directory && !this.get(parent, name), `${name} can't be linked`);
    this.#fs.addEntry(parent, name, target, this.#fs.chargeName(name));
    this.#fs.mark(target);
    target.linkCount++;
    this.#hostChanged(parent);
  }

  setXattr(node: TreeInode, name: string, value: Uint8Array): void {
    this.#fs.setXattr(node, name, value, 0);
    this.#hostChanged(node);
  }

  get(parent: TreeInode, name: string): TreeInode | undefined {
    return this.#fs.lookup(parent, name);
  }

  isDirectory(node: TreeInode): boolean {
    return node.isDirectory;
  }

  /** Removes a name and, if it is a directory, everything below. Nothing happens when it is not there. */
  remove(parent: TreeInode, name: string): void {
    const node = this.get(parent, name);
    if (!node) return;
    if (node.directory) this.clearDirectory(node);
    this.#fs.unlink(parent, name, node.directory !== undefined);
    this.#hostChanged(parent);
  }

  /** Removes everything in a directory. */
  clearDirectory(directory: TreeInode): void {
    // Depth is what an image holds, so the walk keeps its own stack. Children are pushed after their parents.
    const pending: { parent: TreeInode; name: string }[] = [];
    const listed: TreeInode[] = [directory];
    for (let next = listed.pop(); next; next = listed.pop()) {
      for (const [name, { inode }] of next.directory!.entries) {
        pending.push({ parent: next, name });
        if (inode.directory) listed.push(inode);
      }
    }
    for (let next = pending.pop(); next; next = pending.pop()) {
      this.#fs.unlink(next.parent, next.name, this.get(next.parent, next.name)!.directory !== undefined);
    }
    this.#hostChanged(directory);
  }

  #add(
    parent: TreeInode,
    name: string,
    type: number,
    attributes: BuilderAttributes,
    special: { source?: BlobSource; target?: string; deviceNumber?: number } = {},
  ): TreeInode {
    const fs = this.#fs;
    assert(parent.directory && !this.get(parent, name), `${name} is taken, or not in a directory`);
    const inode = fs.newInode(
      type | (attributes.mode & Fs.MODE_PERMISSIONS),
      attributes,
      this.#time(attributes),
      special,
    );
    if (inode.isDirectory) fs.makeDirectory(inode, parent);
    fs.addEntry(parent, name, inode, fs.chargeName(name));
    this.#setXattrs(inode, attributes);
    this.#hostChanged(parent);
    if (!fs.sealed) this.#print(name, inode);
    return inode;
  }

  #setXattrs(inode: TreeInode, { xattrs }: BuilderAttributes): void {
    const { ctime } = inode;
    for (const [name, value] of xattrs ?? []) this.#fs.setXattr(inode, name, value, 0);
    inode.ctime = ctime;
  }

  #time({ mtimeNs }: BuilderAttributes): Timestamp {
    if (mtimeNs === undefined) return this.#fs.now();
    let seconds = mtimeNs / NS_PER_SECOND;
    let nanoseconds = mtimeNs % NS_PER_SECOND;
    if (nanoseconds < 0n) {
      seconds -= 1n;
      nanoseconds += NS_PER_SECOND;
    }
    return { seconds: Number(seconds), nanoseconds: Number(nanoseconds) };
  }

  /** A guest that has the inode cached finds out by its version. */
  #hostChanged(inode: TreeInode): void {
    if (this.#fs.sealed) inode.qidVersion = (inode.qidVersion + 1) >>> 0 || 1;
  }

  #print(name: string, inode: TreeInode): void {
    let hash = this.#fs.fingerprint || FNV_OFFSET;
    const mix = (value: number): void => {
      hash = Math.imul(hash ^ value, FNV_PRIME);
    };
    for (const byte of encodeName(name)) mix(byte);
    for (const value of [inode.qidPath, inode.directory ? 0 : inode.size % 2 ** 32, inode.mode]) {
      for (let shift = 0; shift < 32; shift += 8) mix((value >>> shift) & 0xff);
    }
    this.#fs.fingerprint = hash >>> 0;
  }
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): BlobSource {
  return { size: bytes.length, readSync: (offset, length) => bytes.subarray(offset, offset + length) };
}
