/**
 * Layout of a tar header block: POSIX.1-2017 pax "ustar Interchange Format", and the GNU variant (tar manual, "Basic Tar
 * Format"). Shared by the reader (tar.ts) and the writer (tar-writer.ts).
 */

export const BLOCK_BYTES = 512;

/** Offset and size in bytes of a header field. */
export interface Field {
  readonly at: number;
  readonly size: number;
}

export const NAME: Field = { at: 0, size: 100 };
export const MODE: Field = { at: 100, size: 8 };
export const UID: Field = { at: 108, size: 8 };
export const GID: Field = { at: 116, size: 8 };
export const SIZE: Field = { at: 124, size: 12 };
export const MTIME: Field = { at: 136, size: 12 };
export const CHKSUM: Field = { at: 148, size: 8 };
export const TYPEFLAG: Field = { at: 156, size: 1 };
export const LINKNAME: Field = { at: 157, size: 100 };
/** `ustar`, NUL, `00` in POSIX; `ustar`, two spaces, NUL in GNU. */
export const MAGIC: Field = { at: 257, size: 8 };
export const DEVMAJOR: Field = { at: 329, size: 8 };
export const DEVMINOR: Field = { at: 337, size: 8 };
export const PREFIX: Field = { at: 345, size: 155 };

export const POSIX_MAGIC = 'ustar\u000000';
export const GNU_MAGIC = 'ustar  \u0000';

export const TypeFlags = {
  REGTYPE: '0',
  AREGTYPE: '\0',
  LNKTYPE: '1',
  SYMTYPE: '2',
  CHRTYPE: '3',
  BLKTYPE: '4',
  DIRTYPE: '5',
  FIFOTYPE: '6',
  CONTTYPE: '7',
  PAX_HEADER: 'x',
  PAX_GLOBAL_HEADER: 'g',
  GNU_LONGNAME: 'L',
  GNU_LONGLINK: 'K',
  GNU_SPARSE: 'S',
} as const;

/** Prefix of PAX records that carry extended attributes (star's convention, used by GNU tar and all OCI tools). */
export const PAX_XATTR_PREFIX = 'SCHILY.xattr.';

/** Size with the padding to a whole block. */
export function paddedSize(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The checksum of a header block: its bytes summed, with spaces for the checksum field itself. */
export function headerChecksum(block: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    sum += i >= CHKSUM.at && i < CHKSUM.at + CHKSUM.size ? 0x20 : block[i]!;
  }
  return sum;
}
