/** Extended attributes of an inode, all stored behind it; none is shared between inodes. */
import { badImage, overLimit, quote } from '../fail.ts';
import {
  alignUp,
  XATTR_ALIGNMENT,
  XATTR_ENTRY_BYTES,
  XATTR_HEADER_BYTES,
  XATTR_ICOUNT_MAX,
  XATTR_NAME_INDEX,
  XATTR_NAME_LEN,
  XATTR_PREFIXES,
  XATTR_SHARED_COUNT,
  XATTR_VALUE_MAX,
  XATTR_VALUE_SIZE,
} from './format.ts';

const EMPTY = new Uint8Array(0);
const utf8 = new TextEncoder();
const text = new TextDecoder();

interface StoredName {
  readonly index: number;
  readonly rest: Uint8Array;
}

/** `undefined` for a name that no file system of Linux stores. */
function storedName(name: string): StoredName | undefined {
  for (const { index, prefix, whole } of XATTR_PREFIXES) {
    if (whole ? name === prefix : name.startsWith(prefix) && name.length > prefix.length)
      return { index, rest: utf8.encode(name.slice(prefix.length)) };
  }
  return undefined;
}

/**
 * The attributes as they stand behind an inode; empty without any. Names of other systems are left out, as Linux would
 * refuse them. Throws LIMIT when they are too long for the format. `what` names the file.
 */
export function encodeXattrs(xattrs: ReadonlyMap<string, Uint8Array>, what: string): Uint8Array {
  const entries: { name: StoredName; value: Uint8Array }[] = [];
  let byteCount = XATTR_HEADER_BYTES;
  for (const [key, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const name = storedName(key);
    if (name === undefined) continue;
    if (value.length > XATTR_VALUE_MAX)
      throw overLimit(`${what}: the extended attribute ${quote(key)} has more than ${XATTR_VALUE_MAX} bytes`);
    entries.push({ name, value });
    byteCount += alignUp(XATTR_ENTRY_BYTES + name.rest.length + value.length, XATTR_ALIGNMENT);
  }
  if (entries.length === 0) return EMPTY;
  if (xattrWordCount(byteCount) > XATTR_ICOUNT_MAX)
    throw overLimit(`${what} has more than ${XATTR_ICOUNT_MAX * XATTR_ALIGNMENT} bytes of extended attributes`);
  const bytes = new Uint8Array(byteCount);
  const view = new DataView(bytes.buffer);
  let at = XATTR_HEADER_BYTES;
  for (const { name, value } of entries) {
    view.setUint8(at + XATTR_NAME_LEN, name.rest.length);
    view.setUint8(at + XATTR_NAME_INDEX, name.index);
    view.setUint16(at + XATTR_VALUE_SIZE, value.length, true);
    bytes.set(name.rest, at + XATTR_ENTRY_BYTES);
    bytes.set(value, at + XATTR_ENTRY_BYTES + name.rest.length);
    at = alignUp(at + XATTR_ENTRY_BYTES + name.rest.length + value.length, XATTR_ALIGNMENT);
  }
  return bytes;
}

/** i_xattr_icount for so many bytes of attributes, and back. */
export function xattrWordCount(byteCount: number): number {
  return byteCount === 0 ? 0 : (byteCount - XATTR_HEADER_BYTES) / XATTR_ALIGNMENT + 1;
}
export function xattrByteCount(wordCount: number): number {
  return wordCount === 0 ? 0 : XATTR_HEADER_BYTES + (wordCount - 1) * XATTR_ALIGNMENT;
}

/** Reads what {@link encodeXattrs} wrote. Throws BAD_IMAGE when it is something else. */
export function decodeXattrs(bytes: Uint8Array, what: string): Map<string, Uint8Array> {
  const xattrs = new Map<string, Uint8Array>();
  if (bytes.length === 0) return xattrs;
  const broken = (): Error => badImage(`${what} has broken extended attributes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint8(XATTR_SHARED_COUNT) !== 0) throw broken();
  for (let at = XATTR_HEADER_BYTES; at < bytes.length;) {
    const nameAt = at + XATTR_ENTRY_BYTES;
    if (nameAt > bytes.length) throw broken();
    const valueAt = nameAt + view.getUint8(at + XATTR_NAME_LEN);
    const end = valueAt + view.getUint16(at + XATTR_VALUE_SIZE, true);
    const index = view.getUint8(at + XATTR_NAME_INDEX);
    const known = XATTR_PREFIXES.find((candidate) => candidate.index === index);
    if (end > bytes.length || known === undefined) throw broken();
    xattrs.set(
      known.prefix + text.decode(bytes.subarray(nameAt, valueAt)),
      Uint8Array.from(bytes.subarray(valueAt, end)),
    );
    at = alignUp(end, XATTR_ALIGNMENT);
  }
  return xattrs;
}
