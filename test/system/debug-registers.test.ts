import { expect, test } from 'vitest';
import { CpuFixture } from '../support/cpu-fixture.ts';

const HLT = 0xf4;
const MOV_DR7_RAX = [0x0f, 0x23, 0xf8];
const NOTE_BREAKPOINT = 5;

test('enabling a breakpoint in DR7 is noted, as it will not be reached', () => {
  const notes: [code: number, detail: number][] = [];
  const f = new CpuFixture(64, { note: (code, detail) => notes.push([code, detail]) });

  f.code([...MOV_DR7_RAX, HLT])
    .set({ rax: 0x401 })
    .run();

  expect(notes).toEqual([[NOTE_BREAKPOINT, 1]]);
});

test('clearing DR7 is not noted', () => {
  const notes: number[] = [];
  const f = new CpuFixture(64, { note: (code) => notes.push(code) });

  f.code([...MOV_DR7_RAX, HLT])
    .set({ rax: 0x400 })
    .run();

  expect(notes).toEqual([]);
  expect(f.cpu.isHalted).toBe(true);
});
