/**
 * A strict tar reader over content that can be read at any offset (tar-stream.ts: over a stream): ustar, PAX (x, g) and GNU
 * long names and base-256 numbers; POSIX.1-2017 pax and the GNU tar manual. An entry says where its data lies, so nothing
 * is copied. Paths come out as written; layers.ts judges them. Sparse files and unknown types are refused.
 *
 * Why not npm's modern-tar: it decodes PAX values as UTF-8, which destroys binary extended attributes
 * (security.capability), drops device numbers and the nanoseconds of mtime, and reads a sparse or unknown type as a file.
 */
import { type ContentSource, EMPTY } from './content.ts';
import { badImage, overLimit, quote } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import { type PaxOverrides, checkGlobalPax, decodeName, parsePax } from './pax.ts';
import {
  BLOCK_BYTES,
  CHKSUM,
  DEVMAJOR,
  DEVMINOR,
  type Field,
  GID,
  LINKNAME,
  MAGIC,
  MODE,
  MTIME,
  NAME,
  POSIX_MAGIC,
  PREFIX,
  SIZE,
  TYPEFLAG,
  TypeFlags,
  UID,
  headerChecksum,
  paddedSize,
} from './tar-format.ts';

export type TarEntryType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo';

export interface TarEntry {
  readonly type: TarEntryType;
  /** As written, except that a directory's trailing slash stays too. */
  readonly path: string;
  /** Target of a symbolic or hard link, as written. */
  readonly linkPath: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Size and place of the data in the archive; 0 bytes for all but files. */
  readonly size: number;
  readonly offset: number;
  /** Device numbers of `char` and `block`. */
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

export interface TarOptions {
  /** Names the archive in errors. */
  readonly what: string;
  readonly limits: ImageLimits;
  /** Refuse an archive that just stops, without an end-of-archive block. For archives that no digest covers. */
  readonly requireEnd?: boolean;
}

const ENTRY_TYPES: ReadonlyMap<string, TarEntryType> = new Map([
  [TypeFlags.REGTYPE, 'file'],
  [TypeFlags.AREGTYPE, 'file'],
  [TypeFlags.CONTTYPE, 'file'],
  [TypeFlags.LNKTYPE, 'hardlink'],
  [TypeFlags.SYMTYPE, 'symlink'],
  [TypeFlags.CHRTYPE, 'char'],
  [TypeFlags.BLKTYPE, 'block'],
  [TypeFlags.DIRTYPE, 'directory'],
  [TypeFlags.FIFOTYPE, 'fifo'],
]);

const MODE_BITS = 0o7777;
/** The all-ones id means "no id" to chown(2). */
const MAX_ID = 2 ** 32 - 2;
const WINDOW_BYTES = 64 * 1024;
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

/** Reads headers through a window, so that an archive of small files does not cost a read each. */
class Window {
  readonly #content: ContentSource;
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(content: ContentSource) {
    this.#content = content;
  }

  read(offset: number, length: number): Uint8Array {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      this.#bytes = this.#content.readSync(offset, Math.max(length, WINDOW_BYTES));
      this.#start = offset;
    }
    return this.#bytes.subarray(offset - this.#start, offset - this.#start + length);
  }
}

/** Whether this block could start a tar archive: its checksum is right. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK_BYTES) return false;
  const stored = readOctal(block, CHKSUM);
  return stored !== undefined && stored === headerChecksum(block) && block[0] !== 0;
}

/** All entries in the order of the archive. Throws BAD_IMAGE or LIMIT at the first one that is wrong. */
export function* readTar(content: ContentSource, options: TarOptions): Generator<TarEntry> {
  const window = new Window(content);
  const parser = parseTar(options);
  for (let step = parser.next(EMPTY); !step.done;) {
    if ('length' in step.value) {
      step = parser.next(window.read(step.value.offset, step.value.length));
    } else {
      if (step.value.offset + step.value.size > content.size) throw truncated(options.what);
      yield step.value;
      step = parser.next(EMPTY);
    }
  }
}

/** Bytes of the archive that the parser has to see next; their end is not before that of any earlier ones. */
export interface WantedBytes {
  readonly offset: number;
  readonly length: number;
}

/**
 * What readers have in common: asks for the bytes of headers (fewer come only at the archive's end) and gives entries, whose
 * data are the reader's business.
 */
export function* parseTar(options: TarOptions): Generator<WantedBytes | TarEntry, void, Uint8Array> {
  const { what, limits } = options;
  let next: PaxOverrides = {};
  let at = 0;
  for (;;) {
    const block: Uint8Array = yield { offset: at, length: BLOCK_BYTES };
    if (block.length === 0) {
      if (options.requireEnd) throw truncated(what);
      return;
    }
    if (block.length < BLOCK_BYTES) throw truncated(what);
    if (block.every((byte) => byte === 0)) return; // end of archive; GNU and Go too ignore what follows
    const stored = readOctal(block, CHKSUM);
    if (stored === undefined || stored !== headerChecksum(block))
      throw badImage(`${what} is not a valid tar archive (bad checksum at offset ${at})`);
    const flag = String.fromCharCode(block[TYPEFLAG.at]!);
    const size = readSize(block, what);
    const dataAt = at + BLOCK_BYTES;
    if (isExtension(flag)) {
      if (size > limits.tarExtensionBytes)
        throw overLimit(`${what} holds a tar header extension of more than ${limits.tarExtensionBytes} bytes`);
      const data: Uint8Array = yield { offset: dataAt, length: size };
      if (data.length < size) throw truncated(what);
      next = applyExtension(next, flag, data, what, limits);
      at = dataAt + paddedSize(size);
      continue;
    }
    const entry = makeEntry(block, flag, next, dataAt, size, what);
    next = {};
    yield entry;
    at = dataAt + paddedSize(entry.size);
  }
}

export function truncated(what: string): Error {
  return badImage(`${what} ends in the middle; it is truncated`);
}

function isExtension(flag: string): boolean {
  return (
    flag === TypeFlags.PAX_HEADER ||
    flag === TypeFlags.PAX_GLOBAL_HEADER ||
    flag === TypeFlags.GNU_LONGNAME ||
    flag === TypeFlags.GNU_LONGLINK
  );
}

function applyExtension(
  next: PaxOverrides,
  flag: string,
  data: Uint8Array,
  what: string,
  limits: ImageLimits,
): PaxOverrides {
  switch (flag) {
    case TypeFlags.PAX_GLOBAL_HEADER:
      checkGlobalPax(data, what);
      return next;
    case TypeFlags.GNU_LONGNAME:
      return { ...next, path: decodeName(untilNul(data), what) };
    case TypeFlags.GNU_LONGLINK:
      return { ...next, linkPath: decodeName(untilNul(data), what) };
    default:
      return { ...next, ...parsePax(data, what, limits) };
  }
}

function makeEntry(
  block: Uint8Array,
  flag: string,
  pax: PaxOverrides,
  offset: number,
  headerSize: number,
  what: string,
): TarEntry {
  const path = pax.path ?? readPath(block, what);
  if (path.includes('\0')) throw badImage(`${what} holds a name with a NUL byte`);
  const linkPath = pax.linkPath ?? decodeName(readText(block, LINKNAME), what);
  if (linkPath.includes('\0')) throw badImage(`${what} holds a link to a name with a NUL byte`);
  if (flag === TypeFlags.GNU_SPARSE)
    throw badImage(`${what} holds ${quote(path)} as a sparse file, which image layers may not`);
  let type = ENTRY_TYPES.get(flag);
  if (type === undefined) throw badImage(`${what} holds ${quote(path)} with the unknown tar type ${quote(flag)}`);
  // Before ustar a directory was a file whose name ends in a slash.
  if (type === 'file' && path.endsWith('/')) type = 'directory';
  const isDevice = type === 'char' || type === 'block';
  return {
    type,
    path,
    linkPath,
    mode: readNumber(block, MODE, 'mode', what) & MODE_BITS,
    uid: checkId(pax.uid ?? readNumber(block, UID, 'uid', what), path, what),
    gid: checkId(pax.gid ?? readNumber(block, GID, 'gid', what), path, what),
    mtimeNs: pax.mtimeNs ?? BigInt(readSigned(block, MTIME, 'mtime', what)) * 1_000_000_000n,
    size: type === 'file' ? (pax.size ?? headerSize) : 0, // the others have no data, whatever their header says
    offset,
    major: isDevice ? readNumber(block, DEVMAJOR, 'devmajor', what) : 0,
    minor: isDevice ? readNumber(block, DEVMINOR, 'devminor', what) : 0,
    xattrs: pax.xattrs ?? NO_XATTRS,
  };
}

function checkId(id: number, path: string, what: string): number {
  if (id > MAX_ID) throw badImage(`${what} holds ${quote(path)} with an owner that is out of range`);
  return id;
}

function readPath(block: Uint8Array, what: string): string {
  const name = decodeName(readText(block, NAME), what);
  // GNU headers use the bytes of `prefix` for other things.
  const isPosix = decodeLatin(block.subarray(MAGIC.at, MAGIC.at + MAGIC.size)) === POSIX_MAGIC;
  const prefix = isPosix ? decodeName(readText(block, PREFIX), what) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function decodeLatin(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

function readText(block: Uint8Array, field: Field): Uint8Array {
  return untilNul(block.subarray(field.at, field.at + field.size));
}

/** Octal digits between optional spaces, ended by space or NUL; empty means 0. `undefined` when there is something else. */
function readOctal(block: Uint8Array, field: Field): number | undefined {
  const text = decodeLatin(readText(block, field)).trim();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? parseInt(text, 8) : undefined;
}

const BASE256_FLAG = 0x80; // GNU tar manual, "Extensions": first byte 0x80, or 0xff for a negative number
const BASE256_NEGATIVE = 0xff;

function readSigned(block: Uint8Array, field: Field, name: string, what: string): number {
  const first = block[field.at]!;
  let value: number | undefined;
  if (first & BASE256_FLAG) {
    let magnitude = first === BASE256_NEGATIVE ? -1n : BigInt(first & ~BASE256_FLAG);
    for (let i = 1; i < field.size; i++) magnitude = magnitude * 256n + BigInt(block[field.at + i]!);
    value = Number(magnitude);
  } else {
    value = readOctal(block, field);
  }
  if (value === undefined || !Number.isSafeInteger(value))
    throw badImage(`${what} is not a valid tar archive (bad ${name})`);
  return value;
}

function readNumber(block: Uint8Array, field: Field, name: string, what: string): number {
  const value = readSigned(block, field, name, what);
  if (value < 0) throw badImage(`${what} is not a valid tar archive (negative ${name})`);
  return value;
}

function readSize(block: Uint8Array, what: string): number {
  return readNumber(block, SIZE, 'size', what);
}
