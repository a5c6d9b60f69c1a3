/**
 * Fids: the client's handles. A fid holds an inode, and may be opened for input and output or stand for an extended
 * attribute. 9P2000 intro(5), "Fids".
 */
import type { FsNode, FsOpenFile } from './filesystem.ts';

/** An attribute being read (its whole value) or written (what came so far). */
export interface XattrState {
  direction: 'read' | 'write';
  name: string;
  value: Uint8Array;
  /** Bytes written so far. */
  written: number;
  flags: number;
}

export interface Fid {
  /** Undefined after a restore that could not find it again: operations give ESTALE. */
  node: FsNode | undefined;
  /** User who attached: owner of what is made through this fid. */
  uid: number;
  /** Where the walk that made it ended, for Trename and Tremove; undefined for the root. */
  parent: FsNode | undefined;
  name: string;
  /** Flags of Tlopen or Tlcreate; undefined while not open. */
  openFlags: number | undefined;
  /** Undefined while not open, and after a restore until the first use. */
  file: FsOpenFile | undefined;
  xattr: XattrState | undefined;
}
