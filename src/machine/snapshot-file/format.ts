/**
 * The layout of a snapshot file, version 1: docs/snapshot-file.md. A prologue that later versions keep, a header in JSON,
 * then sections without gaps, so that a checksum is over every byte. Integers are little endian.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Checksum } from '../../util/crc.ts';

/** Like PNG's: no text, and damaged by whatever takes it for one. */
const MAGIC = Uint8Array.of(0x89, 0x56, 0x49, 0x56, 0x53, 0x0d, 0x0a, 0x1a); // "VIVS"
export const FORMAT_VERSION = 1;
export const PROLOGUE_BYTES = 24;
const PROLOGUE_VERSION = 8;
const PROLOGUE_HEADER_BYTES = 12;
const PROLOGUE_HEADER_CHECKSUM = 16;
const PROLOGUE_CHECKSUM = 20;

export const HEADER_BYTES_MAX = 1 << 20;
export const DEVICES_BYTES_MAX = 64 << 20;
export const PAGE_BYTES = 4096;
/** Pages are stored, checked and read in blocks of so many; the last one may be shorter. */
export const BLOCK_PAGES = 256;
export const BLOCK_BYTES = BLOCK_PAGES * PAGE_BYTES;

/** A run of guest pages: first page, count and flag, first stored page. */
export const RUN_BYTES = 12;
/** In the count: all pages of the run are copies of one stored page. */
export const RUN_REPEATS = 0x80000000;
/** As a stored page: the pages are zero. A whole snapshot leaves such pages out; a difference to another one can't. */
export const STORED_ZERO = 0xffffffff;

/** A block's entry: encoding, bytes in the file, checksum of those. */
export const BLOCK_ENTRY_BYTES = 12;
export const BLOCK_RAW = 0;
export const BLOCK_DEFLATE = 1;

/** In the order in which they follow the header. */
export const SECTIONS = ['cpu', 'devices', 'runs', 'blocks', 'pages'] as const;
export type SectionName = (typeof SECTIONS)[number];

export interface Section {
  readonly byteCount: number;
  /** Of the section; the pages have one for each block instead. */
  readonly checksum: number;
}

/** What the machine is of. A snapshot goes on only where all of it is the same. */
export type SnapshotIdentity = Readonly<Record<string, string>>;

export interface SnapshotHeader {
  /** 32 hexadecimal digits, at random: by this a difference names what it is a difference to. */
  readonly id: string;
  /** The snapshot whose pages count where this one has none; null when it is whole. */
  readonly parent: string | null;
  readonly identity: SnapshotIdentity;
  readonly ramBytes: number;
  readonly nowNs: number;
  readonly bootUnixMs: number;
  /** Different pages in the file. */
  readonly storedPages: number;
  readonly sections: Readonly<Record<SectionName, Section>>;
}

export function damaged(why: string): VivariumError {
  return new VivariumError(
    ErrorCodes.BAD_STATE,
    `the snapshot file is damaged: ${why}; delete it and start the machine afresh`,
  );
}

export interface Prologue {
  readonly headerBytes: number;
  readonly headerChecksum: number;
}

export function encodePrologue(header: Uint8Array, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(PROLOGUE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(PROLOGUE_VERSION, FORMAT_VERSION, true);
  view.setUint32(PROLOGUE_HEADER_BYTES, header.length, true);
  view.setUint32(PROLOGUE_HEADER_CHECKSUM, checksum(header), true);
  view.setUint32(PROLOGUE_CHECKSUM, checksum(bytes.subarray(0, PROLOGUE_CHECKSUM)), true);
  return bytes;
}

/** Throws BAD_STATE. */
export function decodePrologue(bytes: Uint8Array, checksum: Checksum): Prologue {
  if (!MAGIC.every((byte, index) => bytes[index] === byte))
    throw new VivariumError(ErrorCodes.BAD_STATE, 'the file is no snapshot of a machine; check its name');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(PROLOGUE_CHECKSUM, true) !== checksum(bytes.subarray(0, PROLOGUE_CHECKSUM)))
    throw damaged('its first bytes have a wrong checksum');
  const version = view.getUint32(PROLOGUE_VERSION, true);
  if (version !== FORMAT_VERSION)
    throw new VivariumError(
      ErrorCodes.BAD_STATE,
      `the snapshot file has version ${version}, but this build reads ${FORMAT_VERSION}: save it again with this build`,
    );
  const headerBytes = view.getUint32(PROLOGUE_HEADER_BYTES, true);
  if (headerBytes > HEADER_BYTES_MAX) throw damaged('its header is too long');
  return { headerBytes, headerChecksum: view.getUint32(PROLOGUE_HEADER_CHECKSUM, true) };
}
