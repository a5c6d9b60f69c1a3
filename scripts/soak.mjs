#!/usr/bin/env node
/**
 * `npm run soak`: what takes too long for `npm test`. Each load ends with a status; the first failure ends the soak. The
 * comparisons with QEMU and with whole native programs are commands of their own, as their peers differ in known ways.
 * Built-ins only.
 *
 *   npm run soak -- [load…] [--seed N] [--minutes N]
 *
 * A load is one of decoder, floats, fuzz, memory; --minutes is how long the last one runs.
 */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildSoakGuest } from '../bench/soak/build.mjs';
import { bootstrap } from './bootstrap.mjs';
import { main, SetupError } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const GUEST_FOLDER = 'build/soak';

/** Each: what it is, and what gives the script of Node's with its arguments. */
const LOADS = {
  decoder: [
    'decoder, disassembler and iced-x86 on 3 M random sequences',
    ({ seed }) => ['build/isa/scripts/disasm-compare.js', '--seed', seed, '--count', '3000000'],
  ],
  floats: [
    'soft float against this CPU, 1 M operands for each operation',
    ({ seed }) => ['scripts/fpu-compare.mjs', '--seed', seed, '--count', '1000000'],
  ],
  fuzz: [
    'random programs on both tiers, 10 M instructions of each kind',
    ({ seed }) => ['build/isa/scripts/fuzz.js', '--seed', seed, '--instructions', '10000000'],
  ],
  memory: [
    'memory of the translator under ever new code',
    ({ minutes }) => {
      const { initramfs } = JSON.parse(readFileSync(join(PROJECT, 'build/assets.json'), 'utf8'));
      const guest = buildSoakGuest(join(PROJECT, GUEST_FOLDER), join(dirname(initramfs), 'busybox'));
      return ['dist/bench/soak/main.js', '--initramfs', guest, '--minutes', minutes];
    },
  ],
};

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      minutes: { type: 'string', default: '60' },
    },
  });
  const unknown = positionals.filter((name) => !(name in LOADS));
  if (unknown.length > 0) throw new SetupError(`no load ${unknown[0]}: there are ${Object.keys(LOADS).join(', ')}`);
  if (!(Number(values.minutes) > 0)) throw new SetupError(`--minutes is a number above 0, not ${values.minutes}`);
  await bootstrap();
  process.stdout.write(`seed ${values.seed}\n`);
  for (const [name, [what, wordsFor]] of Object.entries(LOADS)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    process.stdout.write(`\n== ${what}\n`);
    const { status } = spawnSync(process.execPath, wordsFor(values), { cwd: PROJECT, stdio: 'inherit' });
    if (status !== 0) throw new SetupError(`${what}: failed (seed ${values.seed})`);
  }
});
