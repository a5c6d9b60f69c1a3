/**
 * Marks by which a layer says to overlayfs what of the layers below it hides (Linux
 * Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
 */
import { DEFAULT_DIRECTORY_ATTRIBUTES, type InodeAttributes, type SpecialInode } from './tree.ts';

/** Attributes of overlayfs's own. */
export const OVERLAY_XATTR_PREFIX = 'trusted.overlay.';
const OPAQUE_XATTR = 'trusted.overlay.opaque';
const OPAQUE_VALUE = new TextEncoder().encode('y');
/**
 * overlayfs looks for whiteouts in the listing of a directory that no other layer has only if the directory was copied up,
 * that is if this attribute is there; empty means that nobody knows where from (fs/overlayfs: ovl_get_inode).
 */
const ORIGIN_XATTR = 'trusted.overlay.origin';
const NO_VALUE = new Uint8Array(0);

/** Volume name of a layer that says nothing of the root directory itself. */
export const IMPLIED_ROOT_LABEL = 'implied root';

/** Hides a name: a character device 0:0. */
export const WHITEOUT: SpecialInode = {
  kind: 'char',
  major: 0,
  minor: 0,
  attributes: { ...DEFAULT_DIRECTORY_ATTRIBUTES, mode: 0 },
};

export function isWhiteout({ kind, major, minor }: { kind: string; major: number; minor: number }): boolean {
  return kind === 'char' && major === 0 && minor === 0;
}

/** Whether nothing of lower layers shows in the directory. */
export function isOpaque({ xattrs }: InodeAttributes): boolean {
  return xattrs.has(OPAQUE_XATTR);
}

/** A directory's attributes with the marks that it needs. */
export function withMarks(
  attributes: InodeAttributes,
  { opaque, hasWhiteouts }: { opaque: boolean; hasWhiteouts: boolean },
): InodeAttributes {
  const marks: [string, Uint8Array][] = [];
  if (opaque) marks.push([OPAQUE_XATTR, OPAQUE_VALUE]);
  if (hasWhiteouts) marks.push([ORIGIN_XATTR, NO_VALUE]);
  return marks.length === 0 ? attributes : { ...attributes, xattrs: new Map([...attributes.xattrs, ...marks]) };
}
