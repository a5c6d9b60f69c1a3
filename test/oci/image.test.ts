import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openArchive } from '../../src/oci/archive.ts';
import type { Codec } from '../../src/oci/codec.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import { openImage } from '../../src/oci/open-image.ts';
import { webCodec } from '../../src/oci/web-codec.ts';
import {
  type DockerSaveInput,
  LayoutBuilder,
  dockerSaveFiles,
  gzipLayer,
  imageOf,
  imageOptions,
  sha256,
} from '../support/image-builder.ts';
import { load, view } from '../support/rootfs-view.ts';
import { type RawEntry, charDevice, file, hardlink, symlink, tar } from '../support/tar-builder.ts';
import { zstdStore } from '../support/zstd-builder.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const I386 = { os: 'linux', architecture: '386' };
const ARM64 = { os: 'linux', architecture: 'arm64', variant: 'v8' };
const UNKNOWN = { os: 'unknown', architecture: 'unknown' };

const LAYER = tar(file('a', 'x'));
const layerNamed = (name: string): { tar: Uint8Array } => ({ tar: tar(file(name, '')) });

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('an OCI layout', () => {
  test('gives config and layers, whatever their compression', async () => {
    const builder = new LayoutBuilder();
    const layers = [
      { tar: tar(file('a', '1')) },
      gzipLayer(tar(file('b', '2'))),
      { tar: tar(file('c', '3')), stored: zstdStore(tar(file('c', '3'))), type: 'tar+zstd' },
    ];
    builder.root(
      builder.manifest(layers, {
        Cmd: ['sh'],
        Env: ['A=1'],
        User: 'u',
        WorkingDir: '/w',
        StopSignal: 'SIGINT',
        Labels: { l: 'v' },
        Entrypoint: ['e'],
        Healthcheck: { Test: ['CMD', 'true'], Interval: 30_000_000_000, StartInterval: 500_000, Retries: 2 },
      }),
      'tag',
    );

    const image = await builder.open();

    expect(image.reference).toBe('tag');
    expect(image.config.platform).toEqual(AMD64);
    expect(image.config.execution).toMatchObject({
      healthCheck: { test: ['CMD', 'true'], intervalMs: 30_000, startIntervalMs: 0.5, retries: 2 },
      cmd: ['sh'],
      env: ['A=1'],
      user: 'u',
      workingDir: '/w',
      stopSignal: 'SIGINT',
      entrypoint: ['e'],
      labels: new Map([['l', 'v']]),
    });
    expect(view(await load(image))).toEqual(['a=1', 'b=2', 'c=3']);
  });

  test('may have blobs by sha512', async () => {
    const builder = new LayoutBuilder();
    const digest = `sha512:${createHash('sha512').update(LAYER).digest('hex')}`;
    builder.put(`blobs/${digest.replace(':', '/')}`, LAYER);
    const layers = [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: LAYER.length }];
    const config = builder.config([{ tar: LAYER, diffId: digest }]);
    builder.root(builder.blob({ schemaVersion: 2, config, layers }, 'application/vnd.oci.image.manifest.v1+json'));

    expect(view(await load(await builder.open()))).toEqual(['a=x']);
  });

  test("may use docker's media types", async () => {
    const builder = new LayoutBuilder();
    const config = { ...builder.config([{ tar: LAYER }]), mediaType: 'application/vnd.docker.container.image.v1+json' };
    const layer = builder.blob(gzipSync(LAYER), 'application/vnd.docker.image.rootfs.diff.tar.gzip');
    const manifest = builder.blob(
      { schemaVersion: 2, config, layers: [layer] },
      'application/vnd.docker.distribution.manifest.v2+json',
    );
    const list = builder.blob(
      { schemaVersion: 2, manifests: [{ ...manifest, platform: AMD64 }] },
      'application/vnd.docker.distribution.manifest.list.v2+json',
    );
    builder.root(list);

    expect(view(await load(await builder.open()))).toEqual(['a=x']);
  });

  test('with no layers is an empty root filesystem', async () => {
    expect(view(await load(await imageOf().open()))).toEqual([]);
  });

  test('with several names wants to be told which', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.manifest([layerNamed('a')]), 'one').root(builder.manifest([layerNamed('b')]), 'two');

    await expect(builder.open()).rejects.toEqual(error('NOT_FOUND', /several images.*"one", "two"/));
    await expect(builder.open({ reference: 'three' })).rejects.toEqual(
      error('NOT_FOUND', /no image "three"; there is "one", "two"/),
    );
    expect(view(await load(await builder.open({ reference: 'two' })))).toEqual(['b=']);
  });

  test('with several names gives "latest" when not told which', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.manifest([layerNamed('a')]), 'one').root(builder.manifest([layerNamed('b')]), 'latest');

    expect((await builder.open()).reference).toBe('latest');
  });

  test('answers to the full name that containerd gives, long or short', async () => {
    const builder = new LayoutBuilder();
    builder.root({
      ...builder.manifest([layerNamed('a')]),
      annotations: { 'io.containerd.image.name': 'docker.io/library/busybox:latest' },
    });

    expect((await builder.open({ reference: 'busybox' })).reference).toBe('busybox');
    expect((await builder.open({ reference: 'docker.io/library/busybox:latest' })).layers).toHaveLength(1);
    await expect(builder.open({ reference: 'busybox:1' })).rejects.toEqual(error('NOT_FOUND', /no image/));
  });
});

describe('a multi-platform image', () => {
  function multi(...platforms: object[]): LayoutBuilder {
    const builder = new LayoutBuilder();
    const manifests = platforms.map((platform) => ({
      ...builder.manifest([layerNamed(JSON.stringify(platform).replace(/\W+/g, '-'))], {}, platform),
      platform,
    }));
    return builder.root(builder.index(manifests));
  }

  test('gives linux/amd64 before linux/386', async () => {
    expect((await multi(ARM64, I386, AMD64).open()).config.platform).toEqual(AMD64);
  });

  test('gives linux/386 when there is no linux/amd64', async () => {
    expect((await multi(ARM64, I386).open()).config.platform).toEqual(I386);
  });

  test('gives the platform asked for', async () => {
    expect((await multi(AMD64, I386).open({ platform: 'linux/386' })).config.platform).toEqual(I386);
  });

  test('prefers the plain amd64 to a variant that asks for more', async () => {
    expect((await multi({ ...AMD64, variant: 'v2' }, AMD64).open()).config.platform).toEqual(AMD64);
  });

  test('names the platforms there are when none runs', async () => {
    await expect(
      multi(ARM64, { os: 'windows', architecture: 'amd64' }, { ...AMD64, variant: 'v3' }).open(),
    ).rejects.toEqual(
      error(
        'UNSUPPORTED_PLATFORM',
        /is for linux\/arm64\/v8, windows\/amd64, linux\/amd64\/v3; vivarium runs linux\/amd64 and linux\/386/,
      ),
    );
  });

  test('names the platforms there are when the wanted one is missing', async () => {
    await expect(multi(AMD64).open({ platform: 'linux/386' })).rejects.toEqual(
      error('UNSUPPORTED_PLATFORM', /no image for linux\/386.*only linux\/amd64/),
    );
  });

  test('passes over attestations', async () => {
    const builder = new LayoutBuilder();
    const statement = {
      ...builder.blob({ schemaVersion: 2 }, 'application/vnd.oci.image.manifest.v1+json'),
      platform: UNKNOWN,
    };
    const marked = {
      ...statement,
      platform: AMD64,
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
    };
    builder.root(builder.index([statement, marked, { ...builder.manifest([layerNamed('a')]), platform: AMD64 }]));

    expect(view(await load(await builder.open()))).toEqual(['a=']);
  });

  test('may be an index in an index', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.index([builder.index([{ ...builder.manifest([layerNamed('a')]), platform: AMD64 }])]));

    expect(view(await load(await builder.open()))).toEqual(['a=']);
  });

  test('may leave the platform to the config', async () => {
    const builder = new LayoutBuilder();
    builder.root(
      builder.index([builder.manifest([layerNamed('a')], {}, ARM64), builder.manifest([layerNamed('b')], {}, AMD64)]),
    );

    expect(view(await load(await builder.open()))).toEqual(['b=']);
  });

  test('may list its platforms in index.json under one name', async () => {
    const builder = new LayoutBuilder();
    builder
      .root({ ...builder.manifest([layerNamed('a')], {}, ARM64), platform: ARM64 })
      .root({ ...builder.manifest([layerNamed('b')]), platform: AMD64 });

    expect(view(await load(await builder.open()))).toEqual(['b=']);
  });

  test('that calls an arm64 image amd64 is refused', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.index([{ ...builder.manifest([layerNamed('a')], {}, ARM64), platform: AMD64 }]));

    await expect(builder.open()).rejects.toEqual(error('UNSUPPORTED_PLATFORM', /is for linux\/arm64/));
  });

  test('with indexes nested without end is refused', async () => {
    const builder = new LayoutBuilder();
    const nested = Array.from({ length: 6 }).reduce<ReturnType<LayoutBuilder['index']>>(
      (inner) => builder.index([inner]),
      builder.manifest([]),
    );
    builder.root(nested);

    await expect(builder.open()).rejects.toEqual(error('LIMIT', /nests indexes/));
  });

  test('with one index listed many times over is refused', async () => {
    const builder = new LayoutBuilder();
    const inner = builder.index(Array.from({ length: 100 }, () => ({ ...builder.manifest([]), platform: ARM64 })));
    builder.root(builder.index(Array.from({ length: 100 }, () => inner)));

    await expect(builder.open()).rejects.toEqual(error('LIMIT', /more than 1000 manifests/));
  });
});

describe('a broken or hostile layout', () => {
  test('with a changed manifest is refused', async () => {
    const builder = imageOf(LAYER);
    const path = `blobs/${builder.roots[0]!.digest.replace(':', '/')}`;
    builder.put(
      path,
      Buffer.from(Buffer.from(builder.files.get(path)!).toString().replace('"schemaVersion":2', '"schemaVersion":3')),
    );

    await expect(builder.open()).rejects.toEqual(
      error('DIGEST_MISMATCH', /manifest of image.tar does not match its digest sha256:/),
    );
  });

  test('with a layer that does not match its digest is refused', async () => {
    const builder = imageOf(LAYER);
    const other = LAYER.slice();
    other[512]! ^= 1;
    builder.put(`blobs/${sha256(LAYER).replace(':', '/')}`, other);

    await expect(load(await builder.open())).rejects.toEqual(
      error('DIGEST_MISMATCH', /layer 1 of image.tar does not match/),
    );
  });

  test('with a layer that does not match its diff id is refused', async () => {
    const builder = imageOf({ tar: LAYER, diffId: sha256(tar()) });

    await expect(load(await builder.open())).rejects.toEqual(
      error('DIGEST_MISMATCH', /uncompressed, does not match its digest/),
    );
  });

  test('with a layer shorter than stated is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put(`blobs/${sha256(LAYER).replace(':', '/')}`, LAYER.subarray(0, 512));

    await expect(load(await builder.open())).rejects.toEqual(
      error('BAD_IMAGE', /has 512 bytes where its descriptor states 2048; the image is truncated/),
    );
  });

  test('with a layer longer than stated is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put(`blobs/${sha256(LAYER).replace(':', '/')}`, Buffer.concat([LAYER, LAYER]));

    await expect(load(await builder.open())).rejects.toEqual(error('BAD_IMAGE', /longer than the 2048 bytes/));
  });

  test('with a layer that is missing is refused', async () => {
    const builder = imageOf(LAYER);
    builder.files.delete(`blobs/${sha256(LAYER).replace(':', '/')}`);

    await expect(load(await builder.open())).rejects.toEqual(error('NOT_FOUND', /has no blob sha256:.*incomplete/));
  });

  test('with a mislabelled layer is refused', async () => {
    await expect(load(await imageOf({ tar: LAYER, type: 'tar+gzip' }).open())).rejects.toEqual(
      error('BAD_IMAGE', /labelled gzip but holds uncompressed/),
    );
  });

  test('with a layer that its decoder does not read to the end is refused', async () => {
    const lazy: Codec = {
      ...webCodec,
      async *gunzip() {
        yield LAYER;
      },
    };
    const image = await openImage(imageOf(gzipLayer(LAYER)).archive(), undefined, { ...imageOptions(), codec: lazy });

    await expect(load(image)).rejects.toEqual(error('BAD_IMAGE', /data after the end of its compressed stream/));
  });

  test('with a layer of an unknown type is refused', async () => {
    await expect(imageOf({ tar: LAYER, type: 'squashfs' }).open()).rejects.toEqual(
      error('BAD_IMAGE', /not a layer type/),
    );
  });

  test('with a layer that expands over the limit is refused', async () => {
    const image = await imageOf(gzipLayer(tar(file('a', new Uint8Array(10_000))))).open({
      limits: { layerBytes: 5000 },
    });

    await expect(load(image)).rejects.toEqual(error('LIMIT', /expands to more than the limit of 4.9 KiB/));
  });

  test('with layers that together expand over the limit is refused', async () => {
    const image = await imageOf(tar(file('a')), tar(file('b'))).open();

    await expect(load(image, { imageBytes: 3000 })).rejects.toEqual(error('LIMIT', /image expands to more than/));
  });

  test('with more layers than its config lists is refused', async () => {
    const builder = new LayoutBuilder();
    const layer = builder.blob(LAYER, 'application/vnd.oci.image.layer.v1.tar');
    builder.root(
      builder.blob(
        { schemaVersion: 2, config: builder.config([]), layers: [layer] },
        'application/vnd.oci.image.manifest.v1+json',
      ),
    );

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /1 layers where its config lists 0/));
  });

  test('with a digest that is a path is refused', async () => {
    const builder = new LayoutBuilder();
    builder.root({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: 'sha256:../../../etc/passwd',
      size: 1,
    });

    await expect(builder.open()).rejects.toEqual(
      error('BAD_IMAGE', /"sha256:..\/..\/..\/etc\/passwd" is not a sha256 or sha512 digest/),
    );
  });

  test('with a size that is no size is refused', async () => {
    const builder = new LayoutBuilder();
    builder.root({ ...builder.manifest([]), size: -1 });

    await expect(builder.open()).rejects.toEqual(
      error('BAD_IMAGE', /manifests\[0\]: field "size" is not a whole number/),
    );
  });

  test('with a manifest over the limit is refused unread', async () => {
    const builder = new LayoutBuilder();
    builder.root({ ...builder.manifest([]), size: 1e9 });

    await expect(builder.open()).rejects.toEqual(error('LIMIT', /manifest of image.tar has/));
  });

  test('with JSON that is no JSON is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('index.json', Buffer.from('{"schemaVersion":2,'));

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /index.json of image.tar is not valid JSON/));
  });

  test('with JSON that nests without end is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('index.json', Buffer.from('['.repeat(100_000)));

    await expect(builder.open()).rejects.toEqual(error('LIMIT', /nests deeper than 64/));
  });

  test('with brackets in a JSON string is not refused for them', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.manifest([], { Labels: { l: `\\"${'['.repeat(100)}` } }));

    expect((await builder.open()).config.execution.labels.get('l')).toHaveLength(102);
  });

  test('with a list where an object belongs is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('index.json', Buffer.from('[]'));

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /is not a JSON object/));
  });

  test('with a command that is not a list of strings is refused', async () => {
    const builder = new LayoutBuilder();
    builder.root(builder.manifest([], { Cmd: 'sh -c evil' }));

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /field "Cmd" is not a list of strings/));
  });

  test('with an index that says it is a manifest is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('index.json', {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      manifests: [],
    });

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /does not fit its place/));
  });

  test('with an artifact in place of an image is refused', async () => {
    const builder = new LayoutBuilder();
    const config = builder.blob({}, 'application/vnd.oci.empty.v1+json');
    builder.root({
      ...builder.blob({ schemaVersion: 2, config, layers: [] }, 'application/vnd.oci.image.manifest.v1+json'),
      platform: AMD64,
    });

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /not a container image/));
  });

  test('with no image in it is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('index.json', { schemaVersion: 2, manifests: [] });

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /holds no image/));
  });

  test('without its version file is refused', async () => {
    const builder = imageOf(LAYER);
    builder.files.delete('oci-layout');

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /no oci-layout file/));
  });

  test('of another version is refused', async () => {
    const builder = imageOf(LAYER);
    builder.put('oci-layout', { imageLayoutVersion: '2.0.0' });

    await expect(builder.open()).rejects.toEqual(error('BAD_IMAGE', /layout version "2.0.0"/));
  });
});

describe('a docker save archive', () => {
  const other = tar(file('b', 'y'));

  function archive(images: DockerSaveInput[], more: RawEntry[] = []): ReturnType<typeof openArchive> {
    const entries = [...dockerSaveFiles(...images)].map(([path, bytes]) => file(path, bytes));
    return openArchive(new MemoryContent([tar(...entries, ...more)]), 'save.tar', limitsWith());
  }

  function open(images: DockerSaveInput[], reference?: string): ReturnType<typeof openImage> {
    return openImage(archive(images), reference, imageOptions());
  }

  test('of the old form is read', async () => {
    const image = await open([
      {
        layers: [
          { path: '1/layer.tar', tar: LAYER },
          { path: '2/layer.tar', tar: other },
        ],
        tags: ['app:1'],
      },
    ]);

    expect(image.reference).toBe('app:1');
    expect(image.config.execution.cmd).toEqual(['sh']);
    expect(view(await load(image))).toEqual(['a=x', 'b=y']);
  });

  test('of the new form is read without its OCI layout too', async () => {
    const image = await open([{ layers: [{ path: `blobs/sha256/${sha256(LAYER).slice(7)}`, tar: LAYER }] }]);

    expect(view(await load(image))).toEqual(['a=x']);
  });

  test('has the digest of its config for its ID', async () => {
    const layers = [{ path: '1/layer.tar', tar: LAYER }];
    const [config] = [...dockerSaveFiles({ layers })];

    const image = await open([{ layers }]);

    expect(image.id).toBe(sha256(config![1]));
  });

  test('may store a repeated layer as a link', async () => {
    const [config, layer] = [...dockerSaveFiles({ layers: [{ path: '2/layer.tar', tar: LAYER }] })];
    const manifest = dockerSaveFiles({ layers: [{ path: '2/layer.tar', tar: LAYER }] }).get('manifest.json')!;
    const files = tar(
      file(config![0], config![1]),
      file('1/layer.tar', layer![1]),
      symlink('2/layer.tar', '../1/layer.tar'),
      file('manifest.json', manifest),
    );

    const image = await openImage(
      openArchive(new MemoryContent([files]), 'save.tar', limitsWith()),
      undefined,
      imageOptions(),
    );

    expect(view(await load(image))).toEqual(['a=x']);
  });

  test('with several images gives the one asked for by any of its tags', async () => {
    const images = [
      { layers: [{ path: '1/layer.tar', tar: LAYER }], tags: ['app:1'] },
      { layers: [{ path: '2/layer.tar', tar: other }], tags: ['app:2', 'app:latest'] },
    ];

    expect(view(await load(await open(images, 'app')))).toEqual(['b=y']);
    expect(view(await load(await open(images, 'app:1')))).toEqual(['a=x']);
    await expect(open(images)).rejects.toEqual(error('NOT_FOUND', /"app:1", "app:2", "app:latest"/));
  });

  test('for another platform is refused', async () => {
    await expect(open([{ layers: [], platform: ARM64 }])).rejects.toEqual(
      error('UNSUPPORTED_PLATFORM', /is for linux\/arm64\/v8/),
    );
  });

  test('with a config that does not match its name is refused', async () => {
    await expect(open([{ layers: [], configPath: `${'0'.repeat(64)}.json` }])).rejects.toEqual(
      error('DIGEST_MISMATCH', /config of save.tar/),
    );
  });

  test('with a changed layer is refused', async () => {
    const files = dockerSaveFiles({ layers: [{ path: '1/layer.tar', tar: LAYER }] });
    files.set('1/layer.tar', other);
    const bytes = tar(...[...files].map(([path, content]) => file(path, content)));
    const image = await openImage(
      openArchive(new MemoryContent([bytes]), 'save.tar', limitsWith()),
      undefined,
      imageOptions(),
    );

    await expect(load(image)).rejects.toEqual(error('DIGEST_MISMATCH', /layer 1 of save.tar/));
  });

  test('with a layer path that leaves the archive is refused', async () => {
    const files = dockerSaveFiles({ layers: [{ path: '../../etc/shadow', tar: LAYER }] });
    files.delete('../../etc/shadow');
    const bytes = tar(...[...files].map(([path, content]) => file(path, content)));
    const place = openArchive(new MemoryContent([bytes]), 'save.tar', limitsWith());

    await expect(openImage(place, undefined, imageOptions())).rejects.toEqual(error('BAD_IMAGE', /leaves the archive/));
  });

  test('with a layer that is a link out of the archive is refused', async () => {
    const files = dockerSaveFiles({ layers: [{ path: '1/layer.tar', tar: LAYER }] });
    files.delete('1/layer.tar');
    const bytes = tar(
      ...[...files].map(([path, content]) => file(path, content)),
      symlink('1/layer.tar', '/etc/shadow'),
    );
    const image = await openImage(
      openArchive(new MemoryContent([bytes]), 'save.tar', limitsWith()),
      undefined,
      imageOptions(),
    );

    await expect(load(image)).rejects.toEqual(error('BAD_IMAGE', /link that leads nowhere/));
  });

  test('with links in a circle is refused', async () => {
    const files = dockerSaveFiles({ layers: [{ path: 'x', tar: LAYER }] });
    files.delete('x');
    const bytes = tar(
      ...[...files].map(([path, content]) => file(path, content)),
      hardlink('x', 'y'),
      hardlink('y', 'x'),
    );
    const image = await openImage(
      openArchive(new MemoryContent([bytes]), 'save.tar', limitsWith()),
      undefined,
      imageOptions(),
    );

    await expect(load(image)).rejects.toEqual(error('BAD_IMAGE', /link that leads nowhere/));
  });

  test('with a path that leaves it is refused', () => {
    expect(() => archive([], [file('../evil', '')])).toThrow(
      error('BAD_IMAGE', /"..\/evil", a path that leaves the archive/),
    );
  });
});

describe('an archive', () => {
  test('that is the tar of a root filesystem is refused as no image', async () => {
    const place = openArchive(
      new MemoryContent([tar(file('etc/passwd'), charDevice('dev/null', 1, 3))]),
      'root.tar',
      limitsWith(),
    );

    await expect(openImage(place, undefined, imageOptions())).rejects.toEqual(
      error('BAD_IMAGE', /root.tar is not an image: it has neither/),
    );
  });

  test('that is cut off is refused', () => {
    const bytes = imageOf(LAYER).tar();

    expect(() =>
      openArchive(new MemoryContent([bytes.subarray(0, bytes.length - 1024)]), 'cut.tar', limitsWith()),
    ).toThrow(error('BAD_IMAGE', /cut.tar ends in the middle; it is truncated/));
  });

  test('with too many files is refused', () => {
    expect(() =>
      openArchive(new MemoryContent([tar(file('a'), file('b'))]), 'many.tar', limitsWith({ archiveEntries: 1 })),
    ).toThrow(error('LIMIT', /more than 1 files/));
  });
});
