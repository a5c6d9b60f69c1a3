/**
 * Compares disassembler, core decoder and iced-x86 on random bytes: npm run disasm:compare -- [--seed N] [--count N] [--show N] [--core FILE]
 * `count` sequences for each of 16-, 32- and 64-bit code. Prints differences by kind; exits 1 when there are any that are not intended.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CoreDriver } from '../test/support/core-driver.ts';
import { Comparison, type Difference } from '../test/support/disasm-compare.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '1000000' },
    show: { type: 'string', default: '3' },
    core: { type: 'string', default: 'build/core.wasm' },
  },
});
const BATCH = 10_000;
const total = Number(values.count);
const seed = Number(values.seed);

const byKind = new Map<string, Difference[]>();
let differences = 0;
const driver = new CoreDriver(new WebAssembly.Module(readFileSync(values.core)));
const comparison = new Comparison(driver, (d) => {
  differences++;
  const name = (text: string) => text.replace(/^\d+ /, '').split(' ')[0]!;
  const key = `${d.what}: ${name(d.ours)} / ${name(d.theirs)} (${d.features})`;
  const list = byKind.get(key) ?? [];
  if (list.push(d) === 1) byKind.set(key, list);
});
for (let done = 0; done < total; done += BATCH) comparison.run(seed + done / BATCH, Math.min(BATCH, total - done));

for (const [key, list] of [...byKind].sort((a, b) => b[1].length - a[1].length)) {
  process.stdout.write(`${String(list.length).padStart(7)} ${key}\n`);
  for (const d of list.slice(0, Number(values.show)))
    process.stdout.write(`          ${d.mode}-bit ${d.code}: ${d.ours} | ${d.theirs}\n`);
}
for (const [reason, n] of comparison.intended) process.stdout.write(`intended, ${n} times: ${reason}\n`);
process.stdout.write(
  `${comparison.compared} sequences, ${comparison.valid} of them instructions, ${differences} differences that are not intended\n`,
);
process.exit(differences === 0 ? 0 : 1);
