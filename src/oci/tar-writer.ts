/**
 * Writes tar archives that depend on their input only: ustar, with PAX headers where a name, number or extended attribute
 * does not fit (POSIX.1-2017 pax). For layers and archives of images that the project makes itself.
 */
import { assert } from '../util/errors.ts';
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
  PAX_XATTR_PREFIX,
  POSIX_MAGIC,
  SIZE,
  TYPEFLAG,
  TypeFlags,
  UID,
  headerChecksum,
  paddedSize,
} from './tar-format.ts';

/** One thing to put in an archive. Paths are relative, without a leading or trailing slash. */
export interface TarFile {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Whole seconds since the epoch; 0 when left out. */
  readonly mtimeSeconds?: number;
  /** The same to the nanosecond, also before the epoch; instead of `mtimeSeconds`. */
  readonly mtimeNs?: bigint;
  /** Data of a file. */
  readonly content?: Uint8Array;
  /** Target of a link. */
  readonly linkPath?: string;
  readonly major?: number;
  readonly minor?: number;
  readonly xattrs?: ReadonlyMap<string, Uint8Array>;
}

const FLAGS: Record<TarFile['type'], string> = {
  file: TypeFlags.REGTYPE,
  hardlink: TypeFlags.LNKTYPE,
  symlink: TypeFlags.SYMTYPE,
  char: TypeFlags.CHRTYPE,
  block: TypeFlags.BLKTYPE,
  directory: TypeFlags.DIRTYPE,
  fifo: TypeFlags.FIFOTYPE,
};
const PAX_HEADER_NAME = 'PaxHeader';
const PAX_HEADER_MODE = 0o644;
const END_BLOCKS = 2;

const utf8 = new TextEncoder();

/** The archive as pieces, in the order of `files`. */
export function* writeTar(files: Iterable<TarFile>): Generator<Uint8Array> {
  for (const file of files) {
    const content = file.type === 'file' ? (file.content ?? new Uint8Array(0)) : new Uint8Array(0);
    yield* writeTarHead(file, content.length);
    yield content;
    yield tarPadding(content.length);
  }
  yield tarEnd();
}

/** What precedes `size` bytes of data, for who writes them itself; {@link tarPadding} follows them, {@link tarEnd} the last. */
export function* writeTarHead(file: TarFile, size: number): Generator<Uint8Array> {
  const path = utf8.encode(file.type === 'directory' ? `${file.path}/` : file.path);
  const linkPath = utf8.encode(file.linkPath ?? '');
  const records: Uint8Array[] = [];
  if (path.length > NAME.size) records.push(paxRecord('path', path));
  if (linkPath.length > LINKNAME.size) records.push(paxRecord('linkpath', linkPath));
  if (!fitsOctal(size, SIZE)) records.push(paxRecord('size', utf8.encode(String(size))));
  if (!fitsOctal(file.uid ?? 0, UID)) records.push(paxRecord('uid', utf8.encode(String(file.uid))));
  if (!fitsOctal(file.gid ?? 0, GID)) records.push(paxRecord('gid', utf8.encode(String(file.gid))));
  if (!fitsSeconds(file)) records.push(paxRecord('mtime', utf8.encode(formatTime(file.mtimeNs!))));
  for (const [name, value] of file.xattrs ?? []) records.push(paxRecord(PAX_XATTR_PREFIX + name, value));
  if (records.length > 0) {
    const recordBytes = records.reduce((sum, record) => sum + record.length, 0);
    yield header(
      { path: PAX_HEADER_NAME, type: 'file', mode: PAX_HEADER_MODE },
      utf8.encode(PAX_HEADER_NAME),
      new Uint8Array(0),
      recordBytes,
      TypeFlags.PAX_HEADER,
    );
    yield* records;
    yield tarPadding(recordBytes);
  }
  yield header(file, path, linkPath, size, FLAGS[file.type]);
}

/** Fills the last block of `size` bytes of data. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(paddedSize(size) - size);
}

export function tarEnd(): Uint8Array {
  return new Uint8Array(END_BLOCKS * BLOCK_BYTES);
}

const NS_PER_S = 1_000_000_000n;
const NS_DIGITS = 9;

/** Whether the header alone can say the time. */
function fitsSeconds({ mtimeNs }: TarFile): boolean {
  return (
    mtimeNs === undefined ||
    (mtimeNs >= 0n && mtimeNs % NS_PER_S === 0n && fitsOctal(Number(mtimeNs / NS_PER_S), MTIME))
  );
}

/** Decimal seconds, as pax has them. */
function formatTime(timeNs: bigint): string {
  const magnitude = timeNs < 0n ? -timeNs : timeNs;
  const fraction = String(magnitude % NS_PER_S)
    .padStart(NS_DIGITS, '0')
    .replace(/0+$/, '');
  return `${timeNs < 0n ? '-' : ''}${magnitude / NS_PER_S}${fraction === '' ? '' : `.${fraction}`}`;
}

function fitsOctal(value: number, field: Field): boolean {
  return value < 8 ** (field.size - 1);
}

/** A record states its own length, digits of the length included. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const body = utf8.encode(` ${key}=`);
  const fixed = body.length + value.length + 1;
  let length = fixed + String(fixed).length;
  if (fixed + String(length).length !== length) length = fixed + String(length).length;
  const record = new Uint8Array(length);
  const digits = utf8.encode(String(length));
  record.set(digits);
  record.set(body, digits.length);
  record.set(value, digits.length + body.length);
  record[length - 1] = 0x0a; // newline
  return record;
}

function header(file: TarFile, path: Uint8Array, linkPath: Uint8Array, size: number, flag: string): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(path.subarray(0, NAME.size), NAME.at); // cut when a PAX record has the whole
  block.set(linkPath.subarray(0, LINKNAME.size), LINKNAME.at);
  writeOctal(block, MODE, file.mode);
  writeOctal(block, UID, file.uid ?? 0);
  writeOctal(block, GID, file.gid ?? 0);
  writeOctal(block, SIZE, size);
  const seconds = file.mtimeNs === undefined ? (file.mtimeSeconds ?? 0) : Number(file.mtimeNs / NS_PER_S);
  writeOctal(block, MTIME, Math.max(0, seconds));
  writeOctal(block, DEVMAJOR, file.major ?? 0);
  writeOctal(block, DEVMINOR, file.minor ?? 0);
  block.set(utf8.encode(flag), TYPEFLAG.at);
  block.set(utf8.encode(POSIX_MAGIC), MAGIC.at);
  block.set(utf8.encode(`${headerChecksum(block).toString(8).padStart(6, '0')}\0 `), CHKSUM.at);
  return block;
}

function writeOctal(block: Uint8Array, field: Field, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a tar number is a whole number that is not negative');
  const shown = fitsOctal(value, field) ? value : 0; // a PAX record has the real one
  block.set(utf8.encode(shown.toString(8).padStart(field.size - 1, '0')), field.at);
}
