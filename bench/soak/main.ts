/**
 * Memory of the translator under a load like that of a compiler: a guest that makes new code and starts new copies of programs, for
 * as long as wanted. Writes build/soak/translator.json and .svg, and ends with 1 when a limit was passed.
 * Usage: main.js --initramfs FILE [--minutes N] [--module-cap MIB] [--memory-cap MIB]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { MODULE_BYTES_MAX } from '../../src/core/translator.ts';
import { Machine } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { CORE_PATH, guestFiles, PROJECT_FOLDER } from '../support/sides.ts';
import { plotSoak } from './plot.ts';
import { growth, judge, MIB, type Limits, type Sample } from './samples.ts';

const { values } = parseArgs({
  options: {
    initramfs: { type: 'string' },
    minutes: { type: 'string', default: '60' },
    'module-cap': { type: 'string' },
    'memory-cap': { type: 'string' },
  },
});
const minutes = Number(values.minutes);
if (values.initramfs === undefined || !(minutes > 0)) throw new Error('usage: main.js --initramfs FILE [--minutes N]');

const RAM_BYTES = 256 * MIB;
/** What the core needs below the guest's RAM: RAM_BASE of assembly/layout.ts. */
const CORE_BYTES = 128 * MIB;
/** The batches of a slice come before the cap is looked at. */
const MODULE_SLACK = 4 * MIB;
/** A byte of WebAssembly, and its machine code. */
const ENGINE_FACTOR = 6;
/** Everything else, and what waits for a collection. */
const PROCESS_BYTES = 300 * MIB;
const REGIONS_PER_BILLION = 1000;
const PAGE_BYTES = 4096;
const SAMPLE_MS = 2000;
const PROGRESS_SAMPLES = 15;
const COMMAND_LINE = 'console=ttyS0 panic=-1 quiet';

const mibOr = (text: string | undefined, bytes: number): number => (text === undefined ? bytes : Number(text) * MIB);
const limits: Limits = {
  liveModuleBytes: mibOr(values['module-cap'], MODULE_BYTES_MAX + MODULE_SLACK),
  residentBytes: mibOr(values['memory-cap'], RAM_BYTES + CORE_BYTES + ENGINE_FACTOR * MODULE_BYTES_MAX + PROCESS_BYTES),
  regionsPerBillion: REGIONS_PER_BILLION,
};

let rounds = 0;
let console = '';
/** Lines of the guest: rounds are counted, other lines shown. */
function take(bytes: Uint8Array): void {
  console += Buffer.from(bytes).toString('latin1');
  const lines = console.split('\n');
  console = lines.pop()!;
  for (const line of lines) {
    const round = /^round (\d+)/.exec(line);
    if (round === null) process.stdout.write(`guest: ${line.trimEnd()}\n`);
    else rounds = Number(round[1]);
  }
}

const machine = new Machine({
  coreModule: new WebAssembly.Module(readFileSync(CORE_PATH)),
  ramBytes: RAM_BYTES,
  host: nodeHost(),
  boot: {
    kernel: readFileSync(guestFiles().kernel),
    initrd: readFileSync(values.initramfs),
    commandLine: COMMAND_LINE,
  },
  com1: take,
});
// All of the machine's memory is there from the beginning, so that what grows is what this is about.
const memory = new Uint8Array(machine.board.cpu.core.memory.buffer);
for (let at = 0; at < memory.length; at += PAGE_BYTES) memory[at] = memory[at]!;
const startMs = performance.now();
function sample(): Sample {
  const { instructions, translation: t } = machine.statistics();
  const { rss, external, heapUsed } = process.memoryUsage();
  return {
    seconds: (performance.now() - startMs) / 1000,
    instructions,
    translated: t.retired,
    regions: t.regions,
    dropped: t.dropped,
    flushes: t.flushes,
    liveModuleBytes: t.liveModuleBytes,
    residentBytes: rss,
    externalBytes: external,
    heapBytes: heapUsed,
    rounds,
  };
}
const describe = (s: Sample): string =>
  `${(s.seconds / 60).toFixed(1)} min: ${s.regions} regions made, ${s.dropped} dropped, ${s.flushes} flushes, ${Math.round(s.liveModuleBytes / MIB)} MiB of modules, ${Math.round(s.residentBytes / MIB)} MiB in all, ${s.rounds} rounds, ${Math.round((100 * s.translated) / Math.max(1, s.instructions))} % translated`;

const samples: Sample[] = [];
const timer = setInterval(() => {
  const now = sample();
  samples.push(now);
  if (samples.length % PROGRESS_SAMPLES === 0) process.stdout.write(`${describe(now)}\n`);
  if (now.seconds >= minutes * 60) machine.stop();
}, SAMPLE_MS);
const exit = await machine.run();
clearInterval(timer);

const wrong = judge(samples, limits);
if (exit.kind !== 'stopped') wrong.unshift(`the guest ended by itself: ${exit.kind}`);
const folder = join(PROJECT_FOLDER, 'build/soak');
mkdirSync(folder, { recursive: true });
const record = { minutes, limits, growth: samples.length > 1 ? growth(samples) : undefined, wrong, samples };
writeFileSync(join(folder, 'translator.json'), `${JSON.stringify(record, null, 1)}\n`);
writeFileSync(join(folder, 'translator.svg'), plotSoak(samples, limits));
if (samples.length > 0) process.stdout.write(`${describe(samples.at(-1)!)}\n`);
for (const sentence of wrong) process.stdout.write(`FAILED: ${sentence}\n`);
process.stdout.write('build/soak/translator.json and .svg\n');
process.exitCode = wrong.length > 0 ? 1 : 0;
