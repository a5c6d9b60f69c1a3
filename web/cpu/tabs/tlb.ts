/** What the TLBs hold, and what core and translator have done so far. */
import type { CoreStatistics, TlbBank } from '../../../src/worker/protocol.ts';
import { el, table, type Child } from '../dom.ts';
import { countText, hex, sizeText } from '../format.ts';
import { marked } from '../mark.ts';
import type { MakeTab } from '../tab.ts';

const ENTRIES = 32;

export const tlbTab: MakeTab = () => ({
  id: 'tlb',
  label: 'TLB and translator',
  request: () => ({ tlb: { entryCount: ENTRIES }, statistics: true }),
  show: ({ tlb, statistics }, before) => [
    statistics === undefined ? undefined : counts(statistics, before?.statistics),
    tlb?.map((bank, n) => bankView(bank, before?.tlb?.[n])),
  ],
});

function counts(now: CoreStatistics, before: CoreStatistics | undefined): Child {
  const values = (s: CoreStatistics): readonly (readonly [string, number])[] => [
    ['instructions', s.instructions],
    ['of them by translated code', s.translation.retired],
    ['instructions decoded', s.decoded],
    ['regions translated', s.translation.regions],
    ['regions dropped', s.translation.dropped],
    ['bytes of WebAssembly made', s.translation.bytes],
    ['TLB misses', s.tlbMisses],
    ['TLB flushes', s.tlbFlushes],
    ['pages of code dropped because they were written', s.invalidations],
    ['exceptions', s.exceptions],
    ['million instructions a second lately', s.instructionsPerSecond / 1e6],
  ];
  const was = before === undefined ? undefined : values(before);
  return table(
    'Counts since power-on',
    ['What', 'How many'],
    values(now).map(([what, value], n) => [what, marked(countText(value), was !== undefined && was[n]![1] !== value)]),
  );
}

function bankView(bank: TlbBank, before: TlbBank | undefined): Child {
  const known = new Set(before?.entries.map(({ linear, physical }) => `${linear} ${physical}`));
  return el(
    'details',
    { open: bank.inUse },
    el('summary', {}, `${bank.name}: ${bank.filledCount} of ${bank.entryCount}${bank.inUse ? ', in use' : ''}`),
    bank.entries.length === 0
      ? el('p', {}, 'Empty.')
      : table(
          `TLB, ${bank.name}`,
          ['Linear page', 'Physical page', 'Rights', 'Page'],
          bank.entries.map(({ linear, physical, writable, global, pageBytes }) => [
            marked(hex(linear, 8), before !== undefined && !known.has(`${linear} ${physical}`)),
            hex(physical, 8),
            `${writable ? 'store' : 'load'}${global ? ', global' : ''}`,
            sizeText(pageBytes),
          ]),
        ),
    bank.filledCount > bank.entries.length
      ? el('p', {}, `and ${bank.filledCount - bank.entries.length} more at higher addresses`)
      : undefined,
  );
}
