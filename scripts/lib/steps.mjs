/**
 * Set-up steps that are skipped when nothing they depend on has changed: a step's stamp is the hash of its input
 * files, kept in build/stamps.json. Times are collected for a summary.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hashParts } from './cache.mjs';

export const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const STAMPS = join(PROJECT, 'build/stamps.json');
const times = [];

function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.name !== 'generated')
    .flatMap((entry) => filesUnder(join(path, entry.name)));
}

/** One hash of all files under the project's paths (folders or files), and of further strings. */
export function hashInputs(paths, facts = []) {
  const files = paths.flatMap((path) => filesUnder(join(PROJECT, path))).sort();
  return hashParts(...facts, ...files.flatMap((file) => [relative(PROJECT, file), readFileSync(file)]));
}

function readStamps() {
  return existsSync(STAMPS) ? JSON.parse(readFileSync(STAMPS, 'utf8')) : {};
}

/** Runs and times a step. */
export async function timed(name, body) {
  const started = performance.now();
  const result = await body();
  times.push({ name, ms: performance.now() - started });
  return result;
}

/** Runs body unless its inputs are as they were at its last success and its output is there. */
export async function stamped(name, { inputs, facts = [], output }, body) {
  await timed(name, async () => {
    const stamp = hashInputs(inputs, facts);
    if (readStamps()[name] === stamp && existsSync(join(PROJECT, output))) return;
    process.stderr.write(`${name} …\n`);
    await body();
    mkdirSync(dirname(STAMPS), { recursive: true });
    writeFileSync(STAMPS, `${JSON.stringify({ ...readStamps(), [name]: stamp }, null, 2)}\n`);
  });
}

/** "kernel 4:51, npm packages 12 s": the steps that took half a second or more, and the total. */
export function summary() {
  const total = times.reduce((sum, step) => sum + step.ms, 0);
  const seconds = (ms) =>
    ms < 60_000
      ? `${(ms / 1000).toFixed(1)} s`
      : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
  const long = times.filter((step) => step.ms >= 500).map((step) => `${step.name} ${seconds(step.ms)}`);
  return `set-up: ${seconds(total)}${long.length > 0 ? ` (${long.join(', ')})` : ''}`;
}
