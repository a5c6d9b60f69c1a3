/** What random programs against an AMD processor found, and single-instruction vectors leave out. */
import { expect, test } from 'vitest';
import { CODE, READ_ONLY, UnitBench } from './unit-bench.ts';

const GENERAL_PROTECTION = 13;
const STACK_FAULT = 12;
const COMPATIBILITY = 1;
const TOP = 7 << 11;

test('SHLD and SHRD of 16 bits by more than 16 go on with the source', () => {
  const bench = new UnitBench([0x66, 0x0f, 0xa4, 0xd0, 20, 0x66, 0x0f, 0xac, 0xd3, 20]);
  bench.setGpr(0, 0x1234n);
  bench.setGpr(3, 0x1234n);
  bench.setGpr(2, 0xabcdn);

  bench.step(2);

  expect([bench.gpr(0), bench.gpr(3)]).toEqual([0xbcdan, 0xdabcn]);
});

test('EMMS leaves TOP at 0', () => {
  const bench = new UnitBench([0xd9, 0xf6, 0x0f, 0x77]); // FDECSTP, EMMS

  bench.step(2);

  expect(bench.fsw & TOP).toBe(0);
});

test('ARPL writes memory only when it raises the RPL', () => {
  const bench = new UnitBench([0x63, 0x07], COMPATIBILITY); // arpl [edi], ax
  bench.setGpr(7, BigInt(READ_ONLY));

  expect(bench.step()).toBeUndefined();
});

test('66 makes near branches of 64-bit mode take a 16-bit displacement', () => {
  const bench = new UnitBench([0x66, 0x0f, 0x80, 0x10, 0x00]); // jo, not taken

  bench.step();

  expect(bench.rip).toBe(CODE + 5);
});

test('REX.W does not widen far pointers', () => {
  const bench = new UnitBench([0x48, 0x0f, 0xb5, 0x07]); // lgs rax, [rdi]
  bench.write(0x20000000, [0x44, 0x33, 0x22, 0x81, 0, 0, 0, 0, 0x2b, 0]);
  bench.setGpr(0, -1n);

  bench.step();

  expect(bench.gpr(0)).toBe(0x81223344n);
});

test('an access across 4 GiB is beyond the limit of a flat segment', () => {
  const data = new UnitBench([0x8b, 0x07], COMPATIBILITY); // mov eax, [edi]
  data.setGpr(7, 0xfffffffdn);
  const stack = new UnitBench([0x58], COMPATIBILITY); // pop eax
  stack.setGpr(4, 0xfffffffdn);

  expect([data.step(), stack.step()]).toEqual([GENERAL_PROTECTION, STACK_FAULT]);
});
