import { describe, expect, it } from 'vitest';
import { findKernelSymbols } from '../../../src/machine/inspect/kallsyms.ts';
import { buildKallsyms } from '../../support/kallsyms-builder.ts';

const BASE = 0xffff_ffff_8100_0000n;
const COUNT = 600;
const LONG = `x${'y'.repeat(200)}`;
const SYMBOLS = Array.from({ length: COUNT }, (_, n) => ({
  name: n === 7 ? 'do_syscall_64' : n === 300 ? LONG : `sys_call${n}`,
  offset: n * 0x20,
}));

describe("a kernel's symbol table", () => {
  it.each([
    ['as 6.1 had it first', {}],
    ['with the order of the names', { sequence: true }],
    ['with offsets that count back from the base', { percpu: true }],
  ])('is found and read: %s', (_, options) => {
    const symbols = findKernelSymbols(buildKallsyms(SYMBOLS, BASE, options))!;

    expect(symbols.count).toBe(COUNT);
    expect(symbols.named('do_syscall_64')).toBe(BASE + 0xe0n);
    expect([symbols.at(BASE + 0xe5n), symbols.at(BASE + BigInt(300 * 0x20))]).toEqual([
      { name: 'do_syscall_64', offset: 5 },
      { name: LONG, offset: 0 },
    ]);
  });

  it('names nothing before its first and far behind its last symbol', () => {
    const symbols = findKernelSymbols(buildKallsyms(SYMBOLS, BASE))!;

    expect([symbols.at(BASE - 1n), symbols.at(BASE + (1n << 32n)), symbols.named('main')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is none when any byte count in it does not fit', () => {
    const whole = buildKallsyms(SYMBOLS, BASE);
    const cut = [64, 2000, 5000, whole.length - 200].map((length) => findKernelSymbols(whole.slice(0, length)));
    const longer = whole.slice();
    longer[64 + 4 * COUNT + 16] = 255; // the first name's length

    expect([...cut, findKernelSymbols(longer)]).toEqual(new Array(5).fill(undefined));
  });

  it('is none in memory that merely has the digits', () => {
    const digits = [...'0123456789'].flatMap((digit) => [digit.charCodeAt(0), 0]);

    expect(
      findKernelSymbols(Uint8Array.from([...new Array<number>(4096).fill(0), ...digits, 0, 0, 0])),
    ).toBeUndefined();
    expect(findKernelSymbols(Uint8Array.from(digits))).toBeUndefined();
  });
});
