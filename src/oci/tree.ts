/**
 * The files of one layer as a tree in memory: names, attributes and where the bytes of each file lie. layers.ts builds it
 * from a layer's tar, erofs/writer.ts makes an image of it. File contents stay where they are.
 */
import type { ContentSource } from './content.ts';

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
  readonly kind: 'char' | 'block' | 'fifo' | 'socket';
  readonly attributes: InodeAttributes;
  /** Device numbers; 0 for a fifo and a socket. */
  readonly major: number;
  readonly minor: number;
}
export interface DirectoryInode {
  readonly kind: 'directory';
  attributes: InodeAttributes;
  /** Hard links are several names of the same inode. */
  readonly entries: Map<string, Inode>;
  /** Undefined at the root. */
  readonly parent: DirectoryInode | undefined;
  /** Its name in there. */
  readonly name: string;
  /** 0 at the root. */
  readonly depth: number;
}
export type Inode = FileInode | SymlinkInode | SpecialInode | DirectoryInode;

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

export function newDirectory(
  attributes: InodeAttributes,
  parent: DirectoryInode | undefined,
  name: string,
): DirectoryInode {
  return { kind: 'directory', attributes, entries: new Map(), parent, name, depth: parent ? parent.depth + 1 : 0 };
}

/** Linux follows as many (MAXSYMLINKS). */
export const MAX_SYMLINKS = 40;

/** Components of a path with empty ones and `.` left out. */
export function pathComponents(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** The path of a directory from the root, as names. */
export function pathOf(directory: DirectoryInode): string[] {
  const names: string[] = [];
  for (let at = directory; at.parent !== undefined; at = at.parent) names.push(at.name);
  return names.reverse();
}
