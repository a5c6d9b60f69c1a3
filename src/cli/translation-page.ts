/** The page that `--stats` prints. */
import type { TranslationStatistics } from '../worker/protocol.ts';

/** A page for people; `instructions` is what both tiers retired. */
export function describeTranslation(statistics: TranslationStatistics, instructions: number): string {
  const { exits } = statistics;
  const percent = instructions > 0 ? (100 * statistics.retired) / instructions : 0;
  const millions = (n: number): string => `${(n / 1e6).toFixed(1)} M`;
  const kib = (n: number): string => `${Math.round(n / 1024)} KiB`;
  const rows: readonly (readonly [name: string, value: string])[] = [
    ['instructions', `${millions(instructions)}, of them ${percent.toFixed(1)} % in translated code`],
    ['regions', `${statistics.regions} made, ${statistics.dropped} dropped, all dropped ${statistics.flushes} times`],
    [
      'code',
      `${statistics.blocks} blocks, ${statistics.instructions} instructions, ${kib(statistics.bytes)} of WebAssembly`,
    ],
    [
      'modules',
      `${statistics.modules}, ${kib(statistics.moduleBytes)}, ${kib(statistics.liveModuleBytes)} in use, compiled in ${statistics.compileMs.toFixed(0)} ms`,
    ],
    ['entered', `${statistics.entered} times from the interpreter, declined ${statistics.declined} times`],
    [
      'exits',
      `to jump ${exits.jump}, indirectly ${exits.indirect}, for one instruction ${exits.instruction}, after a function of the core ${exits.helper}, at the end of the budget ${exits.budget}`,
    ],
    ['looked up', `${statistics.lookups} times, ${statistics.untranslated} of them not translated`],
    ['TLB misses', String(statistics.tlbMisses)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(14)}${value}\n`).join('');
}
