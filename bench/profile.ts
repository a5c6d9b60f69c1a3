/**
 * Which instruction forms a load executes, singly and in pairs: for deciding what is hot. Not a benchmark. Needs a core
 * that counts, built with CORE_OUT=build/core-count.wasm node scripts/build-core.mjs --count.
 *
 *   node dist/bench/profile.js [ROOTFS COMMAND…]    (without: the boot to the agent)
 */
import { readFileSync } from 'node:fs';
import { bootGuest, containerRunner } from './support/guest.ts';
import { guestFiles, PROJECT_FOLDER } from './support/sides.ts';

/** As scripts/generate-isa.ts writes it. */
interface FormList {
  readonly counters: number;
  readonly pairs: number;
  readonly forms: readonly { readonly number: number; readonly call: string; readonly hot: boolean }[];
}

const FORMS_MAX = 2048;
const SINGLE_LINES = 60;
const PAIR_LINES = 40;

const { counters, pairs, forms } = JSON.parse(readFileSync(`${PROJECT_FOLDER}/build/forms.json`, 'utf8')) as FormList;
const core = new WebAssembly.Module(readFileSync(`${PROJECT_FOLDER}/build/core-count.wasm`));
const [rootfs, ...command] = process.argv.slice(2);
const { machine, client } = await bootGuest(core, { ...guestFiles(), ...(rootfs === undefined ? {} : { rootfs }) });
const { buffer } = machine.board.cpu.core.memory;
const singleCounts = new BigUint64Array(buffer, counters, FORMS_MAX);
const pairCounts = new Uint32Array(buffer, pairs, FORMS_MAX * FORMS_MAX);
if (rootfs !== undefined) {
  const run = await containerRunner(client);
  singleCounts.fill(0n);
  pairCounts.fill(0);
  process.stdout.write((await run(command)).output);
}

const byNumber = new Map(forms.map((form) => [form.number, form]));
const nameOf = (n: number): string => byNumber.get(n)?.call.replace('Interp, ', '').replace('(i)', '') ?? `pseudo ${n}`;
const total = singleCounts.reduce((sum, count) => sum + Number(count), 0);
const share = (count: number): string => `${((100 * count) / total).toFixed(2).padStart(6)} %`;
const most = (counts: Iterable<number>, lines: number): [number, number][] =>
  [...counts]
    .map((count, n): [number, number] => [count, n])
    .filter(([count]) => count > total / 1e5)
    .sort((a, b) => b[0] - a[0])
    .slice(0, lines);

console.log(`${(total / 1e6).toFixed(1)} M records executed`);
for (const [count, n] of most(Array.from(singleCounts, Number), SINGLE_LINES))
  console.log(share(count), nameOf(n), byNumber.get(n)?.hot === false ? '(cold)' : '');
console.log('pairs');
for (const [count, n] of most(pairCounts, PAIR_LINES))
  console.log(share(count), nameOf(Math.floor(n / FORMS_MAX)), '→', nameOf(n % FORMS_MAX));
process.exit(0);
