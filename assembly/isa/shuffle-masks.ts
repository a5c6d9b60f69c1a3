/** Byte indices and lane masks that follow from an immediate; 8 bytes at a time. An index of 0x80 gives zero. */
const NOTHING: u64 = 0x80808080;
const DWORD: u64 = 0x03020100;
const NEXT_DWORD: u64 = 0x04040404;

/** Added to byte indices: they mean the second of two registers. */
export const OF_SECOND: u64 = 0x1010101010101010;

/** Eight bytes in a row. */
export function bytesFrom(first: u32): u64 {
  return 0x0706050403020100 + 0x0101010101010101 * <u64>first;
}
/** Two doublewords by two 2-bit selectors. */
export function dwordShuffle(selectors: u32): u64 {
  return (DWORD + NEXT_DWORD * <u64>(selectors & 3)) | ((DWORD + NEXT_DWORD * <u64>((selectors >> 2) & 3)) << 32);
}
/** Four words by four 2-bit selectors. */
export function wordShuffle(selectors: u32): u64 {
  let bytes: u64 = 0;
  for (let n: u32 = 0; n < 4; n++) bytes |= (<u64>(0x0100 + 0x0202 * ((selectors >> (2 * n)) & 3))) << (16 * n);
  return bytes;
}
/** The low (0) or high (1) quadword. */
export function pairShuffle(selector: u32): u64 {
  return 0x0706050403020100 + 0x0808080808080808 * <u64>selector;
}
/** All ones in the lanes (of `size` bytes) of a quadword whose bit is set. */
export function blendMask(bits: u32, size: u32): u64 {
  const lane: u64 = size == 8 ? u64.MAX_VALUE : ((<u64>1) << (size * 8)) - 1;
  let mask: u64 = 0;
  for (let n: u32 = 0; n < 8 / size; n++) if ((bits >> n) & 1) mask |= lane << (n * size * 8);
  return mask;
}
/** Ones in the lane (of `size` bytes) number `lane` of a register; `half` says which quadword of it. */
export function laneMask(lane: u32, size: u32, half: u32): u64 {
  return blendMask((1 << lane) >> (half * (8 / size)), size);
}
/** INSERTPS: what stays of the destination in lanes `first` and `first` + 1. */
export function insertKeep(imm: u32, first: u32): u64 {
  const gone = (imm & 15) | (1 << ((imm >> 4) & 3));
  return blendMask(~gone >> first, 4);
}
/** INSERTPS: byte indices into the source for lanes `first` and `first` + 1. */
export function insertSource(imm: u32, first: u32): u64 {
  const low = insertLane(imm, first);
  return low | (insertLane(imm, first + 1) << 32);
}
function insertLane(imm: u32, lane: u32): u64 {
  if (lane != ((imm >> 4) & 3) || (imm >> lane) & 1) return NOTHING;
  return DWORD + NEXT_DWORD * <u64>(imm >> 6);
}
