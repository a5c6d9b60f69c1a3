/** The CPU core as the build left it; VIVARIUM_CORE names another. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tier } from '../../src/core/translator.ts';

export const CORE_PATH =
  process.env['VIVARIUM_CORE'] ?? fileURLToPath(new URL('../../build/core.wasm', import.meta.url));

let compiled: WebAssembly.Module | undefined;

/** The tier that tests run on: VIVARIUM_TIER, or what machines have without being told. */
export function tierOfTests(): Tier {
  const tier = process.env['VIVARIUM_TIER'] ?? 'mixed';
  if (tier !== '0' && tier !== '1' && tier !== 'mixed')
    throw new Error(`VIVARIUM_TIER is ${tier}: there are 0, 1 and mixed`);
  return tier;
}

export function coreModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(CORE_PATH));
  return compiled;
}
