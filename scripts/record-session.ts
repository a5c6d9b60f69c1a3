/**
 * `npm run session:record`: runs session files against a real Docker engine, and writes down what it answered where that is not
 * what they expect. docs/how-to/record-the-session.md says how to start it: it needs dockerd, docker and docker-registry, and
 * a network namespace with nothing but lo. FILE…: all of test/e2e/session when there is none.
 * npm run session:record -- [--check] [--docker PROGRAM] [--dockerd PROGRAM] [FILE…]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeBusyboxArchive } from '../test/support/session/busybox.ts';
import { differences } from '../test/support/session/compare.ts';
import { type Item, parseSession, printSession } from '../test/support/session/format.ts';
import { recordable, rerecord } from '../test/support/session/record.ts';
import { SessionShell } from '../test/support/session/shell.ts';
import { DockerRegistry } from '../test/support/docker-registry.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    docker: { type: 'string', default: 'docker' },
    dockerd: { type: 'string', default: 'dockerd' },
  },
});
const START_MS = 30_000;
const busyboxLayout = (JSON.parse(readFileSync('build/assets.json', 'utf8')) as { images: { busybox: string } }).images
  .busybox;

/** A dockerd with nothing in it, on a socket of its own, that needs no network. */
class Engine {
  readonly host: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, process: ChildProcess) {
    this.#folder = folder;
    this.#process = process;
    this.host = `unix://${join(folder, 'docker.sock')}`;
  }

  static async start(): Promise<Engine> {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-dockerd-'));
    const path = (name: string): string => join(folder, name);
    const log = openSync(path('log'), 'a');
    const words = ['-H', `unix://${path('docker.sock')}`, '--data-root', path('data'), '--exec-root', path('exec')];
    const quiet = ['--iptables=false', '--ip6tables=false', '--bridge=none', '--storage-driver', 'overlay2'];
    const child = spawn(values.dockerd, [...words, '--pidfile', path('pid'), ...quiet], {
      stdio: ['ignore', log, log],
    });
    const engine = new Engine(folder, child);
    const until = Date.now() + START_MS;
    while (!engine.#answers()) {
      if (Date.now() > until || child.exitCode !== null)
        throw new Error(`${values.dockerd} does not start: ${readFileSync(path('log'), 'utf8').slice(-2000)}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    return engine;
  }

  #answers(): boolean {
    try {
      execFileSync(values.docker, ['--host', this.host, 'version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill();
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Runs a file's steps; returns it as the engine would have it, and tells what was different. */
async function record(path: string, registry: string): Promise<{ items: Item[]; changed: number }> {
  const engine = await Engine.start();
  const shell = new SessionShell({
    viv: `${values.docker} --host ${engine.host}`,
    env: { REGISTRY: registry },
  });
  const bindings = new Map([
    ['busybox', writeBusyboxArchive(busyboxLayout, join(shell.folder, 'busybox.tar'))],
    ['registry', registry],
    ['work', shell.work],
  ]);
  const items: Item[] = [];
  let changed = 0;
  try {
    for (const item of parseSession(readFileSync(path, 'utf8'))) {
      if (typeof item === 'string' || item.deviation !== undefined) {
        items.push(item);
        continue;
      }
      const outcome = recordable(await shell.run(item.command));
      const before = new Map(bindings);
      const found = differences(item, outcome, before);
      items.push(rerecord(item, outcome, bindings));
      if (found.length === 0) continue;
      changed++;
      process.stdout.write(`${basename(path)}:${item.line}: ${item.command}\n${found.join('\n')}\n`);
    }
    await shell.run('viv rm -f $(viv ps -aq)');
  } finally {
    shell.close();
    await engine.stop();
  }
  return { items, changed };
}

if (Object.keys(networkInterfaces()).some((name) => name !== 'lo'))
  throw new Error('this starts a Docker engine: run it in a namespace of its own, with unshare --net --mount');
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const folder = resolve('test/e2e/session');
const files = positionals.length > 0 ? positionals : readdirSync(folder).map((name) => join(folder, name));
const registry = await DockerRegistry.start();
let total = 0;
try {
  for (const path of files.filter((name) => name.endsWith('.session'))) {
    const { items, changed } = await record(path, registry.host);
    if (!values.check) writeFileSync(path, printSession(items));
    total += changed;
  }
} finally {
  await registry.stop();
}
process.stdout.write(`${total} steps ${values.check ? 'differ' : 'changed'}\n`);
if (values.check && total > 0) process.exitCode = 1;
