import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { busyboxFiles } from '../../images/busybox/build.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { type NodeImageOptions, type OpenedImage, openNodeImage } from '../../src/oci/node-image.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import { buildLayout, writeOciArchive } from '../../src/oci/write-layout.ts';
import { fsckErofs } from '../support/erofs-image.ts';
import { LayoutBuilder, gzipLayer, imageOf, sha256 } from '../support/image-builder.ts';
import { textOf, view } from '../support/rootfs-view.ts';
import { dir, file, tar } from '../support/tar-builder.ts';
import { zstdStore } from '../support/zstd-builder.ts';

const LAYER = tar(file('a', 'x'), dir('b'), file('b/c', 'y'.repeat(3000)));
const DIFF_ID_HEX = sha256(LAYER).slice('sha256:'.length);
const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

let folder: string;
let cacheFolder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
  cacheFolder = join(folder, 'cache/layers');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function open(text: string, options: Partial<NodeImageOptions> = {}): Promise<OpenedImage> {
  return openNodeImage(text, { cacheFolder, ...options });
}

async function filesOf(text: string, options: Partial<NodeImageOptions> = {}): Promise<string[]> {
  const opened = await open(text, options);
  const loaded = await opened.loadLayers().finally(() => opened.close());
  const lines = view(loaded.rootfs);
  loaded.close();
  return lines;
}

function cached(): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.startsWith('cache/layers/'))
    .sort();
}

describe('an image given by path', () => {
  const expected = ['a=x', `b/`, `b/c=${'y'.repeat(3000)}`];

  test('may be a layout folder', async () => {
    await writeLayoutFolder(join(folder, 'layout'), imageOf(LAYER).files);

    expect(await filesOf(join(folder, 'layout'))).toEqual(expected);
  });

  test('may be an archive, plain, gzipped or with zstd, whatever its name', async () => {
    const archive = imageOf(LAYER).tar();

    expect(await filesOf(put('image.zip', archive))).toEqual(expected);
    expect(await filesOf(put('image', gzipSync(archive)))).toEqual(expected);
    expect(await filesOf(put('image.tar', zstdStore(archive)))).toEqual(expected);
  });

  test('may be followed by a name, and both may hold colons', async () => {
    const builder = new LayoutBuilder();
    builder
      .root(builder.manifest([{ tar: tar(file('one', '')) }]), 'localhost:5000/x:1')
      .root(builder.manifest([{ tar: tar(file('two', '')) }]), 'y');
    const path = put('a:b.tar', builder.tar());

    expect(await filesOf(`${path}:localhost:5000/x:1`)).toEqual(['one=']);
    expect(await filesOf(`${path}:y`)).toEqual(['two=']);
  });

  test('may be followed by a digest, whether index.json lists it or not', async () => {
    const builder = imageOf(LAYER);
    const hidden = builder.manifest([{ tar: tar(file('hidden', '')) }]).digest;
    const index = builder.index([builder.manifest([{ tar: tar(file('inner', '')) }])]).digest;
    const path = put('image', builder.tar());

    expect(await filesOf(`${path}:${hidden}`)).toEqual(['hidden=']);
    expect(await filesOf(`${path}:${index}`)).toEqual(['inner=']);
    await expect(filesOf(`${path}:${sha256(LAYER)}`)).rejects.toEqual(error('BAD_IMAGE', /not valid JSON/));
    await expect(filesOf(`${path}:${sha256(Buffer.from('none'))}`)).rejects.toEqual(error('NOT_FOUND', /has no blob/));
  });

  test('that is not there is not found', async () => {
    await expect(open(join(folder, 'none:latest'))).rejects.toEqual(
      error('NOT_FOUND', /there is no image ".*none:latest"/),
    );
  });

  test('that is something else is refused', async () => {
    await expect(open(put('text.tar', Buffer.from('hello')))).rejects.toEqual(
      error('BAD_IMAGE', /neither a layout folder nor a tar archive/),
    );
    await expect(open(put('empty', new Uint8Array(0)))).rejects.toEqual(
      error('BAD_IMAGE', /neither a layout folder nor a tar archive/),
    );
    await expect(open(folder)).rejects.toEqual(error('BAD_IMAGE', /is not an image/));
    await expect(open('/dev/zero')).rejects.toEqual(error('BAD_IMAGE', /not a regular file/));
  });

  test('that is a pipe is refused without waiting for its writer', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);

    await expect(open(join(folder, 'pipe'))).rejects.toEqual(error('BAD_IMAGE', /not a regular file/));
  });

  test('for a platform written wrongly is refused', async () => {
    await expect(open(put('image', imageOf(LAYER).tar()), { platform: 'i386' })).rejects.toEqual(
      error('USAGE', /not of the form os\/architecture/),
    );
  });
});

describe('the layer cache', () => {
  test("holds the layer's disk image under its diff id and nothing else", async () => {
    await filesOf(put('image', imageOf(gzipLayer(LAYER)).tar()));

    expect(cached()).toEqual(['cache/layers/sha256', `cache/layers/sha256/${DIFF_ID_HEX}.erofs`]);
  });

  test('serves a second run without the layer', async () => {
    const builder = imageOf(LAYER);
    await filesOf(put('image', builder.tar()));
    builder.files.delete(`blobs/sha256/${DIFF_ID_HEX}`);

    expect(await filesOf(put('image', builder.tar()))).toHaveLength(3);
  });

  test('is the same for the same layer, and sound', async () => {
    await filesOf(put('image', imageOf(gzipLayer(LAYER)).tar()));
    const path = join(cacheFolder, `sha256/${DIFF_ID_HEX}.erofs`);
    const first = readFileSync(path);
    rmSync(path);

    await filesOf(put('image', imageOf(LAYER).tar()));

    expect(readFileSync(path).equals(first)).toBe(true);
    expect(fsckErofs(first)).toBe('');
  });

  test('holds a layer that does not say what its directories are like for these layers below only', async () => {
    const upper = tar(file('b/new', 'n'));
    const other = tar(dir('b', { mode: 0o700 }));
    const chainOf = (lower: Uint8Array): string =>
      sha256(Buffer.from(`${sha256(lower)} ${sha256(upper)}`)).replace('sha256:', 'cache/layers/sha256/');

    expect(await filesOf(put('image', imageOf(LAYER, upper).tar()))).toContain('b/new=n');
    await filesOf(put('other', imageOf(other, upper).tar()));

    expect(cached()).toEqual(
      [
        'cache/layers/sha256',
        `cache/layers/sha256/${DIFF_ID_HEX}.erofs`,
        `cache/layers/${sha256(other).replace(':', '/')}.erofs`,
        `${chainOf(LAYER)}.chain.erofs`,
        `${chainOf(other)}.chain.erofs`,
      ].sort(),
    );
  });

  test('replaces a file that is damaged', async () => {
    const image = put('image', imageOf(LAYER).tar());
    const expected = await filesOf(image);
    const path = join(cacheFolder, `sha256/${DIFF_ID_HEX}.erofs`);
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, 5000));

    expect(await filesOf(image)).toEqual(expected);
    expect(readFileSync(path).equals(whole)).toBe(true);
  });

  test('serves two commands that start at once', async () => {
    const image = put('image', imageOf(gzipLayer(LAYER)).tar());

    const [first, second] = await Promise.all([filesOf(image), filesOf(image)]);

    expect(second).toEqual(first);
    expect(cached()).toHaveLength(2);
  });

  test('keeps nothing of a layer whose digest does not match', async () => {
    const path = put('image', imageOf({ tar: LAYER, diffId: sha256(Buffer.from('other')) }).tar());

    await expect(filesOf(path)).rejects.toEqual(error('DIGEST_MISMATCH', /does not match/));
    expect(cached()).toEqual([]);
  });

  test('keeps nothing of an archive that expands over the limit', async () => {
    const path = put('image', gzipSync(imageOf(LAYER).tar()));

    await expect(filesOf(path, { limits: { archiveBytes: 2000 } })).rejects.toEqual(
      error('LIMIT', /expands to more than/),
    );
    expect(cached()).toEqual([]);
  });

  test('keeps nothing of a compressed archive that is cut off', async () => {
    const bytes = gzipSync(imageOf(LAYER).tar());

    await expect(filesOf(put('image', bytes.subarray(0, bytes.length - 20)))).rejects.toEqual(
      error('BAD_IMAGE', /truncated or corrupt/),
    );
    expect(cached()).toEqual([]);
  });

  test('keeps nothing when the user stops it', async () => {
    const stop = new AbortController();
    const opened = await open(put('image', imageOf(LAYER).tar()), { signal: stop.signal });

    const loading = opened.loadLayers({ onLayer: () => stop.abort(new Error('stopped')) });

    await expect(loading).rejects.toThrow('stopped');
    opened.close();
    expect(cached()).toEqual([]);
  });

  test('that can not be written is an error that names it', async () => {
    put('cache', Buffer.from('a file'));

    await expect(filesOf(put('image', imageOf(LAYER).tar()))).rejects.toEqual(
      error('NOT_FOUND', /can't write to the layer cache ".*cache\/layers"/),
    );
  });

  test('gives files that are read from disk at any offset', async () => {
    const opened = await open(put('image', imageOf(LAYER).tar()));
    const loaded = await opened.loadLayers();
    opened.close();

    const inode = loaded.rootfs.lookup('b/c');

    expect(inode).toMatchObject({ kind: 'file', content: { size: 3000 } });
    expect(inode?.kind === 'file' && Buffer.from(inode.content.readSync(2998, 100)).toString()).toBe('yy');
    loaded.close();
  });
});

describe('a gzip layer with something behind it', () => {
  const withTail = (tail: Uint8Array): Uint8Array =>
    imageOf({ tar: LAYER, stored: Buffer.concat([gzipSync(LAYER), tail]), type: 'tar+gzip' }).tar();

  test('is read when that is zeros, as on padded media', async () => {
    expect(await filesOf(put('image', withTail(new Uint8Array(1000))))).toHaveLength(3);
  });

  test('is checked against its digest to the end all the same', async () => {
    const builder = imageOf({
      tar: LAYER,
      stored: Buffer.concat([gzipSync(LAYER), new Uint8Array(1_000_000)]),
      type: 'tar+gzip',
    });
    const blob = [...builder.files.values()].find((bytes) => bytes.length > 1_000_000)!;
    blob[blob.length - 1] = 1;

    await expect(filesOf(put('image', builder.tar()))).rejects.toEqual(
      error('DIGEST_MISMATCH', /layer 1 .* does not match its digest/),
    );
  });

  test('is refused when that is not zeros', async () => {
    await expect(filesOf(put('image', withTail(Buffer.from('junk'))))).rejects.toEqual(
      error('BAD_IMAGE', /not valid gzip/),
    );
  });
});

describe('a layout folder', () => {
  test('with a blob that links elsewhere gives nothing away', async () => {
    await writeLayoutFolder(join(folder, 'layout'), imageOf(LAYER).files);
    const blob = join(folder, 'layout/blobs/sha256', DIFF_ID_HEX);
    rmSync(blob);
    symlinkSync('/etc/passwd', blob);

    await expect(filesOf(join(folder, 'layout'))).rejects.toEqual(
      error('BAD_IMAGE', /where its descriptor states|longer than/),
    );
  });

  test('replaces an older one as a whole', async () => {
    mkdirSync(join(folder, 'layout'));
    put('layout/old', Buffer.from('x'));

    await writeLayoutFolder(join(folder, 'layout'), imageOf(LAYER).files);

    expect(readdirSync(join(folder, 'layout')).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    expect(readdirSync(folder)).toEqual(['layout']);
  });
});

describe('a layout that we write', () => {
  const recipe = {
    files: busyboxFiles(Buffer.from('program'), ['bin/sh', 'bin/busybox', 'linuxrc', 'usr/bin/awk']),
    platform: { os: 'linux', architecture: 'amd64' },
    execution: {
      cmd: ['sh'],
      env: ['A=1'],
      labels: new Map([['l', 'v']]),
      user: 'root',
      workingDir: '/root',
      entrypoint: ['e'],
      stopSignal: 'SIGHUP',
    },
    reference: 'latest',
  };

  test('is read back as it was meant', async () => {
    const opened = await open(put('image', writeOciArchive(await buildLayout(recipe, nodeCodec))));
    const loaded = await opened.loadLayers();
    const { rootfs } = loaded;

    expect(opened.image.reference).toBe('latest');
    expect(opened.image.config.execution).toMatchObject(recipe.execution);
    expect(textOf(rootfs.lookup('bin/sh'))).toBe('program');
    expect(rootfs.lookup('usr/bin/awk')!.identity).toBe(rootfs.lookup('bin/busybox')!.identity);
    expect(rootfs.lookup('linuxrc')).toBeUndefined();
    expect(rootfs.lookup('tmp')!.attributes.mode).toBe(0o1777);
    expect(textOf(rootfs.lookup('etc/passwd'))).toMatch(/^root:x:0:0:/);
    opened.close();
    loaded.close();
  });

  test('has the files of each of its layers, those above in place of those below', async () => {
    const note = (path: string, text: string) => ({
      path,
      type: 'file' as const,
      mode: 0o644,
      content: Buffer.from(text),
    });
    const layered = {
      ...recipe,
      files: [note('etc/passwd', 'mine'), note('new', 'above')],
      below: [recipe.files, [note('new', 'below'), note('middle', 'middle')]],
    };

    const opened = await open(put('image', writeOciArchive(await buildLayout(layered, nodeCodec))));
    const loaded = await opened.loadLayers();
    const { rootfs } = loaded;

    const texts = ['bin/sh', 'etc/passwd', 'middle', 'new'].map((path) => textOf(rootfs.lookup(path)));
    expect(texts).toEqual(['program', 'mine', 'middle', 'above']);
    opened.close();
    loaded.close();
  });

  test('is the same for the same input', async () => {
    expect(writeOciArchive(await buildLayout(recipe, nodeCodec))).toEqual(
      writeOciArchive(await buildLayout(recipe, nodeCodec)),
    );
  });
});
