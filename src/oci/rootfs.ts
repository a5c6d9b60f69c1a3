/**
 * A root filesystem as a tree in memory: names, attributes and where the bytes of each file lie. layers.ts builds it from
 * an image's layers; sink.ts copies it into whatever serves it. File contents stay where they are.
 */
import type { ContentSource } from './content.ts';
import { badImage, overLimit, quote } from './fail.ts';

/** Attributes that every inode has. */
export interface InodeAttributes {
  /** Permission bits with setuid, setgid and sticky; no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Extended attributes by full name (`security.capability`). */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface FileInode {
  readonly kind: 'file';
  readonly attributes: InodeAttributes;
  readonly content: ContentSource;
}
export interface SymlinkInode {
  readonly kind: 'symlink';
  readonly attributes: InodeAttributes;
  readonly target: string;
}
export interface SpecialInode {
  readonly kind: 'char' | 'block' | 'fifo';
  readonly attributes: InodeAttributes;
  /** Device numbers; 0 for a fifo. */
  readonly major: number;
  readonly minor: number;
}
export interface DirectoryInode {
  readonly kind: 'directory';
  attributes: InodeAttributes;
  readonly entries: Map<string, DirectoryEntry>;
  /** Undefined at the root. */
  readonly parent: DirectoryInode | undefined;
  /** 0 at the root. */
  readonly depth: number;
  /** Last layer for which everything of lower layers was removed from here. */
  clearedByLayer: number;
}
/** Hard links are several entries with the same inode. */
export type Inode = FileInode | SymlinkInode | SpecialInode | DirectoryInode;

/** A name in a directory, and the layer (counted from 0) that last wrote it. */
export interface DirectoryEntry {
  inode: Inode;
  layer: number;
}

export const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
const DEFAULT_DIRECTORY_MODE = 0o755;
/** A directory that no entry describes. */
export const DEFAULT_DIRECTORY_ATTRIBUTES: InodeAttributes = {
  mode: DEFAULT_DIRECTORY_MODE,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  xattrs: NO_XATTRS,
};
/** No layer has cleared it. */
export const NEVER_CLEARED = -1;

export function newDirectory(attributes: InodeAttributes, parent: DirectoryInode | undefined): DirectoryInode {
  return {
    kind: 'directory',
    attributes,
    entries: new Map(),
    parent,
    depth: parent ? parent.depth + 1 : 0,
    clearedByLayer: NEVER_CLEARED,
  };
}

/** Linux follows as many (MAXSYMLINKS). */
export const MAX_SYMLINKS = 40;

/** Components of a path with empty ones and `.` left out. */
export function pathComponents(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

export class Rootfs {
  readonly root: DirectoryInode = newDirectory(DEFAULT_DIRECTORY_ATTRIBUTES, undefined);

  /**
   * Finds an inode the way a process in the container would: links are followed, and `..` stops at the root.
   * `undefined` when it is not there or the links go round in circles.
   */
  lookup(path: string): Inode | undefined {
    let pending = pathComponents(path).reverse();
    let at: Inode = this.root;
    let directory = this.root;
    for (let links = 0; pending.length > 0;) {
      const name = pending.pop()!;
      if (at.kind !== 'directory') return undefined;
      directory = at;
      if (name === '..') {
        at = directory.parent ?? directory;
        continue;
      }
      const inode = directory.entries.get(name)?.inode;
      if (inode === undefined) return undefined;
      if (inode.kind !== 'symlink') {
        at = inode;
        continue;
      }
      if (++links > MAX_SYMLINKS) return undefined;
      pending = pending.concat(pathComponents(inode.target).reverse());
      at = inode.target.startsWith('/') ? this.root : directory;
    }
    return at;
  }

  /** The bytes of a regular file, or `undefined` when there is none. Throws LIMIT when it is longer than `maximumBytes`. */
  readFile(path: string, maximumBytes: number): Uint8Array | undefined {
    const inode = this.lookup(path);
    if (inode?.kind !== 'file') return undefined;
    if (inode.content.size > maximumBytes) throw overLimit(`${path} in the image has more than ${maximumBytes} bytes`);
    const bytes = inode.content.readSync(0, inode.content.size);
    if (bytes.length !== inode.content.size) throw badImage(`${quote(path)} in the image can't be read whole`);
    return bytes;
  }
}
