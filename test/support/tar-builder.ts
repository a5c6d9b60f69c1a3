/**
 * Writes tar archives byte by byte, wrong ones too: every header field can be set to what no real tool writes. Written
 * apart from src/oci/tar-writer.ts on purpose, so that reader and writer do not share a mistake.
 */
import { Buffer } from 'node:buffer';

export interface RawEntry {
  name: string;
  /** Type flag; '0' (file) when left out. */
  type?: string;
  data?: Uint8Array | string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  linkname?: string;
  prefix?: string;
  major?: number;
  minor?: number;
  /** Bytes of the size field instead of the data's length. */
  sizeField?: Uint8Array | string;
  magic?: string;
  /** Added to the right checksum. */
  checksumError?: number;
  /** PAX records for this entry. */
  pax?: Record<string, string | Uint8Array>;
  /** GNU long name and long link. */
  gnuName?: string;
  gnuLink?: string;
}

const BLOCK = 512;

function bytesOf(data: Uint8Array | string | undefined): Buffer {
  return Buffer.from(data ?? '');
}

function octal(value: number, width: number): string {
  return value.toString(8).padStart(width - 1, '0');
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]);
}

function header(entry: RawEntry, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(entry.name, 0, 100);
  block.write(octal(entry.mode ?? 0o644, 8), 100);
  block.write(octal(entry.uid ?? 0, 8), 108);
  block.write(octal(entry.gid ?? 0, 8), 116);
  bytesOf(entry.sizeField ?? octal(size, 12)).copy(block, 124, 0, 12);
  block.write(octal(entry.mtime ?? 0, 12), 136);
  block.write('        ', 148);
  block.write(entry.type ?? '0', 156);
  block.write(entry.linkname ?? '', 157, 100);
  block.write(entry.magic ?? 'ustar\u000000', 257, 8, 'latin1');
  block.write(octal(entry.major ?? 0, 8), 329);
  block.write(octal(entry.minor ?? 0, 8), 337);
  block.write(entry.prefix ?? '', 345, 155);
  const sum = block.reduce((total, byte) => total + byte, 0) + (entry.checksumError ?? 0);
  block.write(`${octal(sum, 7)}\0 `, 148);
  return block;
}

/** One PAX record with its own length. */
export function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`), bytesOf(value), Buffer.from('\n')]);
  const guess = body.length + String(body.length).length;
  const length = body.length + String(guess).length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

function member(entry: RawEntry): Buffer[] {
  const parts: Buffer[] = [];
  if (entry.pax) {
    const records = Buffer.concat(Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value)));
    parts.push(...member({ name: 'pax', type: 'x', data: records }));
  }
  if (entry.gnuName !== undefined)
    parts.push(...member({ name: '././@LongLink', type: 'L', data: `${entry.gnuName}\0` }));
  if (entry.gnuLink !== undefined)
    parts.push(...member({ name: '././@LongLink', type: 'K', data: `${entry.gnuLink}\0` }));
  const data = bytesOf(entry.data);
  return [...parts, header(entry, data.length), padded(data)];
}

/** A whole archive with its end marker. */
export function tar(...entries: RawEntry[]): Uint8Array {
  return new Uint8Array(Buffer.concat([...entries.flatMap(member), Buffer.alloc(2 * BLOCK)]));
}

export const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name: `${name}/`,
  type: '5',
  mode: 0o755,
  ...more,
});
export const file = (name: string, data: Uint8Array | string = '', more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  data,
  ...more,
});
export const symlink = (name: string, linkname: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: '2',
  linkname,
  mode: 0o777,
  ...more,
});
export const hardlink = (name: string, linkname: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: '1',
  linkname,
  ...more,
});
export const charDevice = (name: string, major: number, minor: number): RawEntry => ({ name, type: '3', major, minor });
export const blockDevice = (name: string, major: number, minor: number): RawEntry => ({
  name,
  type: '4',
  major,
  minor,
});
export const fifo = (name: string): RawEntry => ({ name, type: '6' });
