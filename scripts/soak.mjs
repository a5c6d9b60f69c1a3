#!/usr/bin/env node
/**
 * `npm run soak`: what takes too long for `npm test`. Each load ends with a status; the first failure ends the soak. The
 * comparisons with QEMU and with whole native programs are commands of their own, as their peers differ in known ways.
 * Built-ins only. Usage: node scripts/soak.mjs [--seed N]
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.mjs';
import { main, SetupError } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

await main(async () => {
  const { values } = parseArgs({ options: { seed: { type: 'string', default: String(Date.now() % 1_000_000) } } });
  await bootstrap();
  const seed = ['--seed', values.seed];
  const loads = [
    [
      'decoder, disassembler and iced-x86 on 3 M random sequences',
      'build/isa/scripts/disasm-compare.js',
      ...seed,
      '--count',
      '3000000',
    ],
    [
      'soft float against this CPU, 1 M operands for each operation',
      'scripts/fpu-compare.mjs',
      ...seed,
      '--count',
      '1000000',
    ],
    [
      'random programs on both tiers, 10 M instructions of each kind',
      'build/isa/scripts/fuzz.js',
      ...seed,
      '--instructions',
      '10000000',
    ],
  ];
  process.stdout.write(`seed ${values.seed}\n`);
  for (const [what, ...words] of loads) {
    process.stdout.write(`\n== ${what}\n`);
    const { status } = spawnSync(process.execPath, words, { cwd: PROJECT, stdio: 'inherit' });
    if (status !== 0) throw new SetupError(`${what}: something differs (seed ${values.seed})`);
  }
});
