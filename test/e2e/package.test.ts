/**
 * What `npm pack` gives, as somebody has it who has nothing but Node: installed in an empty folder without a network, with an empty
 * home, and a PATH with nothing on it but node. Needs the build.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentNode } from '../../scripts/lib/current-node.mjs';
import { VivProcess, type VivResult } from '../support/viv.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Minutes, because the guest is compressed once for each build of it. */
const PACK_TIMEOUT_MS = 900_000;
/** A compiler on a busy machine. */
const COMPILE_TIMEOUT_MS = 300_000;
const SIZE_MAX = 9_000_000;
/** Nothing listens there. */
const NO_REGISTRY = 'http://127.0.0.1:9/';

const API_SCRIPT = `
import { createSandbox, findImage } from 'vivarium';
const sandbox = createSandbox();
const program = await sandbox.run({ image: findImage('busybox'), command: ['sh', '-c', 'echo from the guest; exit 3'] });
let out = '';
for await (const bytes of program.stdout) out += new TextDecoder().decode(bytes);
const { exitCode } = await program.exit;
await sandbox.close();
console.log(JSON.stringify({ out, exitCode }));
`;
const TYPED_SCRIPT = `
import { createSandbox, findImage, VivariumError, type RunOptions, type ProcessExit } from 'vivarium';
const options: RunOptions = { image: findImage('busybox'), command: ['true'] };
export async function run(): Promise<ProcessExit> {
  await using sandbox = createSandbox();
  const program = await sandbox.run(options);
  return program.exit;
}
export const code: string = new VivariumError('USAGE', 'x').code;
// @ts-expect-error: a command is a list
export const wrong: RunOptions = { image: 'busybox', command: 3 };
`;

let folder: string;
let app: string;
let tarball: string;
let contents: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-package-'));
  app = join(folder, 'app');
  for (const name of ['app', 'path', 'home', 'npm-cache']) mkdirSync(join(folder, name));
  symlinkSync(process.execPath, join(folder, 'path/node'));
  execFileSync('npm', ['pack', '--pack-destination', folder], { cwd: PROJECT, stdio: ['ignore', 'ignore', 'inherit'] });
  tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz'))!,
  );
  contents = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }');
  const install = ['install', '--offline', '--ignore-scripts', '--registry', NO_REGISTRY, tarball];
  execFileSync('npm', [...install, '--cache', join(folder, 'npm-cache')], { cwd: app, stdio: 'pipe' });
}, PACK_TIMEOUT_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With nothing of ours in the environment. */
function start(command: string, words: readonly string[], { home = 'home', path = 'path' } = {}): Promise<VivResult> {
  const clean = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const env = { ...clean, PATH: join(folder, path), HOME: join(folder, home) } as unknown as Record<string, string>;
  return new VivProcess(command, words, { cwd: app, env, input: '' }).ended;
}
const viv = (words: readonly string[], options?: { home?: string; path?: string }): Promise<VivResult> =>
  start(join(app, 'node_modules/.bin/viv'), words, options);

describe('the package', () => {
  test('is small, and has what package.json promises', () => {
    const { bin, exports } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
      bin: { viv: string };
      exports: { '.': { types: string; default: string } };
    };
    const promised = [bin.viv, exports['.'].types, exports['.'].default].map((path) => path.replace(/^\.\//, ''));
    const files = [...promised, 'LICENSE', 'NOTICE.md', 'build/package/NOTICES.txt', 'images/kernel/x86_64.config'];

    expect(contents).toEqual(expect.arrayContaining(files.map((path) => `package/${path}`)));
    expect(statSync(tarball).size).toBeLessThan(SIZE_MAX);
  });

  test('has no other package installed with it', () => {
    expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['vivarium']);
  });

  test('tells licences, and where the sources are of each program inside', () => {
    const read = (name: string): string => readFileSync(join(app, 'node_modules/vivarium/build/package', name), 'utf8');
    const { packages } = JSON.parse(read('guest.json')) as { packages: Record<string, string> };
    const sources = read('SOURCES.md');

    expect(Object.keys(packages).filter((name) => !sources.includes(`| ${name} |`))).toEqual([]);
    expect(sources).toMatch(
      /\| kernel \| linux-source-6\.1 \| linux \S+ \| <https:\/\/snapshot\.debian\.org\/package\/linux\/6/,
    );
    const texts = [
      ...[...Object.keys(packages), 'crun', 'musl-dev'].map((name) => `doc/${name}/copyright`),
      ...['linux 6.1', 'GNU GENERAL PUBLIC LICENSE', 'GNU LESSER GENERAL PUBLIC LICENSE'],
      ...['comlink', 'commander', 'tar-js', 'assemblyscript'].map((name) => `${name} `),
    ];
    const notices = read('NOTICES.txt');
    expect(texts.filter((text) => !notices.includes(text))).toEqual([]);
  });

  test('is not published by accident', () => {
    mkdirSync(join(folder, 'published'));
    copyFileSync(join(app, 'node_modules/vivarium/package.json'), join(folder, 'published/package.json'));
    const somebody = [
      '--loglevel',
      'error',
      '--fetch-retries',
      '0',
      '--registry',
      NO_REGISTRY,
      '--//127.0.0.1:9/:_authToken=none',
    ];
    const { status, stderr } = spawnSync('npm', ['publish', '--ignore-scripts', ...somebody], {
      cwd: join(folder, 'published'),
      encoding: 'utf8',
    });

    expect([status, stderr]).toEqual([1, expect.stringContaining('EPRIVATE')]);
  });
});

describe('with nothing but Node', () => {
  test('a command of the built-in image runs, and the booted guest is kept', async () => {
    expect(await viv(['run', '--rm', 'busybox', 'echo', 'hello'])).toEqual({
      status: 0,
      stdout: Buffer.from('hello\n'),
      stderr: '',
    });
    const cache = join(folder, 'home/.cache/vivarium');
    expect(readdirSync(join(cache, 'snapshots')).filter((name) => name.endsWith('.vivsnap'))).toHaveLength(1);
    expect(readdirSync(join(cache, 'package-guest'))).toHaveLength(1);
  });

  test('the library runs a command', async () => {
    writeFileSync(join(app, 'script.mjs'), API_SCRIPT);

    const { status, stdout, stderr } = await start(process.execPath, ['script.mjs']);

    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout.toString())).toEqual({ out: 'from the guest\n', exitCode: 3 });
  });

  test('versions and the state of this host are told', async () => {
    const version = await viv(['version', '--format', 'json']);
    const info = await viv(['info', '--format', '{{.KernelVersion}} {{.Images}} {{.Cache.Guest.Files}}']);

    expect(JSON.parse(version.stdout.toString())).toMatchObject({
      Version: '0.1.0',
      KernelVersion: expect.stringMatching(/^6\.1\./),
    });
    expect(info.stdout.toString()).toMatch(/^6\.1\.\S+ 0 7\n$/);
  });

  test('a guest that was damaged in the cache is found, and mended when asked', async () => {
    expect((await viv(['doctor'])).status).toBe(0);
    const unpacked = join(folder, 'home/.cache/vivarium/package-guest');
    const kernel = join(unpacked, readdirSync(unpacked)[0]!, 'vmlinux');
    const bytes = readFileSync(kernel);
    bytes[1000]! ^= 1;
    writeFileSync(kernel, bytes);

    const found = await viv(['doctor']);
    const repaired = await viv(['doctor', '--repair']);

    expect([found.status, found.stdout.toString()]).toEqual([
      1,
      expect.stringContaining(`problem: ${kernel} is corrupt; run viv doctor --repair\n`),
    ]);
    expect([repaired.status, repaired.stdout.toString()]).toEqual([0, expect.stringContaining('unpacked again')]);
    expect((await viv(['doctor'])).status).toBe(0);
  });

  test('a current Node does as well', async () => {
    mkdirSync(join(folder, 'current'));
    symlinkSync(currentNode(), join(folder, 'current/node'));

    const { status, stdout, stderr } = await viv(['run', '--rm', 'busybox', 'echo', 'hello'], {
      home: 'current-home',
      path: 'current',
    });

    expect([status, stdout.toString(), stderr]).toEqual([0, 'hello\n', '']);
  });
});

test(
  'a program in TypeScript compiles against the declarations',
  () => {
    writeFileSync(join(app, 'typed.ts'), TYPED_SCRIPT);
    const options = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'esnext,dom', '--strict', '--noEmit'];
    const types = ['--types', 'node', '--typeRoots', join(PROJECT, 'node_modules/@types')];

    const { status, stdout } = spawnSync(
      process.execPath,
      [join(PROJECT, 'node_modules/typescript/bin/tsc'), ...options, ...types, 'typed.ts'],
      { cwd: app, encoding: 'utf8' },
    );

    expect([stdout, status]).toEqual(['', 0]);
  },
  COMPILE_TIMEOUT_MS,
);
