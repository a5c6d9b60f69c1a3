/** The shape of the compiled core that its speed hangs on: docs/adr/0001-staged-semantics.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import wabt from 'wabt';
import { functionSizes } from '../../scripts/lib/wasm-functions.mjs';
import { CORE_PATH } from '../support/core-module.ts';

/** V8 leaves much larger functions in its first tier for many seconds. */
const DISPATCH_BYTES_MAX = 250_000;

describe('the core', () => {
  it('has no function that is too large for the optimising compiler', () => {
    const sizes = functionSizes(readFileSync(CORE_PATH)).map(({ byteCount }) => byteCount);

    expect(sizes.length).toBeGreaterThan(100);
    expect(Math.max(...sizes)).toBeLessThan(DISPATCH_BYTES_MAX);
  });
});

describe('functionSizes', () => {
  it('gives index, name and size of what has a body, imports of every kind passed over', async () => {
    const { parseWat } = await wabt();
    const module = parseWat(
      'm.wat',
      `(module (import "a" "f" (func $f)) (import "a" "t" (table 1 2 funcref)) (import "a" "m" (memory 1))
        (import "a" "g" (global i32)) (func $one) (func $two (result i32) i32.const 1))`,
    );

    expect(functionSizes(module.toBinary({ write_debug_names: true }).buffer)).toEqual([
      { index: 1, name: 'one', byteCount: 2 },
      { index: 2, name: 'two', byteCount: 4 },
    ]);
  });
});
