/** The project's own labs as folders: what can be said of them without a machine. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LAB_IMAGES } from '../../src/cli/assets.ts';
import { MemoryLabFiles } from '../../src/lab/format/files.ts';
import type { Lab } from '../../src/lab/format/lab.ts';
import { describeMistake } from '../../src/lab/format/mistake.ts';
import { parseLab } from '../../src/lab/format/parse.ts';

const LABS = fileURLToPath(new URL('../../labs', import.meta.url));
const LANDING = readFileSync(new URL('../../web/index.html', import.meta.url), 'utf8');
const NAMES = readdirSync(LABS).sort();

function filesOf(name: string): ReadonlyMap<string, Uint8Array> {
  const folder = join(LABS, name);
  const paths = (readdirSync(folder, { recursive: true }) as string[]).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  return new Map(paths.map((path) => [path, readFileSync(join(folder, path))]));
}

async function parsed(name: string): Promise<Lab> {
  const { lab, mistakes } = await parseLab(new MemoryLabFiles(filesOf(name)));
  expect(mistakes.map(describeMistake)).toEqual([]);
  return lab!;
}

test('there are five', () => {
  expect(NAMES).toEqual(['containers', 'first-steps', 'paging', 'processes', 'system-call']);
});

describe.each(NAMES)('the lab %s', (name) => {
  test('has no mistake: no link that leads nowhere, no file that is missing', async () => {
    const { id } = await parsed(name);

    expect(id).toBe(name);
  });

  test('has five to eight steps, each with a check, a hint and a solution', async () => {
    const { steps } = await parsed(name);

    expect(steps.length).toBeGreaterThanOrEqual(5);
    expect(steps.length).toBeLessThanOrEqual(8);
    const incomplete = steps.filter(
      ({ check, hints, solution }) => check === undefined || hints.length === 0 || solution === undefined,
    );
    expect(incomplete.map(({ id }) => id)).toEqual([]);
  });

  test('says in each step what is to be done', async () => {
    const { steps } = await parsed(name);

    expect(steps.filter(({ text }) => !text.markdown.includes('**Your task:**')).map(({ id }) => id)).toEqual([]);
  });

  test('runs an image that the set-up makes, in a machine as the site has it booted already', async () => {
    const { machines } = await parsed(name);

    expect(machines.map(({ image }) => LAB_IMAGES.includes(image))).toEqual([true]);
    expect(machines.map(({ memoryBytes }) => memoryBytes)).toEqual([512 * 2 ** 20]);
  });

  test('uses each file of its folder', async () => {
    const { steps, files } = await parsed(name);
    const texts = steps.flatMap(({ text, hints }) => [text, ...hints].map(({ file }) => file));
    const placed = files.map(({ content }) => Buffer.from(content).toString('base64'));

    const unused = [...filesOf(name)].filter(
      ([path, content]) =>
        path !== 'lab.yaml' && !texts.includes(path) && !placed.includes(Buffer.from(content).toString('base64')),
    );

    expect(unused.map(([path]) => path)).toEqual([]);
  });

  test('is on the first page by its title and summary', async () => {
    const { title, summary } = await parsed(name);
    const words = LANDING.replace(/\s+/g, ' ');

    expect(words).toContain(`<a href="./lab.html?lab=labs/${name}/">${title}</a>`);
    expect(words).toContain(summary);
  });
});
