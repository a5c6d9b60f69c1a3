/**
 * Shifts and rotates. Semantics in the staged form; SDM Vol. 2, the page of each name. Counts are taken modulo 32
 * (64 for 64-bit operands); a count of 0 leaves the flags alone but still writes the destination, which zero-extends
 * a 32-bit register. OF after more than one step is undefined; it is computed as for the last step.
 */
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';

/** Width in bits. */
function bits<W>(): u32 {
  return sizeof<W>() * 8;
}
function countMask<W>(): u32 {
  return sizeof<W>() == 8 ? 63 : 31;
}

/** SHL, SAL: CF is the last bit that left; OF = CF ^ sign. */
export function SHL<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, S>(i), countMask<W>());
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.shl<W>(a, n);
  e.put<W, D>(i, p, r);
  if (e.begin(e.isNonZero<u32>(n))) {
    e.flagsShl<W>(e.shl<W>(a, e.sub<u32>(n, e.k32(1))), r);
  }
  e.end();
}

/** SHR: CF is the last bit that left; OF (count 1) = the old sign. */
export function SHR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, S>(i), countMask<W>());
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.shr<W>(a, n);
  e.put<W, D>(i, p, r);
  if (e.begin(e.isNonZero<u32>(n))) {
    e.flagsResult<W>(r, e.bit<W>(e.shr<W>(a, e.sub<u32>(n, e.k32(1))), e.k32(0)), e.bit<W>(r, e.k32(bits<W>() - 2)));
  }
  e.end();
}

/** SAR: the sign fills; OF is cleared. */
export function SAR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, S>(i), countMask<W>());
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const r = e.sar<W>(a, n);
  e.put<W, D>(i, p, r);
  if (e.begin(e.isNonZero<u32>(n))) {
    e.flagsResult<W>(r, e.bit<W>(e.sar<W>(a, e.sub<u32>(n, e.k32(1))), e.k32(0)), e.k32(0));
  }
  e.end();
}

/** ROL: CF = the result's lowest bit; only CF and OF change, also when the count is a multiple of the width. */
export function ROL<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, S>(i), countMask<W>());
  const p = e.place<W, D>(i);
  const r = e.rotl<W>(e.get<W>(p), n);
  e.put<W, D>(i, p, r);
  if (e.begin(e.isNonZero<u32>(n))) {
    const cf = e.bit<W>(r, e.k32(0));
    e.setCfOf(cf, e.xor<u32>(cf, e.bit<W>(r, e.k32(bits<W>() - 1))));
  }
  e.end();
}

/** ROR: CF = the result's sign; OF = its two top bits' difference. */
export function ROR<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, S>(i), countMask<W>());
  const p = e.place<W, D>(i);
  const r = e.rotr<W>(e.get<W>(p), n);
  e.put<W, D>(i, p, r);
  if (e.begin(e.isNonZero<u32>(n))) {
    const cf = e.bit<W>(r, e.k32(bits<W>() - 1));
    e.setCfOf(cf, e.xor<u32>(cf, e.bit<W>(r, e.k32(bits<W>() - 2))));
  }
  e.end();
}

/** Count of a rotation through CF: modulo 9 and 17 for bytes and words. */
function throughCount<W>(count: u32): u32 {
  const n = count & countMask<W>();
  return bits<W>() < 32 ? n % (bits<W>() + 1) : n;
}

/** RCL: rotates CF:DEST left. */
export function RCL<W, D, S>(i: Insn): void {
  const e = core<Interp>();
  const n: u64 = throughCount<W>(e.read<u8, S>(i));
  const p = e.place<W, D>(i);
  const a: u64 = <u64>e.get<W>(p);
  if (n == 0) {
    e.put<W, D>(i, p, <W>a);
    return;
  }
  const width: u64 = bits<W>();
  const wrapped: u64 = n > 1 ? a >> (width + 1 - n) : 0;
  const r = (a << n) | ((<u64>e.cf()) << (n - 1)) | wrapped;
  e.put<W, D>(i, p, <W>r);
  const cf = (<u32>(a >> (width - n))) & 1;
  e.setCfOf(cf, cf ^ ((<u32>(r >> (width - 1))) & 1));
}

/** RCR: rotates DEST:CF right. */
export function RCR<W, D, S>(i: Insn): void {
  const e = core<Interp>();
  const n: u64 = throughCount<W>(e.read<u8, S>(i));
  const p = e.place<W, D>(i);
  const a: u64 = <u64>e.get<W>(p);
  if (n == 0) {
    e.put<W, D>(i, p, <W>a);
    return;
  }
  const width: u64 = bits<W>();
  const wrapped: u64 = n > 1 ? a << (width + 1 - n) : 0;
  const stay: u64 = n < 64 ? a >> n : 0;
  const r = stay | ((<u64>e.cf()) << (width - n)) | wrapped;
  e.put<W, D>(i, p, <W>r);
  const cf = (<u32>(a >> (n - 1))) & 1;
  e.setCfOf(cf, ((<u32>(r >> (width - 1))) ^ (<u32>(r >> (width - 2)))) & 1);
}

/**
 * SHLD: DEST shifted left, filled from SRC's top. A 16-bit operand's result after more than 16 steps is undefined;
 * AMD's go on with SRC, as if DEST:SRC:SRC were shifted (seen on Zen 5; Intel's take DEST:SRC:DEST).
 */
export function SHLD<B, W, D, S, C>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, C>(i), countMask<W>());
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const before = e.sub<u32>(n, e.k32(1));
  if (sizeof<W>() == 8) {
    const r = e.or<W>(e.shl<W>(a, n), e.shr<W>(e.shr<W>(b, e.k32(1)), e.xor<u32>(n, e.k32(63))));
    e.put<W, D>(i, p, r);
    if (e.begin(e.isNonZero<u32>(n))) {
      e.flagsShl<W>(e.shl<W>(a, before), r);
    }
    e.end();
  } else {
    // DEST's place in the 64-bit chain is bits 32 and up.
    const high = e.shl<u64>(e.zext<W, u64>(a), e.k32(32));
    const fill =
      sizeof<W>() == 4 ? e.zext<W, u64>(b) : e.or<u64>(e.shl<u64>(e.zext<W, u64>(b), e.k32(16)), e.zext<W, u64>(b));
    const chain = e.or<u64>(high, fill);
    const r = e.zext<u64, W>(e.shr<u64>(e.shl<u64>(chain, n), e.k32(32)));
    e.put<W, D>(i, p, r);
    if (e.begin(e.isNonZero<u32>(n))) {
      e.flagsShl<W>(e.zext<u64, W>(e.shr<u64>(e.shl<u64>(chain, before), e.k32(32))), r);
    }
    e.end();
  }
}

/** SHRD: DEST shifted right, filled from SRC's bottom; 16-bit operands as SRC:SRC:DEST. */
export function SHRD<B, W, D, S, C>(i: Insn): void {
  const e = core<B>();
  const n = e.count<u8>(e.read<u8, C>(i), countMask<W>());
  const b = e.read<W, S>(i);
  const p = e.place<W, D>(i);
  const a = e.get<W>(p);
  const before = e.sub<u32>(n, e.k32(1));
  if (sizeof<W>() == 8) {
    const r = e.or<W>(e.shr<W>(a, n), e.shl<W>(e.shl<W>(b, e.k32(1)), e.xor<u32>(n, e.k32(63))));
    e.put<W, D>(i, p, r);
    if (e.begin(e.isNonZero<u32>(n))) {
      e.flagsResult<W>(
        r,
        e.bit<W>(e.shr<W>(a, before), e.k32(0)),
        e.bit<W>(e.xor<W>(r, e.shl<W>(r, e.k32(1))), e.k32(bits<W>() - 1)),
      );
    }
    e.end();
  } else {
    const fill = e.shl<u64>(e.zext<W, u64>(b), e.k32(bits<W>()));
    const low =
      sizeof<W>() == 4 ? e.zext<W, u64>(a) : e.or<u64>(e.zext<W, u64>(a), e.shl<u64>(e.zext<W, u64>(b), e.k32(32)));
    const chain = e.or<u64>(fill, low);
    const r = e.zext<u64, W>(e.shr<u64>(chain, n));
    e.put<W, D>(i, p, r);
    if (e.begin(e.isNonZero<u32>(n))) {
      e.flagsResult<W>(
        r,
        e.bit<u64>(e.shr<u64>(chain, before), e.k32(0)),
        e.bit<W>(e.xor<W>(r, e.shl<W>(r, e.k32(1))), e.k32(bits<W>() - 1)),
      );
    }
    e.end();
  }
}
