/** What fits no other table. SDM Vol. 2, the page of each name. */
import { EA_MASK, GPR } from '../layout';
import { core, Insn } from '../engine/backend';
import { CF, Flags, ZF } from '../engine/flags';
import { Interp } from '../engine/interp';
import { random32 } from '../host';
import { probeRead, probeWrite } from '../mmu/access';
import { fault, GP, UD } from '../system/fault';

const RAX: usize = 0;
const RCX: usize = 8;
const RDX: usize = 16;
const RBX: usize = 24;

function setZf(zf: bool): void {
  Flags.setArithmetic((Flags.get() & ~ZF) | (zf ? ZF : 0));
}

/** CMPXCHG8B: compare EDX:EAX with DEST; equal: DEST ← ECX:EBX, else EDX:EAX ← DEST. DEST is written either way. */
export function CMPXCHG8B(i: Insn): void {
  const e = core<Interp>();
  const p = e.placeAt<u64>(i, e.linearForWrite(i, 8));
  const a = e.get<u64>(p);
  const same = a == (((<u64>e.gpr<u32>(RDX)) << 32) | (<u64>e.gpr<u32>(RAX)));
  if (same) {
    e.putAt<u64>(i, p, ((<u64>e.gpr<u32>(RCX)) << 32) | (<u64>e.gpr<u32>(RBX)));
  } else {
    e.putAt<u64>(i, p, a);
    e.setGpr<u32>(RAX, <u32>a);
    e.setGpr<u32>(RDX, <u32>(a >> 32));
  }
  setZf(same);
}

/** CMPXCHG16B: the same with RDX:RAX and RCX:RBX; DEST must be aligned, else #GP(0). */
export function CMPXCHG16B(i: Insn): void {
  const e = core<Interp>();
  const linear = e.linearForWrite(i, 16);
  if (linear & 15) fault(GP);
  probeWrite(i, linear, 16);
  const low = e.loadAt<u64>(i, linear);
  const high = e.loadAt<u64>(i, linear + 8);
  const same = low == e.gpr<u64>(RAX) && high == e.gpr<u64>(RDX);
  e.storeAt<u64>(i, linear, same ? e.gpr<u64>(RBX) : low);
  e.storeAt<u64>(i, linear + 8, same ? e.gpr<u64>(RCX) : high);
  if (!same) {
    e.setGpr<u64>(RAX, low);
    e.setGpr<u64>(RDX, high);
  }
  setZf(same);
}

/** XLAT: AL ← the byte at rBX + AL, in DS unless overridden. */
export function XLAT(i: Insn): void {
  const e = core<Interp>();
  const offset = (load<u64>(GPR + RBX) + <u64>e.gpr<u8>(RAX)) & load<u64>(EA_MASK + (((<usize>i.ea) & 3) << 3));
  e.setGpr<u8>(RAX, e.loadAt<u8>(i, e.operandLinear(i, offset, 1)));
}

/** RDRAND, RDSEED: host randomness; CF set (always available), the other flags cleared. */
export function RDRAND<W, D>(i: Insn): void {
  const low = random32();
  const high: u32 = sizeof<W>() == 8 ? random32() : 0;
  core<Interp>().write<W, D>(i, <W>(((<u64>high) << 32) | (<u64>low)));
  Flags.setArithmetic(CF);
}

/** Fences and PAUSE: memory is in order here. */
export function FENCE<B>(i: Insn): void {}

/** CLFLUSH, CLFLUSHOPT, CLWB: only the checks of a load. */
export function TOUCH(i: Insn): void {
  probeRead(i, core<Interp>().linear(i, 1), 1);
}

/** UD0, UD1, UD2: #UD for ever. */
export function UNDEFINED(i: Insn): void {
  fault(UD);
}

/** ADCX: DEST ← DEST + SRC + CF; only CF changes. */
export function ADCX<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const a = e.read<W, D>(i);
  const cf = e.cf();
  const sum = e.add<W>(a, b);
  const r = e.add<W>(sum, e.zext<u32, W>(cf));
  e.write<W, D>(i, r);
  e.setCf(e.or<u32>(e.below<W>(sum, a), e.below<W>(r, sum)));
}
/** ADOX: the same with OF. */
export function ADOX<B, W, D, S>(i: Insn): void {
  const e = core<B>();
  const b = e.read<W, S>(i);
  const a = e.read<W, D>(i);
  const sum = e.add<W>(a, b);
  const r = e.add<W>(sum, e.zext<u32, W>(e.of()));
  e.write<W, D>(i, r);
  e.setCfOf(e.cf(), e.or<u32>(e.below<W>(sum, a), e.below<W>(r, sum)));
}
