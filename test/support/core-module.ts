/** The CPU core as the build left it; VIVARIUM_CORE names another. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const CORE_PATH =
  process.env['VIVARIUM_CORE'] ?? fileURLToPath(new URL('../../build/core.wasm', import.meta.url));

let compiled: WebAssembly.Module | undefined;

export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(CORE_PATH));
  return compiled;
}
