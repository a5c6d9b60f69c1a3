/** An instruction that crosses a page is part of a region, as long as the next page is what it was. */
import { describe, expect, it } from 'vitest';
import { EXIT_HALT } from '../../assembly/layout.ts';
import type { Tier } from '../../src/core/translator.ts';
import { le } from '../support/little-endian.ts';
import { CODE, SystemMachine } from '../support/system-machine.ts';

const PAGE = 0x1000;
const ROUNDS = 3000;
const LOOP_AT = PAGE - (CODE % PAGE) - 4;
const START = [...[0xb9, ...le(ROUNDS, 4)], ...[0xe9, ...le(LOOP_AT - 10, 4)]]; // mov ecx, ROUNDS; jmp loop
// loop: inc edx; add eax, 0x01010101, two bytes before the end of a page; dec ecx; jnz loop; hlt
const LOOP = [0xff, 0xc2, 0x05, ...le(0x01010101, 4), 0xff, 0xc9, 0x75, 0xf5, 0xf4];
const PROGRAM = [...START, ...new Array<number>(LOOP_AT - START.length).fill(0x90), ...LOOP];

function run(tier: Tier): SystemMachine {
  const m = new SystemMachine().set({ rax: 0 }).code(PROGRAM);
  m.cpu.core.translator.setTier(tier);
  while (m.cpu.run(1000) !== EXIT_HALT);
  return m;
}

describe('a loop around an instruction that crosses a page', () => {
  it('gives the same on both tiers, and stays in translated code', () => {
    const interpreted = run('0');
    const translated = run('1');

    const sum = BigInt(Math.imul(0x01010101, ROUNDS) >>> 0);
    expect([interpreted.cpu.getGpr(0), translated.cpu.getGpr(0)]).toEqual([sum, sum]);
    expect(translated.cpu.instructionCount).toBe(interpreted.cpu.instructionCount);
    expect(translated.cpu.translationStatistics.retired).toBeGreaterThan(3.5 * ROUNDS);
    expect(translated.cpu.translationStatistics.exits.instruction).toBeLessThan(100);
  });
});
