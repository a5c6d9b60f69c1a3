/** Bit tests, scans and counts; CRC32. Semantics in the staged form; SDM Vol. 2, the page of each name. */
import { EA_MASK } from '../layout';
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';

function bits<W>(): u32 {
  return sizeof<W>() * 8;
}

/** BT: CF ← the bit that SRC, modulo the width, selects. */
export function BT<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<W>(e.read<W, S>(i), bits<W>() - 1);
  e.setCf(e.bit<W>(e.read<W, D>(i), n));
}
/** BTS: the same, then sets it. */
export function BTS<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<W>(e.read<W, S>(i), bits<W>() - 1);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  e.put<W, D>(i, p, e.or<W>(a, e.shl<W>(e.k<W>(1), n)));
  e.setCf(e.bit<W>(a, n));
}
/** BTR: clears it. */
export function BTR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<W>(e.read<W, S>(i), bits<W>() - 1);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  e.put<W, D>(i, p, e.and<W>(a, e.not<W>(e.shl<W>(e.k<W>(1), n))));
  e.setCf(e.bit<W>(a, n));
}
/** BTC: inverts it. */
export function BTC<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<W>(e.read<W, S>(i), bits<W>() - 1);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  e.put<W, D>(i, p, e.xor<W>(a, e.shl<W>(e.k<W>(1), n)));
  e.setCf(e.bit<W>(a, n));
}

/** Effective address of the operand-sized piece of a bit string that holds bit `n` (signed). SDM Vol. 2A, 3.1.1.9, "Bit(BitBase, BitOffset)". */
function pieceOffset(i: Insn, n: i64, size: u32): u64 {
  const shift: i64 = size == 8 ? 6 : size == 4 ? 5 : 4;
  return (core<Interp>().effective(i) + <u64>((n >> shift) * size)) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
}

export function BT_STRING<W, S>(i: Insn): void {
  const e = core<Interp>();
  const n = e.sext<W, i64>(e.read<W, S>(i));
  const a = e.loadAt<W>(i, e.operandLinear(i, pieceOffset(i, n, sizeof<W>()), sizeof<W>()));
  e.setCf(e.bit<W>(a, (<u32>n) & (bits<W>() - 1)));
}
export function BTS_STRING<W, S>(i: Insn): void {
  changeBit<W, S>(i, CHANGE_SET);
}
export function BTR_STRING<W, S>(i: Insn): void {
  changeBit<W, S>(i, CHANGE_RESET);
}
export function BTC_STRING<W, S>(i: Insn): void {
  changeBit<W, S>(i, CHANGE_COMPLEMENT);
}
const CHANGE_SET: u32 = 0;
const CHANGE_RESET: u32 = 1;
const CHANGE_COMPLEMENT: u32 = 2;

function changeBit<W, S>(i: Insn, change: u32): void {
  const e = core<Interp>();
  const n = e.sext<W, i64>(e.read<W, S>(i));
  const p = e.placeAt<W>(i, e.operandLinearForWrite(i, pieceOffset(i, n, sizeof<W>()), sizeof<W>()));
  const a = e.get<W>(p);
  const position = (<u32>n) & (bits<W>() - 1);
  const bit = e.shl<W>(1, position);
  const r = change == CHANGE_SET ? <W>(a | bit) : change == CHANGE_RESET ? <W>(a & ~bit) : <W>(a ^ bit);
  e.putAt<W>(i, p, r);
  e.setCf(e.bit<W>(a, position));
}

/** BSF: DEST ← number of the lowest set bit. A zero source sets ZF and leaves DEST as it is, as AMD documents. */
export function BSF<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, S>(i);
  if (e.begin(e.isNonZero<W>(a))) {
    e.write<W, D>(i, e.ctz<W>(a));
  }
  e.end();
  e.flagsLogic<W>(a);
}
/** BSR: number of the highest set bit. */
export function BSR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, S>(i);
  if (e.begin(e.isNonZero<W>(a))) {
    e.write<W, D>(i, e.sub<W>(e.k<W>(bits<W>() - 1), e.clz<W>(a)));
  }
  e.end();
  e.flagsLogic<W>(a);
}
/** TZCNT: number of zero bits below the lowest set one; CF = the source is 0, ZF = the result is 0. */
export function TZCNT<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, S>(i);
  const r = e.ctz<W>(a);
  e.write<W, D>(i, r);
  e.flagsResult<W>(r, e.isZero<W>(a), e.k32(0));
}
/** LZCNT: number of zero bits above the highest set one. */
export function LZCNT<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, S>(i);
  const r = e.clz<W>(a);
  e.write<W, D>(i, r);
  e.flagsResult<W>(r, e.isZero<W>(a), e.k32(0));
}
/** POPCNT: number of set bits; ZF = the source is 0, all other flags are cleared. */
export function POPCNT<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const a = e.read<W, S>(i);
  e.write<W, D>(i, e.popcount<W>(a));
  e.setArithmetic(e.shl<u32>(e.isZero<W>(a), e.k32(6)));
}

/** Four steps at once of the reflected polynomial 11EDC6F41 (CRC-32C, RFC 3720): entry n is the remainder of nibble n. */
const CRC_NIBBLE: usize = memory.data<u32>([
  0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78,
  0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
]);

/** CRC32: DEST (32 bits, zero-extended) accumulates SRC, low byte first; no flags. */
export function CRC32<W, D, S>(i: Insn): void {
  const e = core<Interp>();
  const a = e.read<W, S>(i);
  let crc = e.read<u32, D>(i);
  let rest: u64 = <u64>a;
  for (let n: u32 = 0; n < sizeof<W>() * 2; n++) {
    crc = (crc >>> 4) ^ load<u32>(CRC_NIBBLE + ((<usize>((crc ^ (<u32>rest)) & 15)) << 2));
    rest >>= 4;
  }
  e.write<u32, D>(i, crc);
}
