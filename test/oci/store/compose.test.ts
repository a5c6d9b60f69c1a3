import { expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { MemoryContent } from '../../../src/oci/content.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { type ComposeRequest, type Spool, composeImage, readBase } from '../../../src/oci/store/compose.ts';
import { collectGarbage } from '../../../src/oci/store/collect.ts';
import { imageDetails } from '../../../src/oci/store/details.ts';
import type { ImageStore } from '../../../src/oci/store/image-store.ts';
import { MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { LAYER, OTHER_LAYER, addImage, chunks, name, storeOn } from '../../support/store-fixture.ts';
import { blockDevice, file, tar } from '../../support/tar-builder.ts';

const spool: Spool = async (stream) => {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return new MemoryContent(pieces);
};
const NEW = tar(file('new', 'x'), file('.wh.a'));

function request(change: Partial<ComposeRequest> = {}): ComposeRequest {
  return {
    base: undefined,
    layer: chunks(NEW),
    what: 'it',
    runConfig: { Cmd: ['sh'] },
    platform: { os: 'linux', architecture: 'amd64' },
    created: '2024-01-02T03:04:05Z',
    ...change,
  };
}

async function based(store: ImageStore): Promise<ComposeRequest> {
  const layers = [{ tar: LAYER }, { tar: OTHER_LAYER }];
  const config = { Cmd: ['old'], Healthcheck: { Test: ['NONE'] } };
  const { manifest } = await addImage(store, ['base:1'], layers, config, {
    os: 'linux',
    architecture: 'amd64',
    container_config: { Cmd: ['not this'] },
    history: [{ created_by: 'first' }, { created_by: 'env', empty_layer: true }],
  });
  return request({ base: await readBase(store, { manifest }), createdBy: 'sh -c x', author: 'me', comment: 'why' });
}

test('an image of one layer can be opened, and has what was said of it', async () => {
  const store = storeOn(new MemoryStoreFiles());

  const id = await composeImage(store, request({ name: name('me/flat:2'), comment: 'from x' }), spool);

  const image = await store.find('me/flat:2');
  const details = await imageDetails(store, image);
  expect(image.id).toBe(id);
  expect(details).toMatchObject({
    created: '2024-01-02T03:04:05Z',
    author: '',
    rawConfig: { Cmd: ['sh'] },
    history: [{ created: '2024-01-02T03:04:05Z', comment: 'from x', createdBy: '', isEmpty: false }],
  });
  const layers = (await store.openImage(image)).layers;
  expect(layers.length).toBe(1);
  expect(await spool(layers[0]!.open())).toMatchObject({ size: NEW.length });
});

test('an image on another keeps its layers and history, and adds a step for each layer that it did not tell of', async () => {
  const store = storeOn(new MemoryStoreFiles());

  const id = await composeImage(store, await based(store), spool);

  const details = await imageDetails(store, await store.find(id));
  expect(details.history.map(({ createdBy, isEmpty }) => [createdBy, isEmpty])).toEqual([
    ['first', false],
    ['env', true],
    ['', false],
    ['sh -c x', false],
  ]);
  expect([details.author, details.history.at(-1)!.comment, details.config.diffIds.length]).toEqual(['me', 'why', 3]);
  expect(details.raw['container_config']).toBeUndefined();
  expect((await store.openImage(await store.find(id))).layers.length).toBe(3);
});

test('an image without a name stays, and nothing else that was made for it', async () => {
  const files = new MemoryStoreFiles();
  const store = storeOn(files);
  const id = await composeImage(store, request(), spool);

  const { blobs } = await collectGarbage(store);

  expect([blobs, (await store.find(id)).tags]).toEqual([[], []]);
  expect(await files.list('leases')).toEqual([]);
});

test('a compressed layer is the same as a plain one', async () => {
  const store = storeOn(new MemoryStoreFiles());
  const ids = [await composeImage(store, request(), spool)];
  ids.push(await composeImage(store, request({ layer: chunks(gzipSync(NEW)) }), spool));
  expect(new Set(ids).size).toBe(1);
});

test.each<[string, Uint8Array]>([
  ['is none', new TextEncoder().encode('junk')],
  ['is cut off', NEW.slice(0, 600)],
  ['has no end', NEW.slice(0, -1024)],
  ['leads out of the root', tar(file('../x'))],
  ['brings a device', tar(blockDevice('sda', 8, 0))],
])('a layer that %s is refused, and nothing is kept', async (_, layer) => {
  const files = new MemoryStoreFiles();
  const store = storeOn(files);

  await expect(composeImage(store, request({ layer: chunks(layer) }), spool)).rejects.toMatchObject({
    code: 'BAD_IMAGE',
  });

  expect([await store.images(), await files.list('blobs/sha256'), await files.list('leases')]).toEqual([[], [], []]);
});

test('a base whose layer has gone is named', async () => {
  const files = new MemoryStoreFiles();
  const store = storeOn(files);
  const on = await based(store);
  const { digest } = on.base!.layers[0]!;
  await files.remove(`blobs/${(digest as Digest).replace(':', '/')}`);

  await expect(composeImage(store, on, spool)).rejects.toMatchObject({
    code: 'BAD_IMAGE',
    message: expect.stringContaining('pull the image again'),
  });
});
