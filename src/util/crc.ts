/** Cyclic redundancy checks with reflected polynomials, a byte at a time: what on-disk formats protect themselves with. */

const BYTE_VALUES = 256;

/** CRC-32 (ISO 3309), of GUID partition tables. */
export const CRC32_POLYNOMIAL = 0xedb88320;
/** CRC-32C (Castagnoli), of EROFS. */
export const CRC32C_POLYNOMIAL = 0x82f63b78;
/** CRC-16 (ANSI), of ext4's group descriptors. */
export const CRC16_POLYNOMIAL = 0xa001;

function makeTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: BYTE_VALUES }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}

/** A function that goes on from `crc` (initially what the format says) over bytes, and neither inverts before nor after. */
export function crcFunction(polynomial: number): (crc: number, bytes: Uint8Array) => number {
  const table = makeTable(polynomial);
  return (crc, bytes) => {
    let value = crc;
    for (const byte of bytes) value = table[(value ^ byte) & 0xff]! ^ (value >>> 8);
    return value >>> 0;
  };
}
