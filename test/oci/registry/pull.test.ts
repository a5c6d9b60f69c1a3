import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ImageName, parseImageName } from '../../../src/oci/image-name.ts';
import { parsePlatform } from '../../../src/oci/platform.ts';
import { type PullOptions, type Pulled, pullImage } from '../../../src/oci/registry/pull.ts';
import { blobPath } from '../../../src/oci/digest.ts';
import { verifyStore } from '../../../src/oci/store/verify.ts';
import { listBlobs } from '../../../src/oci/store/collect.ts';
import { FakeRegistry, reply } from '../../support/fake-registry.ts';
import { LayoutBuilder, gzipLayer, sha256 } from '../../support/image-builder.ts';
import { MemoryDisk, MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { type ClientOptions, client } from '../../support/registry-fixture.ts';
import { LAYER, OTHER_LAYER, storeOn } from '../../support/store-fixture.ts';
import { VivariumError } from '../../../src/util/errors.ts';
import { file, tar } from '../../support/tar-builder.ts';

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const BIG = tar(
  file(
    'big',
    Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) & 255),
  ),
);
const BIG_PATH = sha256(BIG);

let registry: FakeRegistry;
let disk: MemoryDisk;
let files: MemoryStoreFiles;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  disk = new MemoryDisk();
  files = new MemoryStoreFiles(disk);
  const layout = new LayoutBuilder();
  registry.put('tool', 'v1', layout, layout.manifest([{ tar: BIG }, gzipLayer(LAYER)], { Cmd: ['sh'] }));
});
afterEach(() => registry.stop());

const name = (suffix = ':v1'): ImageName => parseImageName(`${registry.host}/tool${suffix}`);

/** Pulls into the store; resolves to what happened. */
async function pull(
  wanted: ImageName = name(),
  options: ClientOptions & Partial<Pick<PullOptions, 'platform' | 'onMirrorFailure' | 'onEvent'>> = {},
): Promise<Pulled & { waits: number[]; asked: string[] }> {
  const { registries, waits, asked } = client({ insecure: [registry.host], ...options });
  const pulled = await pullImage(wanted, { store: storeOn(files), registries, ...options });
  return { ...pulled, waits, asked };
}

/** What a pull leaves behind that failed: no name, nothing wrong. */
async function remains(): Promise<{ images: number; problems: number; partials: number }> {
  const { images, problems, partials } = await verifyStore(storeOn(files));
  return { images, problems: problems.length, partials };
}
const NOTHING = { images: 0, problems: 0, partials: 0 };

describe('a pull', () => {
  test('by tag gives the image that tag and its digest', async () => {
    const { digest, id, isNew } = await pull();

    const image = await storeOn(files).find(`${registry.host}/tool:v1`);
    expect([image.id, isNew, image.digests[0]!.digest]).toEqual([id, true, digest]);
    expect((await storeOn(files).openImage(image)).config.execution.cmd).toEqual(['sh']);
    expect(await verifyStore(storeOn(files))).toMatchObject({ problems: [], images: 1, blobs: 4, unused: 0 });
  });

  test('by digest gives it no tag', async () => {
    const { digest } = await pull();
    const again = await pull(name(`@${digest}`));
    expect(again.isNew).toBe(false);

    files = new MemoryStoreFiles();
    await pull(name(`@${digest}`));

    const image = await storeOn(files).find(`${registry.host}/tool@${digest}`);
    expect([image.tags, image.digests.length]).toEqual([[], 1]);
  });

  test('again gets no layer and says that nothing is new', async () => {
    await pull();
    registry.seen.length = 0;

    const { isNew } = await pull();

    expect([isNew, registry.answers(BIG_PATH)]).toEqual([false, []]);
  });

  test('gets a blob anew that has gone bad in the store', async () => {
    await pull();
    const stored = disk.files.get(blobPath(BIG_PATH))!;
    disk.files.set(blobPath(BIG_PATH), { ...stored, bytes: stored.bytes.map((byte) => byte ^ 1) });

    await pull();

    expect(await verifyStore(storeOn(files))).toMatchObject({ problems: [], images: 1 });
  });

  test('chooses the platform, ours or the one that is asked for', async () => {
    const layout = new LayoutBuilder();
    const of = (architecture: string, layer: Uint8Array): object => ({
      ...layout.manifest([{ tar: layer }], {}, { os: 'linux', architecture }),
      platform: { os: 'linux', architecture },
    });
    const index = layout.index([of('arm64', tar(file('arm'))), of('386', LAYER), of('amd64', OTHER_LAYER)] as never);
    registry.put('tool', 'multi', layout, index);

    const best = await pull(name(':multi'));
    const other = await pull(name(':multi'), { platform: parsePlatform('linux/386') });

    expect([best.digest, other.digest]).toEqual([index.digest, index.digest]);
    expect(best.id).not.toBe(other.id);
    expect(registry.answers(sha256(LAYER))).toEqual(['GET 200']);
    expect(registry.answers(sha256(OTHER_LAYER))).toEqual(['GET 200']);
    await expect(pull(name(':multi'), { platform: parsePlatform('linux/s390x') })).rejects.toEqual(
      error('UNSUPPORTED_PLATFORM', /linux\/s390x .* only linux\/arm64, linux\/386, linux\/amd64/),
    );
  });

  test('of an image for another architecture gets no layer', async () => {
    const layout = new LayoutBuilder();
    registry.put(
      'tool',
      'arm',
      layout,
      layout.manifest([{ tar: OTHER_LAYER }], {}, { os: 'linux', architecture: 'arm64' }),
    );

    await expect(pull(name(':arm'))).rejects.toEqual(error('UNSUPPORTED_PLATFORM', /is for linux\/arm64/));

    expect([registry.answers(sha256(OTHER_LAYER)), await remains()]).toEqual([[], NOTHING]);
  });

  test('by two at once gets each blob once', async () => {
    await Promise.all([pull(), pull()]);

    expect(registry.answers(BIG_PATH)).toEqual(['GET 200']);
    expect(await verifyStore(storeOn(files))).toMatchObject({ problems: [], images: 1, partials: 0 });
  });

  test('tells how far each layer is', async () => {
    const states: string[] = [];
    await pull(name(), {
      onEvent: ({ digest, state }) => digest === BIG_PATH && states.at(-1) !== state && states.push(state),
    });

    expect(states).toEqual(['waiting', 'moving', 'done']);
  });
});

describe('a registry that answers', () => {
  test.each([
    [401, 'UNAUTHORIZED', /denies access to image "tool:v1": it is not there, or viv login 127\S+ is needed/],
    [403, 'UNAUTHORIZED', /denies access/],
    [404, 'NOT_FOUND', /has no image "tool:v1"; check the name \(it says "MANIFEST_UNKNOWN: no such thing"\)/],
    [418, 'REGISTRY', /answers 418/],
  ])('%i is one clear error', async (status, code, message) => {
    registry.script = (request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      reply(response, status, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such thing"}]}');
      return true;
    };

    await expect(pull()).rejects.toEqual(error(code, message));

    expect([registry.answers('/manifests/'), await remains()]).toEqual([[`GET ${status}`], NOTHING]);
  });

  test.each([
    [429, /answers 429, too many requests/],
    [500, /answers 500, it has a problem/],
    [503, /answers 503, it has a problem/],
  ])('%i is asked again with growing pauses, and given up in the end', async (status, message) => {
    registry.script = (request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      reply(response, status);
      return true;
    };
    const { registries, waits } = client({ insecure: [registry.host] });

    await expect(pullImage(name(), { store: storeOn(files), registries })).rejects.toEqual(error('REGISTRY', message));

    expect([registry.answers('/manifests/').length, waits]).toEqual([5, [250, 500, 1000, 2000]]);
  });

  test('429 once is waited for as long as it says', async () => {
    let isFirst = true;
    registry.script = (request, response) => {
      if (!isFirst || !request.url!.includes('/manifests/')) return false;
      isFirst = false;
      reply(response, 429, '', { 'retry-after': '7' });
      return true;
    };

    expect((await pull()).waits).toEqual([7000]);
  });

  test('429 for hours is given up at once', async () => {
    registry.script = (request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      reply(response, 429, '', { 'retry-after': '7200' });
      return true;
    };

    await expect(pull()).rejects.toEqual(error('REGISTRY', /too many requests/));
    expect(registry.answers('/manifests/')).toHaveLength(1);
  });

  test('something else for another digest than it says is refused', async () => {
    const layout = new LayoutBuilder();
    const other = layout.manifest([{ tar: OTHER_LAYER }]);
    const wanted = sha256(LAYER);
    registry.put('tool', wanted, layout, other);

    await expect(pull(name(`@${wanted}`))).rejects.toEqual(error('DIGEST_MISMATCH', /does not match its digest/));
    expect(await remains()).toEqual(NOTHING);
  });

  test('a manifest that is too large is refused before it is read', async () => {
    registry.script = (request, response) => {
      if (!request.url!.includes('/manifests/')) return false;
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
      const pour = (): boolean => {
        while (response.write(' '.repeat(65536)));
        return response.once('drain', pour) !== undefined;
      };
      return pour();
    };

    await expect(pull()).rejects.toEqual(error('LIMIT', /longer than the limit of 4 MiB/));
    expect(await remains()).toEqual(NOTHING);
  });

  test('a config that says it is too large is refused', async () => {
    const layout = new LayoutBuilder();
    const config = { ...layout.config([]), size: 5 << 20 };
    registry.put(
      'tool',
      'bomb',
      layout,
      layout.blob(
        { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [] },
        'application/vnd.oci.image.manifest.v1+json',
      ),
    );

    await expect(pull(name(':bomb'))).rejects.toEqual(error('LIMIT', /config of .* has 5 MiB/));
  });

  test('layers of more than any disk has are refused', async () => {
    const layout = new LayoutBuilder();
    const layer = { ...layout.blob(LAYER, 'application/vnd.oci.image.layer.v1.tar'), size: 2 ** 50 };
    const config = layout.config([{ tar: LAYER }]);
    registry.put(
      'tool',
      'bomb',
      layout,
      layout.blob(
        { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer] },
        'application/vnd.oci.image.manifest.v1+json',
      ),
    );

    await expect(pull(name(':bomb'))).rejects.toEqual(error('LIMIT', /layers of 1024 TiB/));
  });

  test('an old manifest, or something that is no image, is said to be that', async () => {
    for (const [tag, mediaType] of [
      ['old', 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
      ['page', 'text/html'],
    ])
      registry.manifests.set(`tool ${tag}`, { bytes: Buffer.from('{}'), mediaType: mediaType! });

    await expect(pull(name(':old'))).rejects.toEqual(error('BAD_IMAGE', /old schema 1/));
    await expect(pull(name(':page'))).rejects.toEqual(
      error('BAD_IMAGE', /"text\/html", which is not a container image/),
    );
  });
});

describe('a layer', () => {
  /** Changes how the big layer is answered, counting from 1. */
  function onLayer(
    answer: (
      count: number,
      bytes: Uint8Array,
      range: string | undefined,
      response: Parameters<typeof reply>[0],
    ) => boolean,
  ): void {
    let count = 0;
    registry.script = (request, response) =>
      request.url!.includes(BIG_PATH) && answer(++count, BIG, request.headers.range, response);
  }

  test('of another digest is refused, and nothing of it stays', async () => {
    onLayer((_, bytes, __, response) => {
      reply(
        response,
        200,
        bytes.map((byte) => byte ^ 1),
      );
      return true;
    });

    await expect(pull()).rejects.toEqual(error('DIGEST_MISMATCH', /blob sha256:\S+ of \S+\/tool does not match/));
    expect(await remains()).toEqual(NOTHING);
  });

  test('that is cut off each time is given up; what came stays', async () => {
    onLayer((_, bytes, range, response) => {
      const start = Number(/=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
      const part = bytes.subarray(start, 100_000);
      response.writeHead(start > 0 ? 206 : 200, {
        'content-length': String(bytes.length - start),
        ...(start > 0 ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {}),
      });
      response.write(part, () => response.destroy());
      if (part.length === 0) response.destroy();
      return true;
    });

    await expect(pull()).rejects.toEqual(error('REGISTRY', /127\S+: the connection was cut/));
    expect(await remains()).toEqual({ images: 0, problems: 0, partials: 1 });
    expect(disk.files.get(`ingest/${BIG_PATH.replace(':', '-')}`)!.bytes.length).toBeGreaterThan(0);
  });

  test('that ends too early, as if it were whole, is refused', async () => {
    onLayer((_, bytes, range, response) => {
      reply(response, 200, range === undefined ? bytes.subarray(0, 1000) : bytes.subarray(0, 1000));
      return true;
    });

    await expect(pull()).rejects.toEqual(error('REGISTRY', /ends after 1000 of \d+ bytes/));
    expect((await remains()).images).toBe(0);
  });

  test('that is longer than stated is refused', async () => {
    onLayer((_, bytes, __, response) => {
      reply(response, 200, Buffer.concat([bytes, Buffer.alloc(1)]));
      return true;
    });

    await expect(pull()).rejects.toEqual(error('BAD_IMAGE', /longer than the \d+ bytes/));
    expect(await remains()).toEqual(NOTHING);
  });

  test('goes on where a connection was cut', async () => {
    onLayer((count, bytes, _, response) => {
      if (count > 1) return false;
      response.writeHead(200, { 'content-length': String(bytes.length) });
      response.write(bytes.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      return true;
    });

    await pull();

    const [, second] = registry.seen.filter(({ path }) => path.includes(BIG_PATH));
    expect([second!.range, second!.status]).toEqual(['bytes=100000-', 206]);
    expect((await remains()).images).toBe(1);
  });

  test('starts anew at a registry without ranges', async () => {
    onLayer((count, bytes, _, response) => {
      if (count === 1) {
        response.writeHead(200, { 'content-length': String(bytes.length) });
        response.write(bytes.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
      } else reply(response, 200, bytes);
      return true;
    });

    await pull();

    expect((await remains()).images).toBe(1);
  });

  test('that stalls is given up and asked for again', async () => {
    onLayer((count, bytes, _, response) => {
      if (count > 1) return false;
      response.writeHead(200, { 'content-length': String(bytes.length) });
      response.write(bytes.subarray(0, 5000));
      return true;
    });

    await pull(name(), { stallMs: 100 });

    expect(registry.seen.filter(({ path }) => path.includes(BIG_PATH))[1]!.range).toBe('bytes=5000-');
  });

  test('goes on where a killed process left it', async () => {
    disk.files.set(`ingest/${BIG_PATH.replace(':', '-')}`, { bytes: BIG.slice(0, 200_000), modifiedMs: 0 });
    disk.files.set(`claims/${BIG_PATH.replace(':', '-')}`, { bytes: Buffer.from('{"owner":"dead"}'), modifiedMs: 0 });

    await pull();

    expect(registry.seen.find(({ path }) => path.includes(BIG_PATH))!.range).toBe('bytes=200000-');
    expect((await remains()).images).toBe(1);
  });

  test('comes anew when what was left of it is wrong', async () => {
    disk.files.set(`ingest/${BIG_PATH.replace(':', '-')}`, { bytes: new Uint8Array(200_000), modifiedMs: 0 });

    await pull();

    expect(registry.seen.filter(({ path }) => path.includes(BIG_PATH)).map(({ range }) => range)).toEqual([
      'bytes=200000-',
      undefined,
    ]);
    expect((await remains()).images).toBe(1);
  });

  test('that finds the disk full is given up, and gives back its room', async () => {
    let left = 120_000;
    files.onChange = (what, path) => {
      if (what !== 'append' || !path.startsWith('ingest/')) return;
      left -= 65536;
      if (left < 0) throw new VivariumError('NO_SPACE', 'no space is left');
    };

    await expect(pull()).rejects.toEqual(error('NO_SPACE', /no space/));

    expect(registry.answers(BIG_PATH)).toHaveLength(1);
    expect(await remains()).toEqual(NOTHING);
  });

  test('that is stopped by the user stays in part', async () => {
    const stop = new AbortController();
    const pulling = pull(name(), {
      signal: stop.signal,
      onEvent: ({ state }) => state === 'moving' && stop.abort(new Error('stopped')),
    });

    await expect(pulling).rejects.toThrow('stopped');
    expect((await remains()).images).toBe(0);
    expect(await listBlobs(storeOn(files))).not.toContainEqual(expect.objectContaining({ digest: BIG_PATH }));
  });
});

describe('a registry that is not there', () => {
  test('is named, with the reason', async () => {
    const gone = await new FakeRegistry().start();
    const { host } = gone;
    await gone.stop();

    await expect(pull(parseImageName(`${host}/tool`), { insecure: [host] })).rejects.toEqual(
      error('REGISTRY', /can't reach "127.*": nobody listens there/),
    );
  });

  test('by TLS is named with what to do, and not asked without', async () => {
    await expect(pull(name(), { insecure: [] })).rejects.toEqual(
      error('REGISTRY', /it does not speak TLS; if you trust it all the same, name it with --insecure-registry 127/),
    );
    expect(registry.seen).toEqual([]);
  });

  test('as a registry is said to be none', async () => {
    registry.script = (_, response) => {
      reply(response, 404, 'a web site');
      return true;
    };

    await expect(pull()).rejects.toEqual(error('REGISTRY', /answers 404 for \/v2\/, so it is no registry/));
  });
});

describe('a mirror', () => {
  let origin: FakeRegistry;
  beforeEach(async () => {
    origin = await new FakeRegistry().start();
    const layout = new LayoutBuilder();
    origin.put('tool', 'v1', layout, layout.manifest([{ tar: LAYER }]));
  });
  afterEach(() => origin.stop());
  const wanted = (): ImageName => parseImageName(`${origin.host}/tool:v1`);
  const options = (mirror: string): ClientOptions => ({
    insecure: [registry.host, origin.host],
    mirrors: { [origin.host]: [mirror] },
  });

  test('is asked first, also below a folder, and the image has the name that was asked for', async () => {
    const layout = new LayoutBuilder();
    registry.put('cache/tool', 'v1', layout, layout.manifest([{ tar: LAYER }]));

    await pull(wanted(), options(`${registry.host}/cache`));

    expect(origin.seen).toEqual([]);
    expect((await storeOn(files).find(`${origin.host}/tool:v1`)).tags).toHaveLength(1);
  });

  test('that does not have it or fails is passed over, and told', async () => {
    registry.manifests.clear();
    const failures: string[] = [];

    await pull(wanted(), { ...options(registry.host), onMirrorFailure: ({ message }) => failures.push(message) });

    expect(failures).toEqual([expect.stringMatching(/has no image "tool:v1"/)]);
    expect((await remains()).images).toBe(1);
  });
});
