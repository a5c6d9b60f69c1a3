/**
 * CRC-32 as in zlib and PNG (ISO 3309, reflected polynomial EDB88320h), eight bytes a step. Node has it in native code
 * (zlib.crc32), which its entry point brings instead: this one is for browsers.
 */

/** The CRC of some bytes, as an unsigned number. */
export type Checksum = (bytes: Uint8Array) => number;

const POLYNOMIAL = 0xedb88320;
const STEP_BYTES = 8;
const BYTE_VALUES = 256;

/** Table t holds the CRCs of a byte that t more zero bytes follow. */
const TABLES: readonly Int32Array[] = buildTables();

function buildTables(): Int32Array[] {
  const first = new Int32Array(BYTE_VALUES);
  for (let byte = 0; byte < BYTE_VALUES; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    first[byte] = crc;
  }
  const tables = [first];
  for (let t = 1; t < STEP_BYTES; t++) {
    const before = tables[t - 1]!;
    tables.push(before.map((crc) => (crc >>> 8) ^ first[crc & 0xff]!));
  }
  return tables;
}

export const crc32: Checksum = (bytes) => {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  let crc = -1;
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
  return ~crc >>> 0;
};
