/**
 * FXSAVE, FXRSTOR, XSAVE, XSAVEOPT and XRSTOR, standard format only: the compacted one (XSAVEC, XSAVES) is not announced.
 * No state component is tracked as initial or unmodified, which SDM Vol. 1, 13.6 leaves to the processor, so XSAVEOPT is XSAVE.
 * P is the width of the x87 pointers in the image: u64 with REX.W. SDM Vol. 1, 10.5 and chapter 13.
 */
import { BLOCK, CR0, CR4, GPR, XCR0, XMM } from '../layout';
import { core, Insn } from '../engine/backend';
import { Interp } from '../engine/interp';
import { fault, GP, NM, UD } from '../system/fault';
import { CR0_EM, CR0_TS, CR4_OSFXSR, CR4_OSXSAVE } from '../system/control';
import {
  buildMxcsr,
  buildX87,
  buildXmm,
  clearVectors,
  clearX87,
  copyVectors,
  mxcsrIsValid,
  PART_MXCSR,
  PART_MXCSR_BYTES,
  PART_ST,
  PART_ST_BYTES,
  PART_X87,
  PART_X87_BYTES,
  PART_XMM,
  probeBlock,
  readBlock,
  takeMxcsr,
  takeX87,
  takeXmm,
  vectorCount,
  writeBlock,
} from '../x87/images';

const FXSAVE_BYTES: u32 = 512;
const FXSAVE_ALIGNMENT: u64 = 16;
const XSAVE_ALIGNMENT: u64 = 64;
const RAX: usize = 0;
const RDX: usize = 16;
const VECTOR_BYTES: u32 = 16;
/** State components, SDM Vol. 1, 13.1. */
const X87: u64 = 1 << 0;
const SSE: u64 = 1 << 1;
const AVX: u64 = 1 << 2;
/** The XSAVE header, SDM Vol. 1, 13.4.2: XSTATE_BV, XCOMP_BV, and 8 more bytes that must be zero. */
const HEADER: u32 = 512;
const HEADER_BYTES: u32 = 64;
const XSTATE_BV: usize = BLOCK + 512;
const XCOMP_BV: usize = BLOCK + 520;
const RESERVED: usize = BLOCK + 528;
/** The AVX component, the upper halves of the YMM registers: its offset in the standard format as CPUID.13.2:EBX tells. */
const PART_AVX: u32 = 576;
const PART_AVX_BYTES: u32 = 256;
const UPPER_HALVES: usize = XMM + 16;
const YMM_BYTES: usize = 32;

/** Linear address of the area; #GP(0) unless aligned. */
function area(i: Insn, size: u32, alignment: u64): u64 {
  return aligned(core<Interp>().linear(i, size), alignment);
}
/** The same for an area that is written. */
function areaForWrite(i: Insn, size: u32, alignment: u64): u64 {
  return aligned(core<Interp>().linearForWrite(i, size), alignment);
}
function aligned(linear: u64, alignment: u64): u64 {
  if (linear & (alignment - 1)) fault(GP, 0);
  return linear;
}

function checkFxsave(): void {
  const cr0 = load<u64>(CR0);
  if (cr0 & CR0_EM) fault(UD);
  if (cr0 & CR0_TS) fault(NM);
}
function sseEnabled(): bool {
  return (load<u64>(CR4) & CR4_OSFXSR) != 0;
}

/** FXSAVE: x87 state, and MXCSR and XMM unless CR4.OSFXSR is clear. The bytes beyond are left as they are. */
export function FXSAVE<P>(i: Insn): void {
  checkFxsave();
  const linear = areaForWrite(i, FXSAVE_BYTES, FXSAVE_ALIGNMENT);
  probeBlock<u64>(i, linear, FXSAVE_BYTES);
  buildX87(sizeof<P>() == 8);
  let size = PART_XMM;
  if (sseEnabled()) {
    buildMxcsr();
    buildXmm();
    size += vectorCount() * VECTOR_BYTES;
  }
  writeBlock<u64>(i, linear, 0, size);
}

/** FXRSTOR: a reserved bit in the image's MXCSR is #GP(0). */
export function FXRSTOR<P>(i: Insn): void {
  checkFxsave();
  readBlock<u64>(i, area(i, FXSAVE_BYTES, FXSAVE_ALIGNMENT), 0, FXSAVE_BYTES);
  const sse = sseEnabled();
  if (sse && !mxcsrIsValid()) fault(GP, 0);
  takeX87(sizeof<P>() == 8);
  if (sse) {
    takeMxcsr();
    takeXmm();
  }
}

function checkXsave(): void {
  if (!(load<u64>(CR4) & CR4_OSXSAVE)) fault(UD);
  if (load<u64>(CR0) & CR0_TS) fault(NM);
}
/** RFBM: the components that EDX:EAX asks for and XCR0 enables. */
function requested(): u64 {
  return load<u64>(XCR0) & ((<u64>load<u32>(GPR + RAX)) | ((<u64>load<u32>(GPR + RDX)) << 32));
}
/** Bytes of the area that the instruction may touch. */
function areaSize(components: u64): u32 {
  return components & AVX ? PART_AVX + PART_AVX_BYTES : HEADER + HEADER_BYTES;
}

/** XSAVE: of the header only XSTATE_BV is written, with the bits of components not asked for as they were. */
export function XSAVE<P>(i: Insn): void {
  checkXsave();
  const components = requested();
  const size = areaSize(components);
  const linear = areaForWrite(i, size, XSAVE_ALIGNMENT);
  probeBlock<u64>(i, linear, size);
  const before = core<Interp>().loadAt<u64>(i, linear + HEADER);
  if (components & X87) {
    buildX87(sizeof<P>() == 8);
    writeBlock<u64>(i, linear, PART_X87, PART_X87_BYTES);
    writeBlock<u64>(i, linear, PART_ST, PART_ST_BYTES);
  }
  if (components & (SSE | AVX)) {
    buildMxcsr();
    writeBlock<u64>(i, linear, PART_MXCSR, PART_MXCSR_BYTES);
  }
  const vectors = vectorCount() * VECTOR_BYTES;
  if (components & SSE) {
    buildXmm();
    writeBlock<u64>(i, linear, PART_XMM, vectors);
  }
  if (components & AVX) {
    copyVectors(BLOCK + PART_AVX, VECTOR_BYTES, UPPER_HALVES, YMM_BYTES);
    writeBlock<u64>(i, linear, PART_AVX, vectors);
  }
  core<Interp>().storeAt<u64>(i, linear + HEADER, (before & ~components) | components);
}
export function XSAVEOPT<P>(i: Insn): void {
  XSAVE<P>(i);
}

/**
 * XRSTOR: components asked for are loaded, or set to their initial state when XSTATE_BV says so. MXCSR is loaded with SSE or AVX
 * whatever XSTATE_BV says (SDM Vol. 1, 13.8.1).
 */
export function XRSTOR<P>(i: Insn): void {
  checkXsave();
  const components = requested();
  const linear = area(i, areaSize(components), XSAVE_ALIGNMENT);
  readBlock<u64>(i, linear, 0, HEADER + HEADER_BYTES);
  const present = load<u64>(XSTATE_BV);
  if (present & ~load<u64>(XCR0) || load<u64>(XCOMP_BV) || load<u64>(RESERVED)) fault(GP, 0);
  if (components & (SSE | AVX) && !mxcsrIsValid()) fault(GP, 0);
  if (components & present & AVX) readBlock<u64>(i, linear, PART_AVX, PART_AVX_BYTES);
  if (components & X87) {
    if (present & X87) takeX87(sizeof<P>() == 8);
    else clearX87();
  }
  if (components & (SSE | AVX)) takeMxcsr();
  if (components & SSE) {
    if (present & SSE) takeXmm();
    else clearVectors(XMM);
  }
  if (components & AVX) {
    if (present & AVX) copyVectors(UPPER_HALVES, YMM_BYTES, BLOCK + PART_AVX, VECTOR_BYTES);
    else clearVectors(UPPER_HALVES);
  }
}
