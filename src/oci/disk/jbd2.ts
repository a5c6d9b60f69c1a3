/** The superblock of an empty journal (Linux Documentation/filesystems/ext4, "Journal (jbd2)"). Big endian. */

const H_MAGIC = 0;
const H_BLOCKTYPE = 4;
const S_BLOCKSIZE = 12;
const S_MAXLEN = 16;
const S_FIRST = 20;
const S_SEQUENCE = 24;
const S_UUID = 48;
const S_NR_USERS = 64;
const MAGIC = 0xc03b3998;
const SUPERBLOCK_V2 = 4;

/** The journal's first block. */
export function journalSuperblock(blockBytes: number, blockCount: number, uuid: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(blockBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(H_MAGIC, MAGIC);
  view.setUint32(H_BLOCKTYPE, SUPERBLOCK_V2);
  view.setUint32(S_BLOCKSIZE, blockBytes);
  view.setUint32(S_MAXLEN, blockCount);
  view.setUint32(S_FIRST, 1);
  view.setUint32(S_SEQUENCE, 1);
  bytes.set(uuid, S_UUID);
  view.setUint32(S_NR_USERS, 1);
  return bytes;
}
