/** Translated code can go at any time between runs, and nothing of the guest tells. */
import { describe, expect, it } from 'vitest';
import * as L from '../../assembly/layout.ts';
import { EXIT_HALT } from '../../assembly/layout.ts';
import type { Tier } from '../../src/core/translator.ts';
import { le } from '../support/little-endian.ts';
import { CODE, DATA, SystemMachine } from '../support/system-machine.ts';

// mov ecx, 5000; again: add eax, ecx; call over; dec ecx; jnz again; hlt; over: mov [DATA], eax; ret
const PROGRAM = [
  ...[0xb9, ...le(5000, 4)],
  ...[0x01, 0xc8, 0xe8, ...le(5, 4), 0xff, 0xc9, 0x75, 0xf5, 0xf4],
  ...[0x89, 0x04, 0x25, ...le(DATA, 4), 0xc3],
];
const BUDGET = 700;
/** A page that code was dropped from so often is left to the interpreter, and half as often is not. */
const REWRITTEN_OFTEN = 8;

function start(tier: Tier): SystemMachine {
  const m = new SystemMachine().set({ rax: 0 }).code(PROGRAM);
  m.cpu.core.translator.setTier(tier);
  return m;
}
const end = (m: SystemMachine) => ({
  count: m.cpu.instructionCount,
  flags: m.flags,
  registers: Array.from({ length: 16 }, (_, n) => m.cpu.getGpr(n)),
  data: m.read(DATA, 8),
});

describe('dropping all translated code', () => {
  it('after every slice changes nothing but the number of regions', () => {
    const interpreted = start('0');
    const translated = start('1');
    while (interpreted.cpu.run(BUDGET) !== EXIT_HALT);
    while (translated.cpu.run(BUDGET) !== EXIT_HALT) translated.cpu.core.exports.dropTranslations();

    expect(end(translated)).toEqual(end(interpreted));
    expect(translated.cpu.translationStatistics.flushes).toBeGreaterThan(10);
    expect(translated.cpu.translationStatistics.retired).toBeGreaterThan(10_000);
  });

  it('takes callees in again where control passes often', () => {
    const m = start('1');

    while (m.cpu.run(BUDGET) !== EXIT_HALT);

    const { exits, retired } = m.cpu.translationStatistics;
    expect(retired).toBeGreaterThan(29_000);
    expect(exits.jump + exits.indirect).toBeLessThan(1000);
  });

  it('while a region waits for its module lets it be made anew', () => {
    const m = start('1');
    m.cpu.core.translator.compilesAtOnce = false;
    // Code is written between the translation of the first slice's regions and the linking of their module.
    m.cpu.core.translator.onModule = () => {
      m.cpu.core.translator.onModule = undefined;
      m.write(CODE, PROGRAM);
    };

    while (m.cpu.run(BUDGET) !== EXIT_HALT);

    expect(m.cpu.translationStatistics.dropped).toBeGreaterThan(0);
    expect(m.cpu.translationStatistics.retired).toBeGreaterThan(10_000);
  });

  it('because its page was rewritten often is forgiven in time', () => {
    const m = new SystemMachine();
    m.cpu.core.translator.setTier('mixed');
    const block = new Uint8Array(m.cpu.core.memory.buffer);
    block[L.PAGE_DROPS + ((CODE >> 12) & (L.PAGE_DROPS_SIZE - 1))] = REWRITTEN_OFTEN;
    const retiredBy = (rounds: number): number => {
      m.code([0xb9, ...le(rounds, 4), 0xff, 0xc9, 0x75, 0xfc, 0xf4]); // mov ecx, rounds; dec ecx; jnz; hlt
      while (m.cpu.run(1_000_000) !== EXIT_HALT) m.cpu.core.translator.compilePending();
      return m.cpu.translationStatistics.retired;
    };

    expect(retiredBy(5_000_000)).toBe(0);
    expect(retiredBy(60_000_000)).toBeGreaterThan(1_000_000);
  });
});
