/**
 * What `npm pack` gives, as somebody has it who has nothing but Node: installed in an empty folder without a network, with an empty
 * home, and a PATH with nothing on it but node. Needs the build.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
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
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { readBundled } from '../../scripts/lib/bundled-packages.mjs';
import { currentNode } from '../../scripts/lib/current-node.mjs';
import type { ChunkedFileShape } from '../../src/devices/virtio/blk/chunked-file.ts';
import { parseStaticImage } from '../../src/oci/static/read.ts';
import { serveFolder } from '../support/static-server.ts';
import { VivProcess, type VivResult } from '../support/viv.ts';
import { parseManifest } from '../../web/site/manifest.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Minutes, because the guest is compressed once for each build of it. */
const PACK_TIMEOUT_MS = 900_000;
/** A compiler on a busy machine. */
const COMPILE_TIMEOUT_MS = 300_000;
const SIZE_MAX = 9_000_000;
/** The first site of labs takes a boot, and what pages fetch is compressed. */
const FIRST_SITE_TIMEOUT_MS = 300_000;
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
function start(command: string, words: readonly string[], { home = 'home', path = 'path' } = {}): VivProcess {
  const clean = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const env = { ...clean, PATH: join(folder, path), HOME: join(folder, home) } as unknown as Record<string, string>;
  return new VivProcess(command, words, { cwd: app, env, input: '' });
}
const startViv = (words: readonly string[], options?: { home?: string; path?: string }): VivProcess =>
  start(join(app, 'node_modules/.bin/viv'), words, options);
const viv = (words: readonly string[], options?: { home?: string; path?: string }): Promise<VivResult> =>
  startViv(words, options).ended;

describe('the package', () => {
  test('is small, and has what package.json promises', () => {
    const { bin, exports } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
      bin: { viv: string };
      exports: { '.': { types: string; default: string } };
    };
    const promised = [bin.viv, exports['.'].types, exports['.'].default].map((path) => path.replace(/^\.\//, ''));
    const pages = ['lab.html', 'embed.html', 'viv.js', 'service-worker.js'].map((name) => `build/package/site/${name}`);
    const files = [
      ...promised,
      ...pages,
      'LICENSE',
      'NOTICE.md',
      'build/package/NOTICES.txt',
      'images/kernel/x86_64.config',
    ];

    // The page that measures wants an image that is not here.
    expect(contents.filter((path) => path.endsWith('.map') || path.includes('bench.html'))).toEqual([]);
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
      ...[...readBundled('bundle', 'pages'), 'assemblyscript'].map((name) => `\n${name} `),
    ];
    const notices = read('NOTICES.txt');
    expect(texts.filter((text) => !notices.includes(text))).toEqual([]);
    expect(texts).toEqual(
      expect.arrayContaining(
        ['commander', 'sirv', 'lit', '@xterm/xterm', '@codemirror/view'].map((name) => `\n${name} `),
      ),
    );
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

    const { status, stdout, stderr } = await start(process.execPath, ['script.mjs']).ended;

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

/** Files of a site whose content is not as service-worker-files.js says. */
function wrongFiles(site: string): string[] {
  const [, json] = /files: (\{.*\}) \};/.exec(readFileSync(join(site, 'service-worker-files.js'), 'utf8'))!;
  const files = Object.entries(JSON.parse(json!) as Record<string, string>);
  return files.filter(([path, sha256]) => hashOf(readFileSync(join(site, path))) !== sha256).map(([path]) => path);
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hashes of a stored file's chunks, as they are and as its description says. */
function chunkHashes(path: string, { chunks }: ChunkedFileShape): { found: string[]; expected: string[] } {
  const bytes = readFileSync(path);
  let at = 0;
  const found = chunks.map(({ storedBytes }) => hashOf(bytes.subarray(at, (at += storedBytes))));
  return {
    found: [...found, `${bytes.length - at} bytes more`],
    expected: [...chunks.map(({ sha256 }) => sha256), '0 bytes more'],
  };
}

describe('a lab, with nothing but Node', () => {
  const [site, again] = ['site', 'site-again'];
  beforeAll(() => viv(['lab', 'new', 'first-steps']));

  test('passes its tests', async () => {
    const { status, stdout, stderr } = await viv(['lab', 'test', 'first-steps']);

    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.toString()).toContain('3 of 3 steps passed');
  });

  test(
    'becomes a site that has all it needs; what pages fetch is made once',
    async () => {
      const first = await viv(['lab', 'build', '-o', site, 'first-steps']);
      const second = await viv(['lab', 'build', '-o', again, 'first-steps']);

      const stdout = (out: string): Buffer =>
        Buffer.from(`First steps: lab.html?lab=labs/first-steps\nThe site is in ${out}.\n`);
      expect([first.status, first.stdout]).toEqual([0, stdout(site)]);
      expect(first.stderr).toMatch(
        /^viv: the machine is made ready for pages, which is done once …\n( {2}.+\n)+ {2}image busybox: .+ MiB of .+ MiB\n$/,
      );
      expect(second).toEqual({ status: 0, stdout: stdout(again), stderr: '' });
      const cache = readdirSync(join(folder, 'home/.cache/vivarium/site-assets'));
      expect(cache.filter((name) => name !== 'lock')).toHaveLength(1);
      const files = (name: string): string[] => (readdirSync(join(app, name), { recursive: true }) as string[]).sort();
      expect(files(site)).toEqual(files(again));
    },
    FIRST_SITE_TIMEOUT_MS,
  );

  test('is in that site as it was written, with a guest that has booted, its image, licences, and each file whole', () => {
    const place = join(app, site);
    const base = pathToFileURL(`${place}/`);
    const manifest = parseManifest(readFileSync(join(place, 'assets.json')), base);
    const busybox = manifest.images.get('busybox')!;
    const image = parseStaticImage(readFileSync(busybox), 'the image');
    const remote = [manifest.core, manifest.kernel, manifest.initramfs, manifest.snapshots[0]!.file];
    const stored = [
      ...remote.map((file) => chunkHashes(fileURLToPath(file.url), file)),
      ...image.layers.map((layer) => chunkHashes(fileURLToPath(new URL(layer.file, busybox)), layer)),
    ];

    expect(wrongFiles(place)).toEqual([]);
    expect(stored.map(({ found }) => found)).toEqual(stored.map(({ expected }) => expected));
    expect(manifest.snapshots.map(({ memoryBytes }) => memoryBytes)).toEqual([512 * 2 ** 20]);
    expect([...manifest.images.keys()]).toEqual(['busybox']);
    expect(image.execution.cmd).toEqual(['sh']);
    expect(readFileSync(join(place, 'labs/first-steps/lab.yaml'))).toEqual(
      readFileSync(join(app, 'first-steps/lab.yaml')),
    );
    expect(readFileSync(join(place, 'NOTICES.txt'), 'utf8')).toContain('GNU GENERAL PUBLIC LICENSE');
    expect(readFileSync(join(place, 'SOURCES.md'), 'utf8')).toContain('| kernel |');
  });

  test('is shown by any web server', async () => {
    const server = await serveFolder(join(app, site));
    onTestFinished(() => server.close());
    const fetched = async (path: string): Promise<string> => (await fetch(new URL(path, server.url))).text();

    const start = await fetched('');
    const [, address] = /http-equiv="refresh" content="0; url=([^"]+)"/.exec(start)!;
    const page = await fetched(address!);
    const [, script] = /<script type="module" [^>]*src="\.\/([^"]+)"/.exec(page)!;

    expect(page).toContain('<title>Lab: Vivarium</title>');
    expect(await fetched(script!)).toBe(readFileSync(join(app, site, script!), 'utf8'));
  });

  test('is served while it is written', async () => {
    const serving = startViv(['lab', 'serve', '--port', '0', 'first-steps']);
    await serving.printed('lab.html?lab=labs/first-steps\n');
    const [, url] = /^First steps: (\S+)\n/.exec(serving.output)!;

    const page = await fetch(url!);
    const assets = await fetch(new URL('assets.json', url));
    serving.child.kill('SIGINT');

    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('EventSource')]);
    expect(await assets.text()).toBe(readFileSync(join(app, site, 'assets.json'), 'utf8'));
    expect(await serving.ended).toMatchObject({ status: 130, stderr: '' });
  });

  test('that wants an image of our own labs is refused with what to do', async () => {
    await viv(['lab', 'new', 'other-image']);
    const file = join(app, 'other-image/lab.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('image: busybox', 'image: lab-shell'));

    const { status, stderr } = await viv(['lab', 'build', '-o', 'no-site', 'other-image']);

    expect([status, stderr]).toEqual([1, expect.stringContaining('the image lab-shell is not in the package; use')]);
    expect(existsSync(join(app, 'no-site'))).toBe(false);
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
