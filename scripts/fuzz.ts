/**
 * `npm run fuzz`: random programs on both tiers in lockstep; what differs is shrunk and shown.
 * npm run fuzz -- [--kind NAME,…] [--seed N] [--instructions N] [--tier 1|mixed] [--show N] [--core FILE]
 * Instructions are those of each kind. Ends with status 1 when anything differs.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Tier } from '../src/core/translator.ts';
import { campaign } from '../test/support/fuzz/campaign.ts';
import { KINDS } from '../test/support/fuzz/kinds.ts';
import { Pair } from '../test/support/fuzz/lockstep.ts';

const { values } = parseArgs({
  options: {
    kind: { type: 'string' },
    seed: { type: 'string', default: '1' },
    instructions: { type: 'string', default: '1000000' },
    tier: { type: 'string' },
    show: { type: 'string', default: '1' },
    core: { type: 'string', default: process.env['VIVARIUM_CORE'] ?? 'build/core.wasm' },
  },
});
const names = values.kind?.split(',') ?? KINDS.map(({ name }) => name);
const unknown = names.filter((name) => !KINDS.some((kind) => kind.name === name));
if (unknown.length > 0) {
  process.stderr.write(`no kind ${unknown.join(', ')}: there are ${KINDS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
const options = {
  seed: Number(values.seed),
  instructions: Number(values.instructions),
  tier: values.tier as Tier | undefined,
  failuresMax: Number(values.show),
};
const pair = new Pair(new WebAssembly.Module(readFileSync(values.core)));

for (const kind of KINDS.filter(({ name }) => names.includes(name))) {
  const started = performance.now();
  const { instructions, translated, programs, failures } = campaign(pair, kind, options);
  for (const failure of failures) process.stdout.write(`DIFFERS ${failure}\n`);
  if (failures.length > 0) process.exitCode = 1;
  const percent = Math.round((100 * translated) / Math.max(1, instructions));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `${kind.name.padEnd(16)} ${String(instructions).padStart(9)} instructions of ${programs} programs, ${percent} % in translated code, ${failures.length} differ, ${seconds} s\n`,
  );
}
