// Compiles assembly/fpu/test-entry.ts in memory and instantiates it, for the unit tests and for
// scripts/fpu-compare.mjs.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = 'assembly/fpu/test-entry.ts';
const OPTIONS = ['--runtime', 'stub', '--enable', 'simd', '-O3', '--noAssert'];

/** The exports of a fresh instance of the library's test entry. */
export async function compileFpu() {
  let binary;
  const { error, stderr } = await main([ENTRY, '--outFile', 'fpu.wasm', ...OPTIONS], {
    readFile: (name) => readFile(new URL(name, `file://${ROOT}`), 'utf8').catch(() => null),
    writeFile: (_name, contents) => {
      binary = contents;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(binary, {});
  return instance.exports;
}

/** Evaluates whole records: a copy of `records` with results and status replaced by ours. */
export function evaluateRecords(fpu, records) {
  const count = records.length / 64;
  const address = fpu.scratch(count);
  const window = new Uint8Array(fpu.memory.buffer, address, records.length);
  window.set(records);
  fpu.evaluate(address, count);
  return window.slice();
}
