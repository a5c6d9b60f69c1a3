/**
 * What a user of Docker types, with what Docker answered to it (test/e2e/session, recorded from a real engine): `viv` answers the
 * same. A file is a test for each command, in order, in a VIVARIUM_HOME of its own; two files go on at a time. Needs the build
 * and docker-registry.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerRegistry } from '../support/docker-registry.ts';
import { builtAssets } from '../support/sandbox.ts';
import { writeBusyboxArchive } from '../support/session/busybox.ts';
import { differences } from '../support/session/compare.ts';
import { parseSession, type Step, steps } from '../support/session/format.ts';
import type { Bindings } from '../support/session/pattern.ts';
import { SessionShell } from '../support/session/shell.ts';
import { VIV } from '../support/viv.ts';

const FOLDER = fileURLToPath(new URL('session', import.meta.url));
/** A supervisor that has nothing left to do is gone by then. */
const END_MS = 10_000;
const LANES = 2;

interface Session {
  readonly name: string;
  readonly session: readonly Step[];
}

let registry: DockerRegistry;
beforeAll(async () => {
  registry = await DockerRegistry.start();
});
afterAll(() => registry.stop());

/** What goes on at the same time: the longest file first, each where there is least. */
function lanes(names: readonly string[]): Session[][] {
  const all: Session[][] = Array.from({ length: LANES }, () => []);
  const load = (lane: readonly Session[]): number => lane.reduce((sum, { session }) => sum + session.length, 0);
  const sessions = names.map((name) => ({
    name,
    session: steps(parseSession(readFileSync(join(FOLDER, name), 'utf8'))),
  }));
  for (const session of sessions.sort((a, b) => b.session.length - a.session.length))
    all.reduce((least, lane) => (load(lane) < load(least) ? lane : least)).push(session);
  return all;
}

/** Pods whose supervisor has not ended. */
function supervised(home: string): string[] {
  const pods = join(home, 'pods');
  const folders = existsSync(pods) ? readdirSync(pods) : [];
  return folders.filter((pod) => existsSync(join(pods, pod, 'supervisor.json')));
}

describe.concurrent.each(lanes(readdirSync(FOLDER)))('lane %#', (...lane) => {
  describe.sequential.each(lane)('$name', ({ session }) => {
    let shell: SessionShell;
    let bindings: Bindings;

    beforeAll(() => {
      shell = new SessionShell({
        viv: `'${process.execPath}' -- '${VIV}'`,
        env: { REGISTRY: registry.host, VIVARIUM_INSECURE_REGISTRIES: registry.host },
      });
      bindings = new Map([
        ['busybox', writeBusyboxArchive(builtAssets().images.busybox, join(shell.folder, 'busybox.tar'))],
        ['registry', registry.host],
        ['work', shell.work],
      ]);
    });
    afterAll(() => shell.close());

    test.each(session)('line $line: $command', async (step) => {
      expect(differences(step, await shell.run(step.command), bindings).join('\n')).toBe('');
    });

    test('its supervisors end with its containers', async () => {
      await shell.run('viv rm -f $(viv ps -aq)');
      await expect.poll(() => supervised(shell.home), { timeout: END_MS }).toEqual([]);
    });
  });
});
