/**
 * The same machine in Node and in a browser: programs of bench/guest in a container, in this process and in the benchmark page of the
 * built site in Chromium, one run here, one run there. What counts is the ratio of the two in each turn. The first run of each warms
 * up. The site takes Node's medians for its page.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { startComputer } from '../src/node-api.ts';
import { ComputerSession, BENCH_IMAGE, type Turn } from './programs/computer-session.ts';
import { PAGE_PROGRAMS, QUICK_PROGRAMS } from './programs/page-figures.ts';
import { geometricMean } from './programs/statistics.ts';
import { spread, type Figure, type Report } from './support/report.ts';
import { PROJECT_FOLDER } from './support/sides.ts';

/** How much longer the browser may take. */
const RATIO_MAX = 1.15;
/** Made by npm run build:site, which npm run bench has done before. */
const SITE = join(PROJECT_FOLDER, 'dist/site');
const FOLDER = join(PROJECT_FOLDER, 'build/bench');
const PAGE_FILE = 'browser-page.json';

interface Side {
  run(name: string): Promise<Turn>;
  close(): Promise<void>;
}

async function nodeSide(): Promise<Side> {
  const computer = await startComputer({ image: join(PROJECT_FOLDER, 'build/images', BENCH_IMAGE) });
  const session = await ComputerSession.start(computer);
  const programs = await session.list();
  const prepared = new Set<number>();
  return {
    run: async (name) => {
      const number = programs.findIndex((program) => program.name === name);
      if (!prepared.has(number)) await session.prepare(number);
      prepared.add(number);
      return session.run(number);
    },
    close: () => computer.close(),
  };
}

async function browserSide(): Promise<Side> {
  // No other workload needs a browser.
  const { startChromium } = await import('../test/support/chromium.ts');
  const { serveFolder } = await import('../test/support/static-server.ts');
  const server = await serveFolder(SITE, { isolated: true });
  const browser = await startChromium();
  const page = await browser.open(`${server.url}bench.html`);
  // Text, so that nothing of this module is looked for in the page.
  const call = (name: string): string => `document.querySelector('viv-bench').turn(${JSON.stringify(name)})`;
  return {
    run: (name) => page.evaluate<Turn>(call(name)),
    close: async () => {
      await browser.close();
      await server.close();
    },
  };
}

/** @param runs that count, of each program on each side. */
export async function browser(runs: number, isQuick = false): Promise<Report> {
  const names = isQuick ? QUICK_PROGRAMS : Object.keys(PAGE_PROGRAMS);
  const node = await nodeSide();
  try {
    const chromium = await browserSide();
    try {
      const turns = new Map<string, { node: Turn; chromium: Turn }[]>(names.map((name) => [name, []]));
      for (let n = 0; n <= runs; n++)
        for (const name of names)
          turns.get(name)!.push({ node: await node.run(name), chromium: await chromium.run(name) });
      return report(turns);
    } finally {
      await chromium.close();
    }
  } finally {
    await node.close();
  }
}

function report(turns: ReadonlyMap<string, readonly { readonly node: Turn; readonly chromium: Turn }[]>): Report {
  const medianMs: Record<string, number> = {};
  const figures: Figure[] = [];
  const ratios: number[][] = [];
  for (const [name, all] of turns) {
    const counted = all.slice(1);
    const [nodeMs, chromiumMs] = [
      counted.map(({ node }) => node.wallMs),
      counted.map(({ chromium }) => chromium.wallMs),
    ];
    medianMs[name] = spread(nodeMs).median;
    const ratio = chromiumMs.map((ms, n) => ms / nodeMs[n]!);
    ratios.push(ratio);
    figures.push(
      { name: `${name}, Node`, unit: 'ms', values: nodeMs },
      { name: `${name}, Chromium`, unit: 'ms', values: chromiumMs },
      { name: `${name}, Chromium / Node`, unit: 'times', values: ratio },
    );
  }
  const all = ratios[0]!.map((_, n) => geometricMean(ratios.map((ratio) => ratio[n]!)));
  figures.push({ name: 'Chromium / Node', unit: 'times', values: all, atMost: RATIO_MAX });
  mkdirSync(FOLDER, { recursive: true });
  const page = { version: process.version, processor: cpus()[0]?.model ?? 'an unknown processor', medianMs };
  writeFileSync(join(FOLDER, PAGE_FILE), `${JSON.stringify({ page }, null, 2)}\n`);
  return {
    workload: 'browser',
    figures,
    checks: [...turns].map(([name, runs]) => ({
      name: `${name} gives one checksum in Node and Chromium`,
      passed: new Set(runs.flatMap(({ node, chromium }) => [node.checksum, chromium.checksum])).size === 1,
    })),
    notes: [],
  };
}
