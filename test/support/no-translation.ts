/** Statistics of a translator that did nothing, for fakes. */
import type { TranslationStatistics } from '../../src/core/translation-statistics.ts';

export const NO_TRANSLATION: TranslationStatistics = {
  retired: 0,
  regions: 0,
  dropped: 0,
  flushes: 0,
  blocks: 0,
  instructions: 0,
  bytes: 0,
  modules: 0,
  moduleBytes: 0,
  liveModuleBytes: 0,
  compileMs: 0,
  entered: 0,
  declined: 0,
  exits: { instruction: 0, jump: 0, indirect: 0, helper: 0, budget: 0 },
  lookups: 0,
  untranslated: 0,
  tlbMisses: 0,
};
