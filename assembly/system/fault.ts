/** Raising an exception: the vector and error code are noted and the host unwinds us. SDM Vol. 3A, chapter 6. */
import { CURRENT, FAULT_ERROR, FAULT_HAS_ERROR, FAULT_KIND, FAULT_VECTOR, CR2 } from '../layout';
import { raise } from '../host';
import { Insn } from '../engine/backend';

export const DE: u32 = 0;
export const DB: u32 = 1;
export const NMI: u32 = 2;
export const BP: u32 = 3;
export const OF_VECTOR: u32 = 4;
export const BR: u32 = 5;
export const UD: u32 = 6;
export const NM: u32 = 7;
export const DF_VECTOR: u32 = 8;
export const TS: u32 = 10;
export const NP: u32 = 11;
export const SS_VECTOR: u32 = 12;
export const GP: u32 = 13;
export const PF_VECTOR: u32 = 14;
export const MF: u32 = 16;
export const AC_VECTOR: u32 = 17;
export const XM: u32 = 19;

/** Vectors that push an error code: 8, 10 to 14, 17. */
const WITH_ERROR: u32 = (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17);

/** An implicit stack access is under way. A fault unwinds past the code that would clear it, so fault() does. */
export let stackAccess: bool = false;
export function setStackAccess(value: bool): void {
  stackAccess = value;
}

/** Raises `vector` at the current instruction (CURRENT). Never returns. */
export function fault(vector: u32, error: u32 = 0): void {
  stackAccess = false;
  store<u32>(FAULT_VECTOR, vector);
  store<u32>(FAULT_ERROR, error);
  store<u32>(FAULT_HAS_ERROR, (WITH_ERROR >> vector) & 1);
  store<u32>(FAULT_KIND, 0);
  raise();
}
/** Raises `vector` at instruction `i`. Never returns. */
export function faultAt(i: Insn, vector: u32, error: u32 = 0): void {
  store<usize>(CURRENT, changetype<usize>(i));
  fault(vector, error);
}
export function pageFault(linear: u64, error: u32): void {
  store<u64>(CR2, linear);
  fault(PF_VECTOR, error);
}
/** Raises a trap or software exception (kind TRAP or SOFTWARE) whose return address RIP already holds. Never returns. */
export function trap(vector: u32, kind: u32): void {
  store<u32>(CURRENT, 0);
  store<u32>(FAULT_VECTOR, vector);
  store<u32>(FAULT_ERROR, 0);
  store<u32>(FAULT_HAS_ERROR, 0);
  store<u32>(FAULT_KIND, kind);
  raise();
}
