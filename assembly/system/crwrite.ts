/** Writes of CR0, CR3, CR4 and EFER with their checks and consequences. SDM Vol. 3A, 2.5, 4.1.2, 9.8.5. */
import { CR0, CR3, CR4, CS, EFER, LINEAR_MASK, PDPTE, SEG, SEG_FLAGS, SEG_SIZE } from '../layout';
import { flushTlb } from '../mmu/tlb';
import { physicalRead64 } from '../mmu/physical';
import {
  CR0_AM,
  CR0_CD,
  CR0_EM,
  CR0_ET,
  CR0_MP,
  CR0_NE,
  CR0_NW,
  CR0_PE,
  CR0_PG,
  CR0_TS,
  CR0_WP,
  CR4_DE,
  CR4_FSGSBASE,
  CR4_MCE,
  CR4_OSFXSR,
  CR4_OSXMMEXCPT,
  CR4_OSXSAVE,
  CR4_PAE,
  CR4_PCE,
  CR4_PCIDE,
  CR4_PGE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  CR4_TSD,
  CR4_UMIP,
  EFER_LMA,
  EFER_LME,
  EFER_NXE,
  EFER_SCE,
  PHYSICAL_BITS,
} from './control';
import { fault, GP } from './fault';
import { updateMode } from './mode';
import { FLAG_L } from './segment';

const CR0_KNOWN: u64 = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
const CR4_KNOWN: u64 =
  CR4_TSD |
  CR4_DE |
  CR4_PSE |
  CR4_PAE |
  CR4_MCE |
  CR4_PGE |
  CR4_PCE |
  CR4_OSFXSR |
  CR4_OSXMMEXCPT |
  CR4_UMIP |
  CR4_FSGSBASE |
  CR4_PCIDE |
  CR4_OSXSAVE |
  CR4_SMEP |
  CR4_SMAP;
const EFER_KNOWN: u64 = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
/** State components that XCR0 may enable. AVX comes with its instructions. */
export const XCR0_SUPPORTED: u64 = 3;
const PDPTE_RESERVED: u64 = 0x1e6 | ((((<u64>1) << 63) | (((<u64>1) << 63) - 1)) & ~(((<u64>1) << PHYSICAL_BITS) - 1));

/** Loads the four PDPTEs of PAE paging; a reserved bit raises #GP(0). SDM Vol. 3A, 4.4.1. */
function loadPdptes(cr3: u64): void {
  const at = cr3 & 0xffffffe0;
  for (let n: usize = 0; n < 4; n++) {
    const entry = physicalRead64(at + <u64>(n << 3));
    if (entry & 1 && entry & PDPTE_RESERVED) fault(GP, 0);
  }
  for (let n: usize = 0; n < 4; n++) store<u64>(PDPTE + (n << 3), physicalRead64(at + <u64>(n << 3)));
}
function usesPdptes(cr0: u64, cr4: u64, efer: u64): bool {
  return (cr0 & CR0_PG) != 0 && (cr4 & CR4_PAE) != 0 && !(efer & EFER_LMA);
}

export function writeCr0(value: u64): void {
  if (value >> 32) fault(GP, 0);
  const old = load<u64>(CR0);
  value = (value & CR0_KNOWN) | CR0_ET;
  if (value & CR0_PG && !(value & CR0_PE)) fault(GP, 0);
  if (value & CR0_NW && !(value & CR0_CD)) fault(GP, 0);
  let efer = load<u64>(EFER);
  const cr4 = load<u64>(CR4);
  if ((value ^ old) & CR0_PG) {
    if (value & CR0_PG) {
      if (efer & EFER_LME) {
        if (!(cr4 & CR4_PAE)) fault(GP, 0);
        if (load<u32>(SEG + CS * SEG_SIZE, SEG_FLAGS) & FLAG_L) fault(GP, 0);
        efer |= EFER_LMA;
      }
    } else {
      if (efer & EFER_LMA && load<u64>(LINEAR_MASK) == u64.MAX_VALUE) fault(GP, 0); // in 64-bit mode
      if (cr4 & CR4_PCIDE) fault(GP, 0);
      efer &= ~EFER_LMA;
    }
  }
  if (usesPdptes(value, cr4, efer) && (value ^ old) & (CR0_PG | CR0_CD | CR0_NW)) loadPdptes(load<u64>(CR3));
  store<u64>(EFER, efer);
  store<u64>(CR0, value);
  if ((value ^ old) & (CR0_PG | CR0_WP | CR0_PE)) flushTlb(true);
  updateMode();
}

/** Bit 63 (do not flush) is accepted with PCIDs, and ignored: entries are not tagged (see mmu/tlb.ts). */
export function writeCr3(value: u64): void {
  const cr4 = load<u64>(CR4);
  if (cr4 & CR4_PCIDE) value &= ~((<u64>1) << 63);
  if (load<u64>(EFER) & EFER_LMA && value >> PHYSICAL_BITS) fault(GP, 0);
  if (usesPdptes(load<u64>(CR0), cr4, load<u64>(EFER))) loadPdptes(value);
  store<u64>(CR3, value);
  flushTlb(false);
}

export function writeCr4(value: u64): void {
  if (value & ~CR4_KNOWN) fault(GP, 0);
  const old = load<u64>(CR4);
  const efer = load<u64>(EFER);
  if (efer & EFER_LMA && !(value & CR4_PAE)) fault(GP, 0);
  if (value & ~old & CR4_PCIDE && (!(efer & EFER_LMA) || load<u64>(CR3) & 0xfff)) fault(GP, 0);
  const paging = CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP | CR4_PCIDE;
  if (usesPdptes(load<u64>(CR0), value, efer) && (value ^ old) & (CR4_PAE | CR4_PGE | CR4_PSE | CR4_SMEP))
    loadPdptes(load<u64>(CR3));
  store<u64>(CR4, value);
  if ((value ^ old) & paging) flushTlb(true);
  updateMode();
}

export function writeEfer(value: u64): void {
  if (value & ~EFER_KNOWN) fault(GP, 0);
  const old = load<u64>(EFER);
  if ((value ^ old) & EFER_LME && load<u64>(CR0) & CR0_PG) fault(GP, 0);
  store<u64>(EFER, (value & ~EFER_LMA) | (old & EFER_LMA));
  if ((value ^ old) & EFER_NXE) flushTlb(true);
}
