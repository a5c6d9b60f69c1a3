/** Records under several processes, and under some that are killed while they change them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ContainerStore } from '../../../src/container/lifecycle/node-container-store.ts';
import { bundleScript } from '../../support/bundled-script.ts';

const SCRIPT = fileURLToPath(new URL('../../support/record-script.ts', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-processes-'));
  await bundleScript(SCRIPT, folder, 'records');
});
afterAll(() => rmSync(folder, { recursive: true }));

function start(home: string, ...words: string[]): ChildProcess {
  return spawn(process.execPath, [join(folder, 'records.mjs'), home, ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
async function output(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  return text;
}

test('one of several processes gets a name, and the others are told', async () => {
  const home = join(folder, 'race');

  const results = await Promise.all(Array.from({ length: 6 }, () => output(start(home, 'create', 'web'))));

  const made = results.filter((text) => text.startsWith('made '));
  expect(made).toHaveLength(1);
  expect(results.filter((text) => text.startsWith('refused Conflict. The container name "/web"'))).toHaveLength(5);
  const store = new ContainerStore({ home });
  expect((await store.list()).containers.map(({ id, name }) => [id, name])).toEqual([
    [made[0]!.slice(5).trim(), 'web'],
  ]);
  expect(await store.tidy(false)).toEqual([]);
});

test(
  'whatever is killed in the middle, the next command finds valid records and nothing left over',
  { timeout: 120_000 },
  async () => {
    const home = join(folder, 'killed');
    const store = new ContainerStore({ home });
    const failures: unknown[] = [];
    for (let round = 0; round < 6; round++) {
      const children = [start(home, 'churn'), start(home, 'churn')];
      await Promise.all(children.map((child) => once(child.stdout!, 'data')));
      await new Promise((resolve) => setTimeout(resolve, 61 * round));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(children.map((child) => once(child, 'close')));

      await store.settle();

      const { containers, problems } = await store.list();
      failures.push(...problems, ...containers.filter(({ name, state }) => name === '' || state.status === 'running'));
    }

    expect(failures).toEqual([]);
    await store.tidy(true);
    expect(await store.tidy(false)).toEqual([]);
    for (const { id } of (await store.list()).containers) await store.remove(id);
    expect(
      ['containers', 'pods'].map((name) => readdirSync(join(home, name)).filter((file) => file !== 'names')),
    ).toEqual([[], []]);
    expect(readdirSync(join(home, 'containers', 'names'))).toEqual([]);
  },
);
