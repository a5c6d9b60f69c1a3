/** What the translator did. The core counts (assembly/layout.ts, TS_*), the host adds its own. */
import * as L from '../../assembly/layout.ts';
import type { Core } from './load.ts';

/** Counts since the machine was made. */
export interface TranslationStatistics {
  /** Instructions that translated code retired. */
  readonly retired: number;
  /** Regions made and dropped so far, and how often all were dropped because room or memory ran out. */
  readonly regions: number;
  readonly dropped: number;
  readonly flushes: number;
  /** What regions took in: blocks, guest instructions, bytes of WebAssembly. */
  readonly blocks: number;
  readonly instructions: number;
  readonly bytes: number;
  /** Modules made, their bytes (of those in use, too), and the time that took on the machine's thread. */
  readonly modules: number;
  readonly moduleBytes: number;
  readonly liveModuleBytes: number;
  readonly compileMs: number;
  /** Times that the interpreter entered translated code; or wanted to, but mode or mapping were others. */
  readonly entered: number;
  readonly declined: number;
  /** Exits of regions by reason. */
  readonly exits: {
    /** The interpreter had to do an instruction: TLB miss, device, fault, exact floating point. */
    readonly instruction: number;
    /** To other code, at an address known at translation, or not. */
    readonly jump: number;
    readonly indirect: number;
    /** A function of the core changed control: system calls, mode changes, interrupts enabled. */
    readonly helper: number;
    /** The budget was used up. */
    readonly budget: number;
  };
  /** Exits to code that was not in the cache of entries, and of these the ones to code that is not translated. */
  readonly lookups: number;
  readonly untranslated: number;
  /** Misses of the data TLB, on both tiers. */
  readonly tlbMisses: number;
}

export function readTranslationStatistics({ memory, translator }: Core): TranslationStatistics {
  const view = new DataView(memory.buffer, 0, L.DATA_BASE);
  const count = (which: number): number => Number(view.getBigUint64(L.T_STATS + which, true));
  return {
    retired: count(L.TS_RETIRED),
    regions: count(L.TS_REGIONS),
    dropped: count(L.TS_DROPPED),
    flushes: count(L.TS_FLUSHES),
    blocks: count(L.TS_BLOCKS),
    instructions: count(L.TS_INSTRUCTIONS),
    bytes: count(L.TS_BYTES),
    ...translator.statistics,
    entered: count(L.TS_ENTERED),
    declined: count(L.TS_DECLINED),
    exits: {
      instruction: count(L.TS_EXIT_LEAVE),
      jump: count(L.TS_EXIT_JUMP),
      indirect: count(L.TS_EXIT_INDIRECT),
      helper: count(L.TS_EXIT_HELPER),
      budget: count(L.TS_EXIT_BUDGET),
    },
    lookups: count(L.TS_LOOKUP_MISS),
    untranslated: count(L.TS_UNTRANSLATED),
    tlbMisses: Number(view.getBigUint64(L.STATS + L.STAT_TLB_MISSES, true)),
  };
}
