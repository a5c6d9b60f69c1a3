/**
 * A GUID partition table (UEFI 2.10, §5.2.3 and §5.3), by which several layers share one disk: the guest's kernel reads it
 * by itself. Little endian.
 */
import { CRC32_POLYNOMIAL, crcFunction } from '../../util/crc.ts';
import { assert } from '../../util/errors.ts';
import type { DiskPart } from './parts.ts';

const SECTOR_BYTES = 512;
const ENTRY_BYTES = 128;
/** As many as the table has room for. */
export const PARTITIONS_MAX = 128;
const TABLE_SECTORS = (PARTITIONS_MAX * ENTRY_BYTES) / SECTOR_BYTES;
const GUID_BYTES = 16;
/** Partitions begin at multiples of a memory page and of every file system's block. */
const ALIGNMENT = 4096;

// Protective MBR, §5.2.3.
const MBR_RECORD = 446;
const MBR_OS_TYPE = 4;
const MBR_STARTING_LBA = 8;
const MBR_SIZE_IN_LBA = 12;
const MBR_SIGNATURE = 510;
const OS_TYPE_GPT = 0xee;
const MBR_MAGIC = 0xaa55;
const MBR_SIZE_MAX = 0xffffffff;

// Header, §5.3.2.
const SIGNATURE = 'EFI PART';
const REVISION = 8;
const HEADER_SIZE = 12;
const HEADER_CRC32 = 16;
const MY_LBA = 24;
const ALTERNATE_LBA = 32;
const FIRST_USABLE_LBA = 40;
const LAST_USABLE_LBA = 48;
const DISK_GUID = 56;
const PARTITION_ENTRY_LBA = 72;
const NUMBER_OF_ENTRIES = 80;
const SIZE_OF_ENTRY = 84;
const ENTRIES_CRC32 = 88;
const HEADER_BYTES = 92;
const REVISION_1_0 = 0x00010000;

// Entry, §5.3.3.
const UNIQUE_GUID = 16;
const STARTING_LBA = 32;
const ENDING_LBA = 40;
/** 0FC63DAF-8483-4772-8E79-3D69D8477DE4, data of Linux, as it is stored. */
const LINUX_DATA = [0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4];

const crc = crcFunction(CRC32_POLYNOMIAL);
const crc32 = (bytes: Uint8Array): number => ~crc(0xffffffff, bytes) >>> 0;

export interface PartitionedDisk {
  readonly byteCount: number;
  /** Where each partition begins, in bytes. */
  readonly offsets: readonly number[];
  /** The tables. */
  readonly parts: readonly DiskPart[];
}

/**
 * Places partitions one after the other on a disk.
 * @param sizes in bytes, each a multiple of 512; at most {@link PARTITIONS_MAX}.
 * @param guid of the disk, 16 bytes; partitions have the same with their number in the end.
 */
export function partitionDisk(sizes: readonly number[], guid: Uint8Array): PartitionedDisk {
  assert(sizes.length > 0 && sizes.length <= PARTITIONS_MAX, 'a partition table has 1 to 128 entries');
  const table = new Uint8Array(PARTITIONS_MAX * ENTRY_BYTES);
  const view = new DataView(table.buffer);
  const offsets: number[] = [];
  let end = (2 + TABLE_SECTORS) * SECTOR_BYTES;
  sizes.forEach((size, index) => {
    assert(size > 0 && size % SECTOR_BYTES === 0, 'a partition has whole sectors');
    const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = start + size;
    offsets.push(start);
    const at = index * ENTRY_BYTES;
    table.set(LINUX_DATA, at);
    table.set(guid.subarray(0, GUID_BYTES), at + UNIQUE_GUID);
    view.setUint8(at + UNIQUE_GUID + GUID_BYTES - 1, index + 1);
    view.setBigUint64(at + STARTING_LBA, BigInt(start / SECTOR_BYTES), true);
    view.setBigUint64(at + ENDING_LBA, BigInt(end / SECTOR_BYTES - 1), true);
  });
  const sectorCount = Math.ceil(end / SECTOR_BYTES) + TABLE_SECTORS + 1;
  const last = sectorCount - 1;
  const header = (mine: number, other: number, entries: number): Uint8Array =>
    makeHeader({ mine, other, entries, last: last - TABLE_SECTORS - 1, guid, table });
  return {
    byteCount: sectorCount * SECTOR_BYTES,
    offsets,
    parts: [
      { offset: 0, bytes: protectiveMbr(sectorCount) },
      { offset: SECTOR_BYTES, bytes: header(1, last, 2) },
      { offset: 2 * SECTOR_BYTES, bytes: table },
      { offset: (last - TABLE_SECTORS) * SECTOR_BYTES, bytes: table },
      { offset: last * SECTOR_BYTES, bytes: header(last, 1, last - TABLE_SECTORS) },
    ],
  };
}

function makeHeader(fields: {
  mine: number;
  other: number;
  entries: number;
  last: number;
  guid: Uint8Array;
  table: Uint8Array;
}): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(SIGNATURE));
  view.setUint32(REVISION, REVISION_1_0, true);
  view.setUint32(HEADER_SIZE, HEADER_BYTES, true);
  view.setBigUint64(MY_LBA, BigInt(fields.mine), true);
  view.setBigUint64(ALTERNATE_LBA, BigInt(fields.other), true);
  view.setBigUint64(FIRST_USABLE_LBA, BigInt(2 + TABLE_SECTORS), true);
  view.setBigUint64(LAST_USABLE_LBA, BigInt(fields.last), true);
  bytes.set(fields.guid.subarray(0, GUID_BYTES), DISK_GUID);
  view.setBigUint64(PARTITION_ENTRY_LBA, BigInt(fields.entries), true);
  view.setUint32(NUMBER_OF_ENTRIES, PARTITIONS_MAX, true);
  view.setUint32(SIZE_OF_ENTRY, ENTRY_BYTES, true);
  view.setUint32(ENTRIES_CRC32, crc32(fields.table), true);
  view.setUint32(HEADER_CRC32, crc32(bytes.subarray(0, HEADER_BYTES)), true);
  return bytes;
}

function protectiveMbr(sectorCount: number): Uint8Array {
  const bytes = new Uint8Array(SECTOR_BYTES);
  const view = new DataView(bytes.buffer);
  // Cylinder, head and sector of its start and its end, as far as those reach.
  bytes.set([0x00, 0x00, 0x02, 0x00], MBR_RECORD);
  bytes.set([OS_TYPE_GPT, 0xff, 0xff, 0xff], MBR_RECORD + MBR_OS_TYPE);
  view.setUint32(MBR_RECORD + MBR_STARTING_LBA, 1, true);
  view.setUint32(MBR_RECORD + MBR_SIZE_IN_LBA, Math.min(sectorCount - 1, MBR_SIZE_MAX), true);
  view.setUint16(MBR_SIGNATURE, MBR_MAGIC, true);
  return bytes;
}
