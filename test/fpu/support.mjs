// Compiles assembly/fpu/test-entry.ts in memory and instantiates it, for the unit tests and for
// scripts/fpu-compare.mjs.
import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { main } from 'assemblyscript/asc';

/** Size of a test record; its fields are those of test/fpu/native/oracle.c. */
export const RECORD_BYTES = 64;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OPTIONS = ['--runtime', 'stub', '--enable', 'simd', '-O3', '--noAssert'];

/** The library as a fresh WebAssembly instance, with the size of its binary. */
export async function compileFpu() {
  let binary;
  const { error, stderr } = await main(
    ['assembly/fpu/test-entry.ts', '--outFile', 'fpu.wasm', ...OPTIONS],
    {
      readFile: (name, base) => readFile(new URL(name, `file://${base === '.' ? ROOT : `${base}/`}`), 'utf8').catch(() => null),
      writeFile: (_name, contents) => {
        binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);
  const { instance } = await WebAssembly.instantiate(binary, { env: { abort: () => {} } });
  return { instance, bytes: binary.length };
}
