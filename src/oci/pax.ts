/**
 * PAX extended headers (POSIX.1-2017 pax "pax Extended Header"): `LENGTH KEY=VALUE\n` records. Values stay bytes until
 * their meaning is known, because extended attributes are binary. Sparse files (GNU.sparse.*) are refused.
 */
import { badImage, overLimit, quote } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import { PAX_XATTR_PREFIX } from './tar-format.ts';

/** What a PAX header says about the next entry. */
export interface PaxOverrides {
  path?: string;
  linkPath?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtimeNs?: bigint;
  xattrs?: Map<string, Uint8Array>;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes a name. Linux names are bytes; this project carries them as text, so other encodings are refused. */
export function decodeName(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw badImage(`${what} holds a name that is not UTF-8`, cause);
  }
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
const MAX_LENGTH_DIGITS = 10;

interface PaxRecord {
  readonly key: string;
  readonly value: Uint8Array;
}

function* readRecords(bytes: Uint8Array, what: string): Generator<PaxRecord> {
  const broken = (): Error => badImage(`${what} holds a broken PAX header`);
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(SPACE, at);
    if (space < 0 || space === at || space - at > MAX_LENGTH_DIGITS) throw broken();
    const digits = decodeName(bytes.subarray(at, space), what);
    if (!/^[0-9]+$/.test(digits)) throw broken();
    const end = at + Number(digits);
    if (end <= space + 1 || end > bytes.length || bytes[end - 1] !== NEWLINE) throw broken();
    const equals = bytes.indexOf(EQUALS, space);
    if (equals <= space + 1 || equals >= end) throw broken();
    yield { key: decodeName(bytes.subarray(space + 1, equals), what), value: bytes.subarray(equals + 1, end - 1) };
    at = end;
  }
}

/** Reads the header that is for one entry (type x). */
export function parsePax(bytes: Uint8Array, what: string, limits: ImageLimits): PaxOverrides {
  const overrides: PaxOverrides = {};
  for (const { key, value } of readRecords(bytes, what)) applyRecord(overrides, key, value, what, limits);
  return overrides;
}

/**
 * Checks the header that is for all following entries (type g). Like the reference tools (Go's archive/tar) we take
 * nothing from it; keys that would change which bytes an entry has are refused rather than ignored.
 */
export function checkGlobalPax(bytes: Uint8Array, what: string): void {
  for (const { key } of readRecords(bytes, what)) {
    if (key === 'path' || key === 'linkpath' || key === 'size' || key.startsWith('GNU.sparse.')) {
      throw badImage(`${what} sets ${quote(key)} for all entries, which vivarium does not read`);
    }
  }
}

function applyRecord(overrides: PaxOverrides, key: string, value: Uint8Array, what: string, limits: ImageLimits): void {
  if (key.startsWith(PAX_XATTR_PREFIX)) {
    addXattr(overrides, key.slice(PAX_XATTR_PREFIX.length), value, what, limits);
  } else if (key.startsWith('GNU.sparse.')) {
    throw badImage(`${what} holds a sparse file, which image layers may not`);
  } else if (key === 'path') {
    overrides.path = decodeName(value, what);
  } else if (key === 'linkpath') {
    overrides.linkPath = decodeName(value, what);
  } else if (key === 'size') {
    overrides.size = parseWhole(value, key, what);
  } else if (key === 'uid') {
    overrides.uid = parseWhole(value, key, what);
  } else if (key === 'gid') {
    overrides.gid = parseWhole(value, key, what);
  } else if (key === 'mtime') {
    overrides.mtimeNs = parseTime(value, what);
  }
  // The rest (atime, ctime, uname, gname, comment, vendors' keys) is nothing that an image's inode keeps.
}

function addXattr(overrides: PaxOverrides, name: string, value: Uint8Array, what: string, limits: ImageLimits): void {
  const nameBytes = new TextEncoder().encode(name).length;
  if (nameBytes === 0 || nameBytes > limits.nameBytes || name.includes('\0'))
    throw badImage(`${what} holds an extended attribute with an invalid name`);
  if (value.length > limits.xattrBytes)
    throw overLimit(`${what} holds an extended attribute of more than ${limits.xattrBytes} bytes`);
  const xattrs = (overrides.xattrs ??= new Map());
  xattrs.set(name, value.slice());
  if (xattrs.size > limits.xattrsPerInode)
    throw overLimit(`${what} holds more than ${limits.xattrsPerInode} extended attributes on one file`);
}

function parseWhole(value: Uint8Array, key: string, what: string): number {
  const text = decodeName(value, what);
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(number)) throw badImage(`${what} holds a PAX header with an invalid ${key}`);
  return number;
}

const NANOSECOND_DIGITS = 9;

/** Decimal seconds since the epoch, possibly negative and with a fraction, to whole nanoseconds (rounded down). */
function parseTime(value: Uint8Array, what: string): bigint {
  const match = /^(-?)([0-9]{1,18})(?:\.([0-9]{0,64}))?$/.exec(decodeName(value, what));
  if (!match) throw badImage(`${what} holds a PAX header with an invalid mtime`);
  const fraction = (match[3] ?? '').slice(0, NANOSECOND_DIGITS).padEnd(NANOSECOND_DIGITS, '0');
  const magnitude = BigInt(match[2]!) * 1_000_000_000n + BigInt(fraction);
  return match[1] === '-' ? -magnitude : magnitude;
}
