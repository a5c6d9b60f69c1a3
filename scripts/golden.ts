/**
 * `npm run golden`: compares the code that the translator writes for each instruction form with test/golden/translator; with
 * --update writes these files anew. Needs a built core.
 * npm run golden -- [--update] [--core FILE]
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compare, goldenGroups, GoldenMaker, readGolden, writeGoldens } from '../test/support/golden/golden.ts';

const { values } = parseArgs({
  options: {
    update: { type: 'boolean', default: false },
    core: { type: 'string', default: process.env['VIVARIUM_CORE'] ?? 'build/core.wasm' },
  },
});
// Compiled to build/isa/scripts.
const folder = fileURLToPath(new URL('../../../test/golden/translator', import.meta.url));
const maker = await GoldenMaker.create(new WebAssembly.Module(readFileSync(values.core)));
if (values.update) writeGoldens(folder, maker);
else {
  const differences = [
    ...goldenGroups(folder)
      .filter((group) => !maker.groups.includes(group))
      .map((group) => `${group}: there is no such group any more`),
    ...maker.groups.flatMap((group) => compare(readGolden(folder, group), maker.listings(group))),
  ];
  for (const text of differences) process.stdout.write(`${text}\n`);
  process.stdout.write(`${differences.length} listings differ\n`);
  if (differences.length > 0) process.exitCode = 1;
}
