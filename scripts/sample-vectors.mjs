#!/usr/bin/env node
/**
 * Makes a small vector file of a large one (docs/vectors.md): every Nth record, in order. test/vectors/sample.xv.gz was made
 * with --every 16. Usage: node scripts/sample-vectors.mjs IN.xv[.gz] OUT.xv.gz [--every N]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { main, SetupError } from './lib/run.mjs';

const HEADER_BYTES = 32;
const COUNT_OFFSET = 8;

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { every: { type: 'string', default: '16' } },
  });
  const [from, to] = positionals;
  const every = Number(values.every);
  if (to === undefined || !(every >= 1))
    throw new SetupError('usage: sample-vectors.mjs IN.xv[.gz] OUT.xv.gz [--every N]');
  const raw = readFileSync(from);
  const all = raw[0] === 0x1f && raw[1] === 0x8b ? gunzipSync(raw) : raw;
  if (all.toString('latin1', 0, 4) !== 'X86V') throw new SetupError(`${from} is no vector file`);
  const count = Number(all.readBigUInt64LE(COUNT_OFFSET));
  const header = Buffer.from(all.subarray(0, HEADER_BYTES));
  const taken = [header];
  let at = HEADER_BYTES;
  for (let index = 0; index < count; index++) {
    const length = all.readUInt16LE(at);
    if (index % every === 0) taken.push(all.subarray(at, at + length));
    at += length;
  }
  header.writeBigUInt64LE(BigInt(taken.length - 1), COUNT_OFFSET);
  const bytes = gzipSync(Buffer.concat(taken), { level: 9 });
  writeFileSync(to, bytes);
  process.stdout.write(`${taken.length - 1} of ${count} vectors, ${bytes.length} bytes\n`);
});
