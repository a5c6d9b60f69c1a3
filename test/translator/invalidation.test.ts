/** INVLPG has translated code looked up again where it drops the page of code, and leaves it alone where it drops another page. */
import { describe, expect, it } from 'vitest';
import { EXIT_HALT, FETCH_ENTRIES, T_GENERATION } from '../../assembly/layout.ts';
import { le } from '../support/little-endian.ts';
import { CODE, SystemMachine } from '../support/system-machine.ts';

const PAGE = 4096;
const ROUNDS = 2000;
// mov ecx, ROUNDS; loop: invlpg [rbx]; call f; dec ecx; jnz loop; hlt; f: ret
const PROGRAM = [0xb9, ...le(ROUNDS, 4), 0x0f, 0x01, 0x3b, 0xe8, 5, 0, 0, 0, 0xff, 0xc9, 0x75, 0xf4, 0xf4, 0xc3];

/** How often all that was known of where code lies was dropped while the loop ran. */
function generations(address: number): number {
  const m = new SystemMachine().set({ rbx: address }).code(PROGRAM);
  m.cpu.core.translator.setTier('1');
  while (m.cpu.run(1000) !== EXIT_HALT);
  expect(m.get('rcx')).toBe(0n);
  expect(m.cpu.translationStatistics.retired).toBeGreaterThan(ROUNDS);
  return new DataView(m.cpu.core.memory.buffer).getUint32(T_GENERATION, true);
}

describe('INVLPG in a loop that is translated', () => {
  it('drops what is known of the page of code', () => {
    expect(generations(CODE)).toBeGreaterThan(ROUNDS);
  });
  it('keeps what is known when a page shares nothing with the code but its slot', () => {
    expect(generations(CODE + FETCH_ENTRIES * PAGE)).toBeLessThan(ROUNDS / 10);
  });
  it('keeps what is known when a page has a slot of its own', () => {
    expect(generations(CODE + PAGE)).toBeLessThan(ROUNDS / 10);
  });
});
