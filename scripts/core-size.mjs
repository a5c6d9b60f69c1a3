#!/usr/bin/env node
/**
 * Sizes of the core's functions in bytes, the largest first. The interpreter's dispatch is the one to watch: V8 leaves a
 * function that is too large in its first tier. Names need a build with `node scripts/build-core.mjs --names`.
 * Usage: node scripts/core-size.mjs [FILE] [--top N]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROJECT } from './lib/steps.mjs';
import { functionSizes } from './lib/wasm-functions.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { top: { type: 'string', default: '10' } },
});
const bytes = readFileSync(positionals[0] ?? join(PROJECT, 'build/core.wasm'));
const functions = functionSizes(bytes);
process.stdout.write(`${bytes.length} bytes, ${functions.length} functions\n`);
const largest = functions.toSorted((a, b) => b.byteCount - a.byteCount).slice(0, Number(values.top));
for (const { index, name, byteCount } of largest)
  process.stdout.write(`${String(byteCount).padStart(8)}  ${name ?? `function ${index}`}\n`);
