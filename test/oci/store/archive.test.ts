import { describe, expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { openArchive } from '../../../src/oci/archive.ts';
import { collect, concatBytes } from '../../../src/oci/blob.ts';
import { MemoryContent } from '../../../src/oci/content.ts';
import { openDockerSave } from '../../../src/oci/docker-save.ts';
import type { ImageFiles } from '../../../src/oci/files.ts';
import { familiarName } from '../../../src/oci/image-name.ts';
import { limitsWith } from '../../../src/oci/limits.ts';
import { openImage } from '../../../src/oci/open-image.ts';
import { exportImages } from '../../../src/oci/store/export.ts';
import type { ImageStore } from '../../../src/oci/store/image-store.ts';
import { type Imported, importImages } from '../../../src/oci/store/import.ts';
import { listBlobs } from '../../../src/oci/store/collect.ts';
import { verifyStore } from '../../../src/oci/store/verify.ts';
import { LayoutBuilder, dockerSaveFiles, gzipLayer, imageOptions, sha256 } from '../../support/image-builder.ts';
import { MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { LAYER, OTHER_LAYER, addImage, storeOn } from '../../support/store-fixture.ts';
import { file, tar } from '../../support/tar-builder.ts';

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const empty = (): ImageStore => storeOn(new MemoryStoreFiles());
const archive = (bytes: Uint8Array): ImageFiles => openArchive(new MemoryContent([bytes]), 'image.tar', limitsWith());
const archiveOf = (files: Map<string, Uint8Array>): ImageFiles =>
  archive(tar(...[...files].map(([path, bytes]) => file(path, bytes))));
const namesOf = (imported: Imported[]): string[][] => imported.map(({ names }) => names.map(familiarName));
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

async function saved(store: ImageStore, ...names: string[]): Promise<Uint8Array> {
  const images = await Promise.all(
    names.map(async (text) => {
      const image = await store.find(text);
      return { image, tags: image.tags.filter((tag) => familiarName(tag) === text) };
    }),
  );
  const chunks: Uint8Array[] = [];
  for await (const chunk of exportImages(store, images)) chunks.push(chunk);
  return concatBytes(chunks);
}

describe('an archive of a store', () => {
  async function filled(): Promise<ImageStore> {
    const store = empty();
    await addImage(store, ['a:1', 'b:1'], [gzipLayer(LAYER)]);
    await addImage(store, ['c:1'], [gzipLayer(LAYER), { tar: OTHER_LAYER }]);
    return store;
  }

  test('loads into another store as it was', async () => {
    const store = await filled();
    const other = empty();

    const imported = await importImages(other, archive(await saved(store, 'a:1', 'c:1')));

    expect(namesOf(imported)).toEqual([['a:1'], ['c:1']]);
    expect((await other.find('a:1')).manifest.digest).toBe((await store.find('a:1')).manifest.digest);
    expect(await verifyStore(other)).toMatchObject({ problems: [], images: 2, blobs: 6, unused: 0 });
  });

  test('is both an OCI layout and a docker save archive', async () => {
    const bytes = await saved(await filled(), 'c:1');

    const layout = await openImage(archive(bytes), 'docker.io/library/c:1', imageOptions());
    const docker = await openDockerSave(archive(bytes), 'c:1', imageOptions());

    for (const image of [layout, docker])
      expect(await collect(image.layers[1]!.open(), 10_000, '')).toEqual(Uint8Array.from(OTHER_LAYER));
  });

  test('of an image by its ID has no name', async () => {
    const store = await filled();
    const { id } = await store.find('a:1');

    expect(namesOf(await importImages(empty(), archive(await saved(store, id))))).toEqual([[]]);
  });

  test('is the same for the same images', async () => {
    const store = await filled();

    expect(await saved(store, 'a:1', 'c:1')).toEqual(await saved(store, 'a:1', 'c:1'));
  });
});

describe('loading', () => {
  test('an old docker save archive gives its images their names and keeps their IDs', async () => {
    const files = dockerSaveFiles({ layers: [{ path: 'l/layer.tar', tar: LAYER }], tags: ['old:1', 'me/old:2'] });
    const store = empty();

    const [imported] = await importImages(store, archiveOf(files));

    const image = await store.openImage(await store.find('old:1'));
    expect(namesOf([imported!])).toEqual([['old:1', 'me/old:2']]);
    expect([`${imported!.id.slice(7)}.json`]).toEqual(
      [...files.keys()].filter((path) => path.endsWith('.json') && path !== 'manifest.json'),
    );
    expect(await collect(image.layers[0]!.open(), 10_000, '')).toEqual(Uint8Array.from(LAYER));
    expect(await verifyStore(store)).toMatchObject({ problems: [], unused: 0 });
  });

  test('an old archive with compressed layers keeps them so', async () => {
    const files = dockerSaveFiles({ layers: [{ path: 'l', tar: LAYER }], tags: ['old:1'] });
    files.set('l', gzipSync(LAYER));
    const store = empty();

    await importImages(store, archiveOf(files));

    const { layers } = await store.manifest(await store.find('old:1'));
    expect(layers).toMatchObject([
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: sha256(gzipSync(LAYER)) },
    ]);
  });

  test.each([
    ['plain', (bytes: Uint8Array) => bytes],
    ['compressed', (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))],
  ])('an old archive with a wrong %s layer adds no image', async (_, store) => {
    const files = dockerSaveFiles({ layers: [{ path: 'l', tar: LAYER }], tags: ['old:1'] });
    files.set('l', store(OTHER_LAYER));
    const target = empty();

    await expect(importImages(target, archiveOf(files))).rejects.toEqual(
      error('DIGEST_MISMATCH', /layer 1 of image.tar .*does not match/),
    );
    expect(await target.images()).toEqual([]);
  });

  test('a layout takes the platform that runs, and a bare tag for no name', async () => {
    const layout = new LayoutBuilder();
    const of = (architecture: string): object => ({
      ...layout.manifest([{ tar: LAYER }], {}, { os: 'linux', architecture }),
      platform: { os: 'linux', architecture },
    });
    layout
      .root(layout.index([of('arm64'), of('amd64')] as never), 'me/multi:1')
      .root(layout.manifest([{ tar: OTHER_LAYER }]), 'latest');
    const store = empty();

    const imported = await importImages(store, layout.archive());

    expect(namesOf(imported)).toEqual([['me/multi:1'], []]);
    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 2, unused: 0 });
  });

  test('a layout with a wrong or missing blob adds no image', async () => {
    const layout = new LayoutBuilder();
    layout.root(layout.manifest([{ tar: LAYER }]), 'a:1');
    const path = `blobs/${sha256(LAYER).replace(':', '/')}`;
    layout.files.set(
      path,
      LAYER.map((byte) => byte ^ 1),
    );
    const store = empty();

    await expect(importImages(store, layout.archive())).rejects.toEqual(
      error('DIGEST_MISMATCH', /blob sha256:\S+ of image.tar/),
    );
    layout.files.delete(path);
    await expect(importImages(store, layout.archive())).rejects.toEqual(error('NOT_FOUND', /incomplete/));

    expect([await store.images(), (await listBlobs(store)).length, (await verifyStore(store)).partials]).toEqual([
      [],
      0,
      0,
    ]);
  });

  test('a layout whose name is none is refused', async () => {
    const layout = new LayoutBuilder();
    layout.root(layout.manifest([{ tar: LAYER }]), 'Not/A Name:1');

    await expect(importImages(empty(), layout.archive())).rejects.toEqual(error('USAGE', /is no image name/));
  });

  test('an image for another platform, or none at all, is refused', async () => {
    const arm = new LayoutBuilder();
    arm.root(arm.manifest([{ tar: LAYER }], {}, { os: 'linux', architecture: 'arm64' }), 'a:1');
    const none = new LayoutBuilder();
    none.put('index.json', {
      schemaVersion: 2,
      manifests: [{ mediaType: MANIFEST, digest: sha256(LAYER), size: 1, artifactType: 'x' }],
    });

    await expect(importImages(empty(), arm.archive())).rejects.toEqual(error('UNSUPPORTED_PLATFORM', /linux\/arm64/));
    await expect(importImages(empty(), none.archive())).rejects.toEqual(error('BAD_IMAGE', /holds no image/));
  });
});
