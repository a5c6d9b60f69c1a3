#!/usr/bin/env node
/**
 * Boots the built guest kernel with our initramfs in this process, for a given number of instructions, and prints what the core
 * counted: records decoded, page walks, TLB flushes, units dropped, faults. Needs `npm run build`.
 * Usage: node scripts/core-statistics.mjs [--millions N] [--core FILE]
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { main } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const COUNTERS = {
  'records decoded': 'STAT_DECODED',
  'page walks': 'STAT_TLB_MISSES',
  'TLB flushes': 'STAT_FLUSHES',
  'units dropped': 'STAT_INVALIDATIONS',
  faults: 'STAT_FAULTS',
};
const RAM_BYTES = 512 << 20;
const POLL_MS = 5;

const compiled = (path) => import(pathToFileURL(join(PROJECT, 'dist', path)).href);

await main(async () => {
  const { values } = parseArgs({
    options: { millions: { type: 'string', default: '60' }, core: { type: 'string', default: 'build/core.wasm' } },
  });
  const { Machine } = await compiled('src/machine/machine.js');
  const { nodeHost } = await compiled('src/worker/node-host.js');
  const layout = await compiled('assembly/layout.js');
  const assets = JSON.parse(readFileSync(join(PROJECT, 'build/assets.json'), 'utf8'));
  const machine = new Machine({
    coreModule: new WebAssembly.Module(readFileSync(values.core)),
    ramBytes: RAM_BYTES,
    host: nodeHost(),
    boot: {
      kernel: readFileSync(assets.kernel),
      initrd: readFileSync(assets.initramfs),
      commandLine: 'console=ttyS0 quiet panic=-1',
    },
    consolePorts: [{ name: 'vivarium.agent', output: () => {} }],
  });
  const limit = Number(values.millions) * 1e6;
  // The agent waits for orders in the end: an idle guest counts as done too.
  const timer = setInterval(() => {
    if (machine.statistics().instructions >= limit || machine.isIdle) machine.stop();
  }, POLL_MS);
  try {
    await machine.run();
  } finally {
    clearInterval(timer);
  }
  const view = new DataView(machine.board.cpu.core.memory.buffer);
  process.stdout.write(`${String(machine.statistics().instructions).padStart(12)}  instructions\n`);
  for (const [what, name] of Object.entries(COUNTERS)) {
    const value = view.getBigUint64(layout.STATS + layout[name], true);
    process.stdout.write(`${String(value).padStart(12)}  ${what}\n`);
  }
});
