/**
 * Cyclic redundancy checks with reflected polynomials, which formats protect themselves with, eight bytes a step. Node has
 * CRC-32 in native code (zlib.crc32); an entry point may bring that instead where much is to be checked.
 */

/** A CRC of some bytes, as an unsigned number. */
export type Checksum = (bytes: Uint8Array) => number;

/** CRC-32 (ISO 3309), of zlib, PNG and GUID partition tables. */
export const CRC32_POLYNOMIAL = 0xedb88320;
/** CRC-32C (Castagnoli), of EROFS. */
export const CRC32C_POLYNOMIAL = 0x82f63b78;
/** CRC-16 (ANSI), of ext4's group descriptors. */
export const CRC16_POLYNOMIAL = 0xa001;

const STEP_BYTES = 8;
const BYTE_VALUES = 256;

type Tables = [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array];

/** Table t holds the CRCs of a byte that t more zero bytes follow. */
function makeTables(polynomial: number): Tables {
  const first = new Int32Array(BYTE_VALUES);
  for (let byte = 0; byte < BYTE_VALUES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  for (let t = 1; t < STEP_BYTES; t++) {
    const before = tables[t - 1]!;
    const table = new Int32Array(BYTE_VALUES);
    for (let byte = 0; byte < BYTE_VALUES; byte++) {
      const crc = before[byte]!;
      table[byte] = (crc >>> 8) ^ first[crc & 0xff]!;
    }
    tables.push(table);
  }
  return tables as Tables;
}

/** A function that goes on from `crc` (initially what the format says) over bytes, and neither inverts before nor after. */
export function crcFunction(polynomial: number): (crc: number, bytes: Uint8Array) => number {
  let tables: Tables | undefined; // most programs need one of these functions, and load them all
  return (initial, bytes) => {
    const [t0, t1, t2, t3, t4, t5, t6, t7] = (tables ??= makeTables(polynomial));
    let crc = initial | 0;
    let at = 0;
    for (const end = bytes.length - STEP_BYTES; at <= end; at += STEP_BYTES) {
      const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24));
      crc =
        t7[low & 0xff]! ^
        t6[(low >>> 8) & 0xff]! ^
        t5[(low >>> 16) & 0xff]! ^
        t4[low >>> 24]! ^
        t3[bytes[at + 4]!]! ^
        t2[bytes[at + 5]!]! ^
        t1[bytes[at + 6]!]! ^
        t0[bytes[at + 7]!]!;
    }
    for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
    return crc >>> 0;
  };
}

const crc32From = crcFunction(CRC32_POLYNOMIAL);

/** CRC-32 as zlib and PNG have it. */
export const crc32: Checksum = (bytes) => ~crc32From(0xffffffff, bytes) >>> 0;
