/**
 * The x87 instructions as translated code calls them: once each. The result is 1 when tier 0 has to do the instruction, because an
 * exception is pending; nothing was changed then. Translated code sets the pointers itself.
 */
import { FTW } from '../layout';
import { AFTER_STORE, AFTER_STORE_VALID, Fast, FLAGS_NOT_DONE } from './fast';
import * as x87 from './operations';
import { isPending, setControl, start, top } from './stack';

const LEAVE: u32 = 1;
const DONE: u32 = 0;
const FSW_TOP: u32 = 0x3800;
const FSW_TOP_UNIT: u32 = 0x0800;

export function x87Single(operation: u32, bits: u32): u32 {
  if (Fast.real<u32>(operation, bits)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.withReal<u32>(operation, bits);
  return DONE;
}
export function x87Double(operation: u32, bits: u64): u32 {
  if (Fast.real<u64>(operation, bits)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.withReal<u64>(operation, bits);
  return DONE;
}
export function x87Integer(operation: u32, value: i64): u32 {
  if (Fast.integer(operation, value)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.withInteger(operation, value);
  return DONE;
}
export function x87PushSingle(bits: u32): u32 {
  if (Fast.pushReal<u32>(bits)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.pushReal<u32>(bits);
  return DONE;
}
export function x87PushDouble(bits: u64): u32 {
  if (Fast.pushReal<u64>(bits)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.pushReal<u64>(bits);
  return DONE;
}
export function x87PushInteger(value: i64): u32 {
  if (Fast.pushInteger(value)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.pushInteger(value);
  return DONE;
}
export function x87PushExtended(hi: u32, lo: u64): u32 {
  if (Fast.pushExtended(hi, lo)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.pushExtended(hi, lo);
  return DONE;
}
export function x87Registers(operation: u32, n: u32, toN: u32, pops: u32): u32 {
  if (Fast.registers(operation, n, toN, pops)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.withRegister(operation, n, toN, pops);
  return DONE;
}
export function x87AddRegisters(n: u32, aFlip: u32, bFlip: u32, toN: u32, pops: u32): u32 {
  if (Fast.addRegisters(n, aFlip, bFlip, toN, pops)) return DONE;
  return x87Registers(sum(aFlip, bFlip), n, toN, pops);
}
export function x87MultiplyRegisters(n: u32, toN: u32, pops: u32): u32 {
  if (Fast.multiplyRegisters(n, toN, pops)) return DONE;
  return x87Registers(x87.MUL, n, toN, pops);
}
export function x87AddDouble(bits: u64, aFlip: u32, bFlip: u32): u32 {
  if (Fast.addDouble(bits, aFlip, bFlip)) return DONE;
  return x87Double(sum(aFlip, bFlip), bits);
}
export function x87MultiplyDouble(bits: u64): u32 {
  if (Fast.multiplyDouble(bits)) return DONE;
  return x87Double(x87.MUL, bits);
}
/** The operation that changes these signs and adds. */
function sum(aFlip: u32, bFlip: u32): u32 {
  if (aFlip) return x87.SUBR;
  return bFlip ? x87.SUB : x87.ADD;
}
export function x87Compare(n: u32, quiet: u32, pops: u32): u32 {
  if (Fast.compare(n, pops)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.compareRegister(n, quiet, pops);
  return DONE;
}
/** An image of EFLAGS, or all ones to leave. */
export function x87CompareToFlags(n: u32, quiet: u32, pops: u32): u32 {
  const image = Fast.compareToFlags(n, pops);
  if (image != FLAGS_NOT_DONE || isPending()) return image;
  start(0);
  return x87.compareToFlags(n, quiet, pops);
}
export function x87PushRegister(n: u32): u32 {
  if (Fast.pushRegister(n)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.pushRegister(n);
  return DONE;
}
export function x87Copy(n: u32, pops: u32): u32 {
  if (Fast.copy(n, pops)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.copyTo(n, pops);
  return DONE;
}
export function x87Exchange(n: u32): u32 {
  if (Fast.exchange(n)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.exchange(n);
  return DONE;
}
export function x87ChangeSign(keep: u32, flip: u32): u32 {
  if (Fast.changeSign(keep, flip)) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.changeSign(keep, flip);
  return DONE;
}
export function x87SquareRoot(): u32 {
  if (Fast.squareRoot()) return DONE;
  if (isPending()) return LEAVE;
  start(0);
  x87.squareRoot();
  return DONE;
}

// ---- stores: AFTER_STORE is 0 to leave, else the state that translated code sets once the value is in memory ---------------------
/** After the exact computation of a value to be stored. */
function noteAfterStore(pops: u32): void {
  const fsw = x87.statusAfterStore();
  if (fsw == x87.NOT_STORED) return;
  let tags: u32 = load<u8>(FTW);
  let next = fsw;
  if (pops) {
    tags &= ~(1 << top());
    next = (fsw & ~FSW_TOP) | ((fsw + FSW_TOP_UNIT) & FSW_TOP);
  }
  store<u32>(AFTER_STORE, AFTER_STORE_VALID | (tags << 16) | next);
}
function toReal<W>(pops: u32): W {
  const value = Fast.toReal<W>(pops);
  if (load<u32>(AFTER_STORE) || isPending()) return value;
  start(0);
  const exact = x87.toReal<W>();
  noteAfterStore(pops);
  return exact;
}
function toInteger<W>(truncate: u32, pops: u32): W {
  const value = Fast.toInteger<W>(truncate, pops);
  if (load<u32>(AFTER_STORE) || isPending()) return value;
  start(0);
  const exact = x87.toInteger<W>(truncate != 0);
  noteAfterStore(pops);
  return exact;
}
export function x87ToSingle(pops: u32): u32 {
  return toReal<u32>(pops);
}
export function x87ToDouble(pops: u32): u64 {
  return toReal<u64>(pops);
}
export function x87ToInteger16(truncate: u32, pops: u32): u32 {
  return toInteger<u16>(truncate, pops);
}
export function x87ToInteger32(truncate: u32, pops: u32): u32 {
  return toInteger<u32>(truncate, pops);
}
export function x87ToInteger64(truncate: u32, pops: u32): u64 {
  return toInteger<u64>(truncate, pops);
}
/** Where ST(0) lies, which is to be stored and popped; 0 to leave. */
export function x87ToExtended(): u32 {
  return Fast.toExtended();
}
export function x87SetControl(value: u32): void {
  setControl(value);
}
