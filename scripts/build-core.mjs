/**
 * Builds the CPU core: instruction tables → generated AssemblyScript → build/core.wasm.
 * Usage: node scripts/build-core.mjs [--text] (also writes build/core.wat).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const run = (args) => execFileSync(node, args, { cwd: root, stdio: 'inherit' });

mkdirSync(new URL('../build', import.meta.url), { recursive: true });
run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.isa.json']);
run(['build/isa/scripts/generate-isa.js', ...(process.argv.includes('--count') ? ['--count'] : [])]);
const out = process.env.CORE_OUT ?? 'build/core.wasm';
const options = [
  '-O3',
  '--noAssert',
  '--disableWarning',
  '201',
  '--disableWarning',
  '112',
  '--runtime',
  'stub',
  '--enable',
  'simd,bulk-memory',
  '--importMemory',
  '--exportTable',
  '--memoryBase',
  '65536',
];
const text = process.argv.includes('--text') ? ['-t', 'build/core.wat'] : [];
const names = process.argv.includes('--names') ? ['--debug'] : [];
run(['node_modules/assemblyscript/bin/asc.js', 'assembly/core.ts', ...options, ...names, '-o', out, ...text]);
