/**
 * Images from and to Debian's docker-registry with the commands, as stock tools see them: skopeo and umoci make images and read
 * ours. Faults that need processes, kill -9 and a full disk, are here too. Needs the build.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DockerRegistry, PASSWORD, type RegistryKind, USER } from '../support/docker-registry.ts';
import { FakeRegistry } from '../support/fake-registry.ts';
import { LayoutBuilder, gzipLayer, sha256 } from '../support/image-builder.ts';
import { Random } from '../support/random.ts';
import { builtAssets } from '../support/sandbox.ts';
import { dir, file, tar } from '../support/tar-builder.ts';
import { type VivProcess, type VivResult, startViv, viv } from '../support/viv.ts';

/** Bytes that gzip makes nothing of. */
function incompressible(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  new Random(1).fill(bytes);
  return bytes;
}

let folder: string;
let home: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-e2e-registry-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  home = mkdtempSync(join(folder, 'home-'));
});

const environment = (): Record<string, string> => ({
  VIVARIUM_HOME: home,
  VIVARIUM_CONFIG: join(home, 'config'),
  DOCKER_CONFIG: join(home, 'docker'),
  VIVARIUM_STALL_SECONDS: '5',
});
const run = (...words: string[]): Promise<VivResult> => viv(words, { env: environment(), cwd: folder });
/** What it printed, when it ended well. */
async function out(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...words);
  expect([words.join(' '), status, stderr]).toEqual([words.join(' '), 0, stderr]);
  return stdout.toString();
}
/** Runs a stock tool; without blocking, since it may talk to a server of this process. */
const tool = async (command: string, ...words: string[]): Promise<string> =>
  (await promisify(execFile)(command, words, { cwd: folder })).stdout;
const NO_TLS = ['--src-tls-verify=false', '--dest-tls-verify=false'];

/** An image with two layers, one of them made by umoci. */
async function makeLayout(): Promise<string> {
  const path = join(folder, 'made');
  if (existsSync(path)) return path;
  await tool('umoci', 'init', '--layout', path);
  await tool('umoci', 'new', '--image', `${path}:v1`);
  writeFileSync(
    join(folder, 'layer.tar'),
    tar(
      dir('etc'),
      file('etc/motd', 'hello\n'),
      file(
        'big',
        Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) & 255),
      ),
    ),
  );
  await tool('umoci', 'raw', 'add-layer', '--image', `${path}:v1`, join(folder, 'layer.tar'));
  writeFileSync(join(folder, 'note'), 'a note\n');
  await tool('umoci', 'insert', '--rootless', '--image', `${path}:v1`, join(folder, 'note'), '/note');
  await tool('umoci', 'config', '--image', `${path}:v1`, '--config.cmd', '/bin/sh', '--config.label', 'made=here');
  return path;
}

describe('a registry', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await DockerRegistry.start();
    await tool('skopeo', 'copy', ...NO_TLS, `oci:${await makeLayout()}:v1`, `docker://${registry.host}/tool:v1`);
  });
  afterAll(() => registry.stop());
  const insecure = (): string[] => ['--insecure-registry', registry.host];
  const pull = (name = 'tool:v1'): Promise<string> => out('pull', ...insecure(), `${registry.host}/${name}`);

  test('gives an image by tag and by digest, once', async () => {
    const first = await pull();
    const digest = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(first)![1]!;

    expect(first).toMatch(
      new RegExp(
        `^v1: Pulling from tool\\nDigest: ${digest}\\nStatus: Downloaded newer image for ${registry.host}/tool:v1\\n${registry.host}/tool:v1\\n$`,
      ),
    );
    expect(await pull()).toMatch(/Status: Image is up to date/);
    expect(await pull(`tool@${digest}`)).toMatch(/Status: Image is up to date/);
    expect(digest).toBe(
      (
        JSON.parse(await tool('skopeo', 'inspect', '--tls-verify=false', `docker://${registry.host}/tool:v1`)) as {
          Digest: string;
        }
      ).Digest,
    );
    expect(await out('images', '--digests', '--format', '{{.Repository}} {{.Tag}} {{.Digest}}')).toBe(
      `${registry.host}/tool v1 ${digest}\n`,
    );
    expect(await out('doctor')).toMatch(/^ok: .* 1 images, 4 blobs/);
  });

  test('takes an image that skopeo, umoci and oci-image-tool read', async () => {
    await pull();
    await out('tag', `${registry.host}/tool:v1`, `${registry.host}/me/copy`);

    const pushed = await out('push', ...insecure(), `${registry.host}/me/copy`);

    const digest = /^latest: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed)![1];
    const inspected = JSON.parse(
      await tool('skopeo', 'inspect', '--tls-verify=false', `docker://${registry.host}/me/copy`),
    ) as { Digest: string; Labels: object };
    expect([inspected.Digest, inspected.Labels]).toEqual([digest, { made: 'here' }]);
    const layout = join(home, 'back');
    await tool('skopeo', 'copy', ...NO_TLS, `docker://${registry.host}/me/copy`, `oci:${layout}:latest`);
    await tool('umoci', 'unpack', '--rootless', '--image', `${layout}:latest`, join(home, 'bundle'));
    expect(readFileSync(join(home, 'bundle/rootfs/note'), 'utf8')).toBe('a note\n');
    await tool('oci-image-tool', 'validate', '--type', 'image', '--ref', 'name=latest', layout);
  });

  test("'s images lie in a store that is a valid layout to stock tools", async () => {
    await pull();

    const store = join(home, 'images');
    await tool('umoci', 'unpack', '--rootless', '--image', `${store}:${registry.host}/tool:v1`, join(home, 'unpacked'));

    expect(readFileSync(join(home, 'unpacked/rootfs/etc/motd'), 'utf8')).toBe('hello\n');
  });

  test('gives an image that is saved, loaded elsewhere, and read by skopeo', async () => {
    await pull();
    await out('tag', `${registry.host}/tool:v1`, 'mine:1');
    await out('save', '-o', join(home, 'saved.tar'), 'mine:1');
    const id = await out('images', '-q', '--no-trunc', 'mine');

    home = mkdtempSync(join(folder, 'home-'));
    const { stdout } = await viv(['load'], {
      env: environment(),
      input: readFileSync(
        join(
          home,
          '..',
          readdirSync(folder).find((name) => existsSync(join(folder, name, 'saved.tar')))!,
          'saved.tar',
        ),
      ),
    });

    expect(stdout.toString()).toBe('Loaded image: mine:1\n');
    expect(await out('images', '-q', '--no-trunc')).toBe(id);
  });

  test('gives an image that runs by its name, pulled when it is not there', async () => {
    const name = `${registry.host}/busybox:test`;
    await tool('skopeo', 'copy', ...NO_TLS, `oci:${builtAssets().images.busybox}`, `docker://${name}`);
    const env = { ...environment(), VIVARIUM_INSECURE_REGISTRIES: registry.host };

    const missing = await viv(['run', '--pull', 'never', name, 'true'], { env });
    const first = await viv(['run', name, 'echo', 'hello'], { env });

    expect([missing.status, missing.stderr]).toEqual([
      125,
      `viv: there is no image "${name}" here; get it with viv pull, or give a layout folder or an image archive (NOT_FOUND)\n`,
    ]);
    expect([first.status, first.stdout.toString()]).toEqual([0, 'hello\n']);
    expect(await out('images', '--format', '{{.Repository}}:{{.Tag}}')).toBe(`${name}\n`);
  });

  test('without TLS is not used unless it is named', async () => {
    const { status, stderr } = await run('pull', `${registry.host}/tool:v1`);

    expect([status, stderr]).toEqual([
      1,
      `viv: can't reach "${registry.host}": it does not speak TLS; if you trust it all the same, name it with --insecure-registry ${registry.host} (REGISTRY)\n`,
    ]);
  });

  test('that has no such image says so', async () => {
    const { status, stderr } = await run('pull', ...insecure(), `${registry.host}/nothere`);

    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^viv: \S+ has no image "nothere:latest"; check the name \(it says "MANIFEST_UNKNOWN: manifest unknown"\) \(NOT_FOUND\)\n$/,
      ),
    ]);
  });
});

describe.each<[string, RegistryKind]>([
  ['passwords', { auth: 'htpasswd' }],
  ['tokens', { auth: 'token' }],
  ['passwords, by TLS that nobody vouches for', { auth: 'htpasswd', tls: true }],
])('a registry that wants %s', (_, kind) => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await DockerRegistry.start(kind);
    await tool(
      'skopeo',
      'copy',
      ...NO_TLS,
      '--dest-creds',
      `${USER}:${PASSWORD}`,
      `oci:${await makeLayout()}:v1`,
      `docker://${registry.host}/tool:v1`,
    );
  });
  afterAll(() => registry.stop());
  const insecure = (): string[] => ['--insecure-registry', registry.host];
  const login = (password: string): Promise<VivResult> =>
    viv(['login', ...insecure(), '-u', USER, '--password-stdin', registry.host], {
      env: environment(),
      input: `${password}\n`,
    });

  test('lets in who logs in, and nobody else', async () => {
    const name = `${registry.host}/tool:v1`;
    const stranger = await run('pull', ...insecure(), name);
    const wrong = await login('wrong');
    const right = await login(PASSWORD);
    await out('pull', ...insecure(), name);
    await out('tag', name, `${registry.host}/mine`);
    await out('push', ...insecure(), `${registry.host}/mine`);
    const mode = statSync(join(home, 'config/auth.json')).mode & 0o777;
    const gone = await out('logout', registry.host);
    const after = await run('pull', ...insecure(), name);

    expect([stranger.status, wrong.status, right.status, after.status]).toEqual([1, 1, 0, 1]);
    expect(stranger.stderr).toMatch(/viv login 127\S+.* \(UNAUTHORIZED\)\n$/);
    expect(wrong.stderr).toMatch(/\(UNAUTHORIZED\)\n$/);
    expect([right.stdout.toString(), mode.toString(8), gone]).toEqual([
      'Login Succeeded\n',
      '600',
      `Removing login credentials for ${registry.host}\n`,
    ]);
  });

  test("lets in whom Docker's config.json knows", async () => {
    mkdirSync(join(home, 'docker'));
    const auth = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');
    writeFileSync(join(home, 'docker/config.json'), JSON.stringify({ auths: { [registry.host]: { auth } } }));

    await out('pull', ...insecure(), `${registry.host}/tool:v1`);
  });
});

describe('a process that is killed', () => {
  let registry: FakeRegistry;
  const LAYERS = [1, 2].map((seed) =>
    tar(
      file(
        'data',
        Uint8Array.from({ length: 400_000 }, (_, i) => (i * i * seed) & 255),
      ),
    ),
  );
  beforeEach(async () => {
    registry = await new FakeRegistry().start();
    const layout = new LayoutBuilder();
    registry.put('tool', 'v1', layout, layout.manifest(LAYERS.map((layer) => ({ tar: layer }))));
  });
  afterEach(() => registry.stop());
  const words = (): string[] => ['pull', '--insecure-registry', registry.host, `${registry.host}/tool:v1`];
  const start = (): VivProcess => startViv(words(), { env: environment() });

  /** Sends half of each layer, and then nothing more. */
  function stallLayers(): void {
    registry.script = (request, response) => {
      const bytes = LAYERS.find((layer) => request.url!.includes(sha256(layer)));
      if (bytes === undefined) return false;
      response.writeHead(200, { 'content-length': String(bytes.length) });
      response.write(bytes.subarray(0, 200_000));
      return true;
    };
  }
  const partials = (): number[] => {
    const ingest = join(home, 'images/ingest');
    return existsSync(ingest) ? readdirSync(ingest).map((name) => statSync(join(ingest, name)).size) : [];
  };
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  test('in the middle of a pull leaves a valid store, and the next pull goes on from there', async () => {
    stallLayers();
    const pulling = start();
    await until(() => partials().length === 2 && partials().every((size) => size === 200_000));
    pulling.child.kill('SIGKILL');
    await pulling.ended;
    const state = await out('doctor');
    registry.script = () => false;
    registry.seen.length = 0;

    await out(...words());

    expect(state).toMatch(/0 images, 0 blobs of 0B, 0 unused blobs, 2 interrupted downloads/);
    expect(LAYERS.map((layer) => registry.seen.find(({ path }) => path.includes(sha256(layer)))!.range)).toEqual([
      'bytes=200000-',
      'bytes=200000-',
    ]);
    expect(await out('doctor')).toMatch(/1 images, 4 blobs .* 0 unused blobs, 0 interrupted/);
    expect(readdirSync(join(home, 'images/claims'))).toEqual([]);
  });

  test('by Ctrl-C says nothing more, and leaves nothing behind but what came', async () => {
    stallLayers();
    const pulling = start();
    await until(() => partials().length === 2 && partials().every((size) => size === 200_000));
    pulling.child.kill('SIGINT');
    const { status, stderr } = await pulling.ended;

    expect([status, stderr]).toEqual([130, expect.not.stringContaining('viv:')]);
    expect(readdirSync(join(home, 'images/claims')).concat(readdirSync(join(home, 'images/leases')))).toEqual([]);
    expect(await out('doctor')).toMatch(/0 images, 0 blobs of 0B, 0 unused blobs, 2 interrupted downloads/);
  });

  test('while another waits for its download lets that one go on', async () => {
    stallLayers();
    const first = start();
    await until(() => partials().length === 2 && partials().every((size) => size === 200_000));
    const second = start();
    await new Promise((resolve) => setTimeout(resolve, 500));
    registry.script = () => false;

    first.child.kill('SIGKILL');
    const { status } = await second.ended;

    expect(status).toBe(0);
    expect(await out('doctor')).toMatch(/1 images, 4 blobs/);
  });

  test('at any moment of pulling, removing and collecting leaves a valid store', async () => {
    for (const delayMs of [150, 250, 300, 350, 400, 500]) {
      const shell = `"$0" -- "$1" ${words().join(' ')}; "$0" -- "$1" rmi ${registry.host}/tool:v1; "$0" -- "$1" system prune -a -f`;
      const { execPath } = process;
      const child = startShell(shell, [execPath, join(import.meta.dirname, '../../bin/viv.mjs')]);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      process.kill(-child.pid, 'SIGKILL');
      await child.ended;
      expect(await out('doctor')).toMatch(/^ok: /);
    }
    await out(...words());
    expect(await out('doctor')).toMatch(/1 images, 4 blobs .* 0 interrupted/);
  });

  test('is not waited for by twelve that tag at once', async () => {
    await out(...words());
    const tags = Array.from({ length: 12 }, (_, index) => `many:${index}`);

    const results = await Promise.all(tags.map((tag) => run('tag', `${registry.host}/tool:v1`, tag)));

    expect(results.map(({ status }) => status)).toEqual(tags.map(() => 0));
    expect((await out('images', '-q', 'many')).trim().split('\n')).toHaveLength(12);
  });

  test('not at all: two pulls of one image at once get each layer once', async () => {
    const results = await Promise.all([start().ended, start().ended]);

    expect(results.map(({ status }) => status)).toEqual([0, 0]);
    expect(LAYERS.map((layer) => registry.answers(sha256(layer)))).toEqual([['GET 200'], ['GET 200']]);
  });
});

/** A shell with its children in a group of their own. */
function startShell(script: string, words: string[]): { pid: number; ended: Promise<unknown> } {
  const child = spawn('sh', ['-c', script, ...words], {
    detached: true,
    stdio: 'ignore',
    env: { ...process.env, ...environment() },
  });
  return { pid: child.pid!, ended: new Promise((resolve) => child.once('close', resolve)) };
}

describe('a store', () => {
  let registry: FakeRegistry;
  const LAYER = tar(file('data', incompressible(900_000)));
  beforeEach(async () => {
    registry = await new FakeRegistry().start();
    const layout = new LayoutBuilder();
    registry.put('tool', 'v1', layout, layout.manifest([gzipLayer(LAYER)], { Cmd: ['sh'] }));
    registry.put('tool', 'arm', layout, layout.manifest([{ tar: LAYER }], {}, { os: 'linux', architecture: 'arm64' }));
  });
  afterEach(() => registry.stop());
  const pull = (tag = 'v1'): Promise<VivResult> =>
    run('pull', '--insecure-registry', registry.host, `${registry.host}/tool:${tag}`);

  test('with a damaged layer is found out, refuses to run it, and is mended by pulling', async () => {
    await pull();
    const digest = sha256(gzipLayer(LAYER).stored!);
    const path = join(home, 'images/blobs', digest.replace(':', '/'));
    const bytes = readFileSync(path);
    bytes[5000]! ^= 1;
    writeFileSync(path, bytes);

    const found = await run('doctor');
    const ran = await run('run', `${registry.host}/tool:v1`);
    const pulled = await pull();

    expect([found.status, found.stdout.toString()]).toEqual([
      1,
      expect.stringContaining(`blob ${digest} does not match its digest`),
    ]);
    expect([ran.status, ran.stderr]).toEqual([
      125,
      expect.stringMatching(/layer 1 .*\((?:DIGEST_MISMATCH|BAD_IMAGE)\)\n$/),
    ]);
    expect([pulled.status, (await run('doctor')).status]).toEqual([0, 0]);
  });

  test('that was repaired lacks what was damaged until it is pulled', async () => {
    await pull();
    writeFileSync(join(home, 'images/index.json'), '{');

    const listed = await run('images');
    const repaired = await run('doctor', '--repair');

    expect([listed.status, listed.stderr]).toEqual([
      1,
      expect.stringMatching(/index.json of .* is corrupt; run viv doctor --repair \(STORE\)\n$/),
    ]);
    expect(repaired.stdout.toString()).toMatch(/^repaired: the list of images made anew/);
    expect((await run('doctor')).status).toBe(0);
    expect((await pull()).status).toBe(0);
    expect(await out('images', '--format', '{{.Tag}}')).toBe('v1\n');
  });

  test('takes no image for another architecture', async () => {
    const { status, stderr } = await pull('arm');

    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(
        /is for linux\/arm64; vivarium runs linux\/amd64 and linux\/386 \(UNSUPPORTED_PLATFORM\)\n$/,
      ),
    ]);
    expect(await out('doctor')).toMatch(/0 images, 0 blobs/);
  });

  test.runIf(process.getuid?.() === 0)('on a full disk gives one clear error and stays valid', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'none', home]);
    try {
      const { status, stderr } = await pull();

      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(
          /viv: no space is left for ".*images"; free some, perhaps with viv system prune \(NO_SPACE\)\n$/,
        ),
      ]);
      expect(await out('doctor')).toMatch(/0 images, 0 blobs of 0B, 0 unused blobs, 0 interrupted/);
      execFileSync('mount', ['-o', 'remount,size=4m', home]);
      expect((await pull()).status).toBe(0);
    } finally {
      execFileSync('umount', [home]);
    }
  });
});
