/** Found by the fuzzer: two accesses of a block whose displacements are more than 2 GiB apart share no look-up of a page. */
import { describe, expect, it } from 'vitest';
import { EXIT_HALT } from '../../assembly/layout.ts';
import type { Tier } from '../../src/core/translator.ts';
import { le } from '../support/little-endian.ts';
import { DATA, SystemMachine } from '../support/system-machine.ts';

const [LOW, HIGH] = [-0x49244711, 0x3ffab94a];
const ROUNDS = 3000;
const VALUE = 0x12345678;
// mov ecx, ROUNDS; loop: mov eax, [esi + LOW]; mov edx, [esi + HIGH]; dec ecx; jnz loop; hlt
const LOOP = [0x8b, 0x86, ...le(LOW >>> 0, 4), 0x8b, 0x96, ...le(HIGH, 4), 0x49, 0x75, 0xf1, 0xf4];
const PROGRAM = [0xb9, ...le(ROUNDS, 4), ...LOOP];

function run(tier: Tier): SystemMachine {
  const m = new SystemMachine('protected').set({ rsi: DATA - LOW, rdx: 0 }).code(PROGRAM);
  m.write(DATA, le(VALUE, 4));
  m.cpu.core.translator.setTier(tier);
  while (m.cpu.run(1000) !== EXIT_HALT);
  return m;
}

describe('a loop around two distant accesses', () => {
  it('reads the same on both tiers', () => {
    const [interpreted, translated] = [run('0'), run('1')];

    expect(translated.get('rax')).toBe(BigInt(VALUE));
    expect(translated.get('rdx')).toBe(interpreted.get('rdx'));
    expect(translated.cpu.instructionCount).toBe(interpreted.cpu.instructionCount);
    expect(translated.cpu.translationStatistics.retired).toBeGreaterThan(ROUNDS);
  });
});
