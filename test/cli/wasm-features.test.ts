import { expect, test } from 'vitest';
import { wasmFeatures } from '../../src/cli/wasm-features.ts';

test('a Node that runs these tests has all that we need, so each module that asks is valid', () => {
  expect(wasmFeatures()).toEqual({ SIMD: true, threads: true, 'tail calls': true });
});
