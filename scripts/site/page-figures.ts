/**
 * Makes bench.json, what the benchmark page compares with: the programs' checksums, from this processor, and how long they took in
 * Node, if `npm run bench -- browser` has measured that here. Node only.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_PROGRAMS, type PageFigures } from '../../bench/programs/page-figures.ts';
import { Session } from '../../bench/programs/session.ts';

export interface PageFiguresParts {
  /** The programs for amd64, and the busybox that they call: bench/guest/build.mjs. */
  readonly benchPath: string;
  readonly busyboxPath: string;
  /** What bench/browser.ts has written; may not be there. */
  readonly reportPath: string;
}

/** Rejects when a program does not run here. */
export async function makePageFigures({ benchPath, busyboxPath, reportPath }: PageFiguresParts): Promise<PageFigures> {
  return { checksums: await checksums(benchPath, busyboxPath), node: await nodeFigures(reportPath) };
}

async function checksums(benchPath: string, busyboxPath: string): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'vivarium-checksums-'));
  const { session } = await Session.start({
    command: benchPath,
    args: [busyboxPath, folder],
    timedBy: 'program',
  });
  try {
    const sums: Record<string, string> = {};
    for (const [number, { name }] of (await session.list()).entries()) {
      if (!(name in PAGE_PROGRAMS)) continue;
      await session.prepare(number);
      sums[name] = (await session.run(number)).checksum;
    }
    return sums;
  } finally {
    await session.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

async function nodeFigures(path: string): Promise<PageFigures['node']> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { page } = JSON.parse(text) as { readonly page?: PageFigures['node'] };
  return page;
}
