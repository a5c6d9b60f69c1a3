/** What `viv run` says to bad input: one sentence, status 125, and nothing left behind. Needs the build. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { gzipLayer, imageOf, LayoutBuilder } from '../support/image-builder.ts';
import { file, hardlink, tar } from '../support/tar-builder.ts';
import { startViv, VIV, viv, VivProcess, type VivResult } from '../support/viv.ts';

let folder: string;
let cache: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-bad-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  cache = mkdtempSync(join(folder, 'cache-'));
});

/** Runs an image whose layers would be unpacked into a cache of its own. */
function run(words: string[]): Promise<VivResult> {
  return viv(['run', ...words], { env: { VIVARIUM_CACHE: cache, VIVARIUM_HOME: cache }, cwd: folder });
}

/** Files below the cache, but for what is known about the guest's parts. */
function leftovers(): string[] {
  return readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'hashes.json')
    .map((entry) => entry.name);
}

const LAYER = tar(file('bin/sh', 'x'));
const LONG_LAYER = gzipLayer(tar(file('big', 'x'.repeat(1_000_000))));

function damaged(): Uint8Array {
  const layout = imageOf(gzipLayer(LAYER));
  const [path] = [...layout.files].find(([, bytes]) => bytes[0] === 0x1f)!;
  layout.put(path, gzipSync(tar(file('bin/sh', 'y'))));
  return layout.tar();
}

function forArchitecture(architecture: string): Uint8Array {
  const layout = new LayoutBuilder();
  return layout.root(layout.manifest([{ tar: LAYER }], {}, { os: 'linux', architecture })).tar();
}

test('a file of variables that is not there is told by viv, not by the Node that runs it', async () => {
  const { status, stderr } = await new VivProcess(VIV, ['run', '--env-file', 'none.list', 'busybox'], { cwd: folder })
    .ended;

  expect([status, stderr]).toEqual([125, expect.stringMatching(/^viv: .*none\.list.*\n$/)]);
});

test('a file for the ID is left behind with an ID or not at all, and one that is there stays', async () => {
  const path = join(cache, 'id');
  const words = ['--cidfile', path, '--pull', 'never', 'localhost:1/nosuch'];
  expect((await run(words)).status).toBe(125);
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, 'kept');
  expect((await run(words)).stderr).toContain('container ID file found');
  expect(readFileSync(path, 'utf8')).toBe('kept');
});

describe('an image', () => {
  test.each<[what: string, image: () => Uint8Array, code: string]>([
    ['that is a text', () => Buffer.from('not an image at all\n'.repeat(100)), 'BAD_IMAGE'],
    ['that is empty', () => new Uint8Array(0), 'BAD_IMAGE'],
    ['that is cut off', () => imageOf(LONG_LAYER).tar().subarray(0, 2000), 'BAD_IMAGE'],
    ['whose layer is not what its digest says', damaged, 'DIGEST_MISMATCH'],
    ['whose layer is not compressed as it says', () => imageOf({ tar: LAYER, type: 'tar+zstd' }).tar(), 'BAD_IMAGE'],
    ['for another architecture', () => forArchitecture('arm64'), 'UNSUPPORTED_PLATFORM'],
    ['with a path that leaves the root', () => imageOf(tar(file('../../escape', 'x'))).tar(), 'BAD_IMAGE'],
    [
      'with a hard link that leaves the root',
      () => imageOf(tar(hardlink('link', '../../etc/passwd'))).tar(),
      'BAD_IMAGE',
    ],
    ['that is a bomb', () => imageOf(gzipLayer(tar(file('zeros', new Uint8Array(100 << 20))))).tar(), 'LIMIT'],
  ])('%s is refused in one sentence', async (_, image, code) => {
    const path = join(folder, 'image.tar');
    writeFileSync(path, image());

    const { status, stdout, stderr } = await run([path, 'sh']);

    expect([status, stdout.length, leftovers()]).toEqual([125, 0, []]);
    expect(stderr).toMatch(new RegExp(`^viv: [^\\n]+ \\(${code}\\)\\n$`));
  });

  test('that is not there is named', async () => {
    const path = await run(['./nowhere.tar']);
    const name = await run(['--pull', 'never', 'nowhere']);
    expect([path.status, path.stderr, name.status, name.stderr]).toEqual([
      125,
      'viv: there is no image "./nowhere.tar"; give a layout folder or an image archive (NOT_FOUND)\n',
      125,
      'viv: there is no image "nowhere" here; get it with viv pull, or give a layout folder or an image archive (NOT_FOUND)\n',
    ]);
  });

  test('without a command of its own needs one', async () => {
    const path = join(folder, 'no-command.tar');
    writeFileSync(path, imageOf(LAYER).tar());
    const { status, stderr } = await run([path]);
    expect([status, stderr]).toEqual([
      125,
      'viv: the image does not say what to run; give a command after its name (USAGE)\n',
    ]);
  });

  test('that does not know the user says so', async () => {
    const { status, stderr } = await run(['-u', 'somebody', 'busybox', 'true']);
    expect([status, stderr]).toEqual([
      125,
      'viv: the image has no user "somebody" in /etc/passwd; give a number or a name that is there (NOT_FOUND)\n',
    ]);
  });
});

describe('an option', () => {
  test.each([
    [['--machine-memory', 'lots'], 'the memory size "lots" is no size; write one like 512M or 2G (USAGE)'],
    [
      ['--machine-memory', '16M'],
      '16 MiB of memory are too little for a guest; give it at least 64M (BAD_MEMORY_SIZE)',
    ],
    [
      ['--machine-memory', '4G'],
      "a machine can't have 4096 MiB of memory; choose between 16M and 3G (BAD_MEMORY_SIZE)",
    ],
    [['-v', 'data'], 'the volume "data" is not of the form HOST:GUEST[:ro] (USAGE)'],
    [['-v', 'data:/data'], 'the volume "data:/data" has no path on the host; write ./data for a folder here (USAGE)'],
    [['-v', './x:data'], 'the volume "./x:data" needs an absolute path in the container (USAGE)'],
    [['-v', './x:/data:rx'], 'the volume "./x:/data:rx" can be ro or rw, not "rx" (USAGE)'],
    [['-v', './x:/'], "a volume can't be the container's root (USAGE)"],
    [['-v', '.:/a', '-v', '.:/a/'], 'two volumes have the same place /a in the container (USAGE)'],
    [['-w', 'relative'], 'working directory "relative" is not an absolute path (USAGE)'],
    [['-e', '=x'], 'environment variable "=x" has no name; write NAME=value (USAGE)'],
    [['--hostname', 'a b'], 'the host name "a b" is none; use letters, digits, dots and dashes (USAGE)'],
    [['--platform', 'linux'], 'platform "linux" is not of the form os/architecture (USAGE)'],
  ])('%j is refused in one sentence', async (words, message) => {
    const { status, stdout, stderr } = await run([...words, 'busybox', 'true']);
    expect([status, stdout.length, stderr]).toEqual([125, 0, `viv: ${message}\n`]);
  });

  test('for a volume whose folder is not there names it', async () => {
    const { status, stderr } = await run(['-v', './no-such-folder:/data', 'busybox', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^viv: [^\n]*no-such-folder[^\n]* \(NOT_FOUND\)\n$/);
  });

  test('for a volume that is a file is refused', async () => {
    writeFileSync(join(folder, 'a-file'), '');
    const { status, stderr } = await run(['-v', './a-file:/data', 'busybox', 'true']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^viv: [^\n]*a-file[^\n]* \(USAGE\)\n$/);
  });

  test('that does not exist is refused', async () => {
    const { status } = await run(['--no-such-option', 'busybox', 'true']);
    expect(status).toBe(125);
  });
});

describe('the set-up', () => {
  test('is named when the CPU core is not built', async () => {
    const { status, stderr } = await viv(['run', 'busybox', 'true'], {
      env: { VIVARIUM_CORE: join(folder, 'no-core.wasm') },
    });
    expect(status).toBe(125);
    expect(stderr).toMatch(/^viv: the CPU core [^\n]* \(NOT_BUILT\)\n$/);
  });
});

describe('giving up', () => {
  test('while an image is being unpacked leaves nothing behind', async () => {
    const path = join(folder, 'large.tar');
    writeFileSync(path, imageOf(...manyLayers()).tar());
    const program = startViv(['run', path, 'sh'], { env: { VIVARIUM_CACHE: cache } });
    while (leftovers().length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    program.child.kill('SIGINT');

    const { status } = await program.ended;

    expect([status, leftovers()]).toEqual([130, []]);
  });
});

/** Takes long enough to unpack that a signal comes in between. */
function manyLayers(): ReturnType<typeof gzipLayer>[] {
  return Array.from({ length: 40 }, (_, index) => gzipLayer(tar(file(`f${index}`, String(index).repeat(4_000_000)))));
}
