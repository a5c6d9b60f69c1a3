/**
 * A guest that does nothing but a table-driven CRC-32 over 64 KiB, again and again, in 64-bit mode without an operating
 * system: it sends the four bytes of the result to COM1 and leaves through the debug exit port. The bytes are what
 * gcc 12 -O2 -ffreestanding -fno-pic -mcmodel=kernel -mgeneral-regs-only makes of:
 *
 *   typedef unsigned u32; typedef unsigned char u8;
 *   static void out(unsigned short port, u8 value) { asm volatile("outb %0, %1" :: "a"(value), "Nd"(port)); }
 *   void _start(void) {
 *     u8 *data = (u8 *)0x200000; u32 *table = (u32 *)0x300000;
 *     for (u32 n = 0; n < 256; n++) {
 *       u32 c = n;
 *       for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
 *       table[n] = c;
 *     }
 *     for (u32 n = 0; n < 65536; n++) data[n] = (u8)(n * 2654435761u >> 24);
 *     u32 crc = ~0u;
 *     for (u32 round = 0; round < *(volatile u32 *)0x1ffff0; round++)
 *       for (u8 *p = data; p != data + 65536; p++) crc = table[(crc ^ *p) & 255] ^ (crc >> 8);
 *     crc = ~crc;
 *     for (int k = 0; k < 4; k++) out(0x3f8, (u8)(crc >> 8 * k));
 *     out(0xf4, 0);
 *     for (;;) asm volatile("cli; hlt");
 *   }
 */
import { buildElf } from '../../test/support/elf-builder.ts';

const CODE =
  '41b80000300031ff0f1f84000000000089f8be08000000660f1f84000000000089c1d1e889c283e10181f22083b8ed85' +
  'c90f45c283ee0175e783c7014189004983c00481ff0001000075c531c0ba00002000660f1f44000089c12d4f86c86148' +
  '83c201c1e918884aff3d0000b17975e88b1425f0ff1f00b8ffffffff85d27435ba000020000f1f000fb60a4883c20131' +
  'c1c1e8080fb6c933048d000030004881fa0000210075e18b1425f0ff1f0083c60139d672cbf7d0baf803000089c1eec1' +
  'e808ee89c8c1e810ee89c8c1e818ee31c0e6f40f1f440000faf4ebfc';
const ENTRY = 0x100000;
const ROUNDS = 0x1ffff0;
const DATA_BYTES = 65536;
const MULTIPLIER = 2654435761;
const POLYNOMIAL = 0xedb88320;

/** The guest as a kernel file. */
export function crcKernel(rounds: number): Uint8Array {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, rounds, true);
  const parts = [
    { physical: ENTRY, bytes: Uint8Array.from(Buffer.from(CODE, 'hex')) },
    { physical: ROUNDS, bytes: count },
  ];
  return buildElf({ is64: true, entry: ENTRY, parts });
}

/** What it must send. */
export function expectedCrc(rounds: number): number {
  const table = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
    return c;
  });
  const data = Uint8Array.from({ length: DATA_BYTES }, (_, n) => Math.imul(n, MULTIPLIER) >>> 24);
  let crc = 0xffffffff;
  for (let round = 0; round < rounds; round++) for (const byte of data) crc = table[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
