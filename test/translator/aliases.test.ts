/** A page of code that is mapped twice, followed by different pages: what was found out at one address must not serve at the other. */
import { describe, expect, it } from 'vitest';
import { EXIT_HALT } from '../../assembly/layout.ts';
import type { Tier } from '../../src/core/translator.ts';
import { le } from '../support/little-endian.ts';
import { FRAMES, SystemMachine } from '../support/system-machine.ts';

const FIRST = 0x600000;
const SECOND = 0x700000;
const PAGE = 0x1000;
const ROUNDS = 3000;

/** mov rax, address; call rax */
const callTo = (address: number) => [0xb8, ...le(address, 4), 0xff, 0xd0];
// again: call the second address, the first, the second; dec ecx; jnz again; hlt
const CALLS = [...callTo(SECOND), ...callTo(FIRST), ...callTo(SECOND)];
const PROGRAM = [0xb9, ...le(ROUNDS, 4), ...CALLS, 0xff, 0xc9, 0x75, 0x100 - CALLS.length - 4, 0xf4];
/** inc edx; jmp to the next page */
const HEAD = [0xff, 0xc2, 0xe9, ...le(PAGE - 7, 4)];
/** add ebx, value; ret */
const tail = (value: number) => [0x81, 0xc3, ...le(value, 4), 0xc3];

function run(tier: Tier): SystemMachine {
  const m = new SystemMachine().set({ rbx: 0, rdx: 0 });
  m.pages.map(FIRST, FRAMES, '');
  m.pages.map(FIRST + PAGE, FRAMES + PAGE, '');
  m.pages.map(SECOND, FRAMES, '');
  m.pages.map(SECOND + PAGE, FRAMES + 2 * PAGE, '');
  m.write(FRAMES, HEAD)
    .write(FRAMES + PAGE, tail(1))
    .write(FRAMES + 2 * PAGE, tail(0x100));
  m.code(PROGRAM);
  m.cpu.core.translator.setTier(tier);
  while (m.cpu.run(100_000) !== EXIT_HALT);
  return m;
}

describe('a page at two addresses', () => {
  it.each<Tier>(['0', '1'])('goes on to the page that follows it there, on tier %s', (tier) => {
    const m = run(tier);

    expect(m.get('rdx')).toBe(BigInt(3 * ROUNDS));
    expect(m.get('rbx')).toBe(BigInt(ROUNDS * 0x201));
    if (tier === '1') expect(m.cpu.translationStatistics.retired).toBeGreaterThan(10 * ROUNDS);
  });
});
