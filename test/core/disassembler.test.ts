import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { disassemble, type CodeMode } from '../../src/core/disassembler.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { Comparison, unreachableRows, type Difference } from '../support/disasm-compare.ts';

const CORE = new URL('../../build/core.wasm', import.meta.url);
const SEED = 20250;
const SEQUENCES = 4_000;

function text(code: string, mode: CodeMode, address = 0n): string {
  const { length, text } = disassemble(Uint8Array.from(Buffer.from(code.replaceAll(' ', ''), 'hex')), {
    mode,
    address,
  });
  return `${length}: ${text}`;
}

describe('disassembler', () => {
  test('memory operands show base, index, scale and signed displacement', () => {
    expect(text('f0 01 44 8b f0', 64)).toBe('5: lock add dword ptr [rbx + rcx*4 - 0x10], eax');
  });

  test('RIP-relative operands are shown as such', () => {
    expect(text('48 8b 05 10 00 00 00', 64)).toBe('7: mov rax, qword ptr [rip + 0x10]');
  });

  test('16-bit addresses have their own base and index pairs', () => {
    expect(text('8b 42 fe', 16)).toBe('3: mov ax, word ptr [bp + si - 0x2]');
  });

  test('a segment override is shown where it changes the segment', () => {
    expect([text('65 8b 00', 32), text('3e 8b 00', 32)]).toEqual([
      '3: mov eax, dword ptr gs:[eax]',
      '3: mov eax, dword ptr [eax]',
    ]);
  });

  test('branch targets are absolute and wrap at the operand size', () => {
    expect([text('eb fe', 64, 0x1000n), text('eb 10', 16, 0xfff8n)]).toEqual(['2: jmp 0x1000', '2: jmp 0xa']);
  });

  test('66 makes near branches of 64-bit mode 16-bit ones, as on AMD processors', () => {
    expect(text('66 e9 10 00 00 00', 64, 0x10000100n)).toBe('4: jmp 0x114');
  });

  test('REX.B makes 90 an exchange', () => {
    expect([text('90', 64), text('41 90', 64), text('f3 90', 64)]).toEqual(['1: nop', '2: xchg eax, r8d', '2: pause']);
  });

  test('a REX prefix counts only directly before the opcode', () => {
    expect(text('48 66 89 c8', 64)).toBe('4: mov ax, cx');
  });

  test('REP is shown before string instructions only', () => {
    expect([text('f3 a4', 64), text('f2 ae', 64), text('f3 c3', 64)]).toEqual([
      '2: rep movsb byte ptr [rdi], byte ptr [rsi]',
      '2: repne scasb byte ptr [rdi]',
      '2: ret',
    ]);
  });

  test('the immediate is masked to its operand', () => {
    expect([text('83 c0 ff', 64), text('6a ff', 64), text('b0 ff', 64)]).toEqual([
      '3: add eax, 0xffffffff',
      '2: push 0xffffffffffffffff',
      '2: mov al, 0xff',
    ]);
  });

  test('LOCK where it is not allowed is no instruction', () => {
    expect([text('f0 01 c8', 64), text('f0 8b 00', 64)]).toEqual(['1: (bad)', '1: (bad)']);
  });

  test('instructions of 16 bytes, and cut off ones, are no instructions', () => {
    const long = `${'66'.repeat(14)} 89 c8`;
    expect([text(long, 64), text(long.slice(2), 64), text('48 b8 00', 64), text('', 64)]).toEqual([
      '1: (bad)',
      '15: mov ax, cx',
      '1: (bad)',
      '1: (bad)',
    ]);
  });

  test('registers that are not there make no instruction', () => {
    expect([text('8e c8', 32), text('8c f0', 32), text('0f 22 c8', 32)]).toEqual(['1: (bad)', '1: (bad)', '1: (bad)']);
  });

  test('agrees with iced-x86 on seeded random bytes in every mode', () => {
    const differences: Difference[] = [];
    const comparison = new Comparison(undefined, (d) => differences.push(d));
    comparison.run(SEED, SEQUENCES);
    expect(differences).toEqual([]);
    expect(comparison.valid).toBeGreaterThan(SEQUENCES);
  });

  test.skipIf(!existsSync(CORE))("agrees with the core's decoder on seeded random bytes in every mode", () => {
    const differences: Difference[] = [];
    const driver = new CoreDriver(new WebAssembly.Module(readFileSync(CORE)));
    new Comparison(driver, (d) => differences.push(d)).run(SEED + 1, SEQUENCES);
    expect(differences).toEqual([]);
  });

  test('every row of the tables can be reached', () => {
    expect(unreachableRows(SEED).map((r) => `${r.name} ${r.opcode} ${r.operands}`)).toEqual([]);
  });
});
