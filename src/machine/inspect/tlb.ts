/** What the TLBs hold: assembly/mmu/tlb.ts, by the words of assembly/layout.ts. */
import * as L from '../../../assembly/layout.ts';
import type { Cpu } from '../../core/cpu.ts';
import type { TlbBank, TlbEntry } from './types.ts';

const PAGE_SHIFT = 12n;
const PAGE_BYTES = 4096;
const DATA_BANKS = ['user', 'supervisor', 'supervisor, AC set', 'never filled: alignment checks'];
const FETCH_BANKS = ['user code', 'supervisor code'];
const FETCH_ENTRY_SIZE = 16;
const USER_LEVEL = 3;
// TLB_GLOBAL: bit 1 a large page, then bits 8 to 13 its size's logarithm
const GLOBAL = 1;
const LARGE = 2;
const LARGE_SHIFT = 8;
const LARGE_MASK = 63;

/** All banks with at most `most` entries each, which are those of the lowest addresses. */
export function readTlb(cpu: Cpu, most: number): TlbBank[] {
  const view = new DataView(cpu.core.memory.buffer);
  const bankInUse = (cpu.word32(L.T_KEY) >> L.T_KEY_BANK_SHIFT) & 3;
  const data = DATA_BANKS.map((name, bank) => {
    const entries = filled(view, L.TLB_FILLED, bank, L.TLB_ENTRIES).flatMap((slot) => dataEntry(view, bank, slot));
    return bankOf(name, bank === bankInUse, L.TLB_ENTRIES, entries, most);
  });
  const isUser = cpu.word32(L.CPL) === USER_LEVEL;
  const fetch = FETCH_BANKS.map((name, bank) => {
    const slots = filled(view, L.FETCH_FILLED, bank, L.FETCH_ENTRIES);
    const entries = slots.flatMap((slot) => fetchEntry(view, bank, slot));
    return bankOf(name, isUser === (bank === 0), L.FETCH_ENTRIES, entries, most);
  });
  return [...data, ...fetch];
}

function bankOf(name: string, inUse: boolean, entryCount: number, all: readonly TlbEntry[], most: number): TlbBank {
  const entries = [...all].sort((a, b) => (a.linear < b.linear ? -1 : 1)).slice(0, most);
  return { name, inUse, entryCount, filledCount: all.length, entries };
}

/** Slots that were filled since they were last dropped; some may be empty again. */
function filled(view: DataView, map: number, bank: number, entryCount: number): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot < entryCount; slot++) {
    const bit = bank * entryCount + slot;
    if ((view.getUint8(map + (bit >> 3)) >> (bit & 7)) & 1) slots.push(slot);
  }
  return slots;
}

/** A tag that no access can match belongs to another slot. */
function isOfSlot(linear: bigint, slot: number): boolean {
  return Number((linear >> PAGE_SHIFT) & BigInt(L.TLB_ENTRIES - 1)) === slot;
}

function dataEntry(view: DataView, bank: number, slot: number): TlbEntry[] {
  const at = L.TLB + bank * L.TLB_BANK_SIZE + slot * L.TLB_ENTRY_SIZE;
  const linear = view.getBigUint64(at + L.TLB_READ, true);
  if (!isOfSlot(linear, slot)) return [];
  const flags = view.getUint32(at + L.TLB_GLOBAL, true);
  return [
    {
      linear,
      physical: view.getUint32(at + L.TLB_PHYSICAL, true) * PAGE_BYTES,
      writable: view.getBigUint64(at + L.TLB_WRITE, true) === linear,
      global: (flags & GLOBAL) !== 0,
      pageBytes: (flags & LARGE) !== 0 ? 2 ** ((flags >> LARGE_SHIFT) & LARGE_MASK) : PAGE_BYTES,
    },
  ];
}

function fetchEntry(view: DataView, bank: number, slot: number): TlbEntry[] {
  const at = L.FETCH + bank * L.FETCH_BANK_SIZE + slot * FETCH_ENTRY_SIZE;
  // The low bits are the mode, and one of the upper half tells of the segment's limit.
  const tag = view.getBigUint64(at, true);
  const linear = tag & ~0xfffn & ~edgeBit(tag);
  if (view.getUint32(at + 8, true) === 0 || !isOfSlot(linear, slot)) return [];
  const bit = bank * L.FETCH_ENTRIES + slot;
  const local = ((view.getUint8(L.FETCH_FILLED_LOCAL + (bit >> 3)) >> (bit & 7)) & 1) !== 0;
  const physical = view.getUint32(at + 12, true) * PAGE_BYTES;
  return [{ linear, physical, writable: false, global: !local, pageBytes: PAGE_BYTES }];
}

/** FETCH_EDGE, which no address of 32 bits has; a canonical one has it as part of its sign. */
function edgeBit(tag: bigint): bigint {
  return tag >> 32n === BigInt(L.FETCH_EDGE) ? BigInt(L.FETCH_EDGE) << 32n : 0n;
}
