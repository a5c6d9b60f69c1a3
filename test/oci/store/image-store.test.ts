import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { familiarName, formatImageName } from '../../../src/oci/image-name.ts';
import { collectGarbage, listBlobs, pruneImages, removeImage } from '../../../src/oci/store/collect.ts';
import { hold, unhold } from '../../../src/oci/store/claims.ts';
import { imageDetails } from '../../../src/oci/store/details.ts';
import type { StoreFiles } from '../../../src/oci/store/files.ts';
import { NodeStoreFiles } from '../../../src/oci/store/node-store-files.ts';
import type { ImageStore } from '../../../src/oci/store/image-store.ts';
import { verifyStore } from '../../../src/oci/store/verify.ts';
import { collect } from '../../../src/oci/blob.ts';
import { openFolder } from '../../../src/oci/node-folder.ts';
import { openImage } from '../../../src/oci/open-image.ts';
import { imageOptions, sha256 } from '../../support/image-builder.ts';
import { MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { LAYER, OTHER_LAYER, addImage, chunks, name, storeOn } from '../../support/store-fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'vivarium-store-'));
afterAll(() => rmSync(folder, { recursive: true }));
const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const tagsOf = async (store: ImageStore): Promise<string[]> =>
  (await store.images()).flatMap(({ tags }) => tags.map(familiarName)).sort();
const blobCount = async (store: ImageStore): Promise<number> => (await listBlobs(store)).length;

let count = 0;
const PLACES: Array<[string, () => StoreFiles]> = [
  ['in memory', () => new MemoryStoreFiles()],
  ['on disk', () => new NodeStoreFiles(join(folder, `store-${++count}`))],
];

describe.each(PLACES)('an image store %s', (_, place) => {
  test('that is new is empty and valid', async () => {
    const store = storeOn(place());

    expect(await store.images()).toEqual([]);
    expect(await verifyStore(store)).toEqual({ problems: [], images: 0, blobs: 0, bytes: 0, unused: 0, partials: 0 });
    await expect(store.find('busybox')).rejects.toEqual(error('NOT_FOUND', /no image "busybox" here/));
  });

  test('finds an image by name, ID, the beginning of an ID, and digests', async () => {
    const store = storeOn(place());
    const { id, manifest } = await addImage(store, ['busybox:latest', `busybox@${sha256(LAYER)}`]);
    const names = [
      'busybox',
      'docker.io/library/busybox:latest',
      id,
      id.slice(7),
      id.slice(7, 11),
      `sha256:${id.slice(7, 19)}`,
    ];

    const found = await Promise.all(
      [...names, manifest.digest, sha256(LAYER), `busybox:any@${sha256(LAYER)}`].map((text) => store.find(text)),
    );

    expect(found.map((image) => image.id)).toEqual(found.map(() => id));
    await expect(store.find('busybox:1')).rejects.toEqual(error('NOT_FOUND', /busybox:1/));
    await expect(store.find(id.slice(7, 10))).rejects.toEqual(error('NOT_FOUND', /no image/));
  });

  test('opens an image whose blobs are checked when they are read', async () => {
    const store = storeOn(place());
    await addImage(store, ['a'], [{ tar: LAYER }], { Cmd: ['sh'] });

    const image = await store.openImage(await store.find('a'));

    expect(image.config.execution.cmd).toEqual(['sh']);
    expect(await collect(image.layers[0]!.open(), 10_000, '')).toEqual(Uint8Array.from(LAYER));
  });

  test('moves a tag and keeps the image that had it, without a name', async () => {
    const store = storeOn(place());
    const old = await addImage(store, ['a']);
    const recent = await addImage(store, ['a'], [{ tar: OTHER_LAYER }]);

    const images = await store.images();

    expect((await store.find('a')).id).toBe(recent.id);
    expect(images.map(({ id, tags }) => [id, tags.length])).toEqual(
      expect.arrayContaining([
        [old.id, 0],
        [recent.id, 1],
      ]),
    );
    expect(await blobCount(store)).toBe(6);
  });

  test('gives an image a further name, but never a digest', async () => {
    const store = storeOn(place());
    const { id } = await addImage(store, ['a']);

    await store.tag(id, name('localhost:5000/b'));

    expect(await tagsOf(store)).toEqual(['a:latest', 'localhost:5000/b:latest']);
    await expect(store.tag('a', name(`b@${id}`))).rejects.toEqual(error('USAGE', /nobody can choose/));
    await expect(store.tag('nothing', name('b'))).rejects.toEqual(error('NOT_FOUND', /"nothing"/));
  });

  test('removes names one by one, and the blobs with the last', async () => {
    const store = storeOn(place());
    const { id } = await addImage(store, ['a:1', 'a:2', `a@${sha256(LAYER)}`]);

    const first = await removeImage(store, 'a:1');
    const second = await removeImage(store, 'a:2');

    expect([first.untagged.map(familiarName), first.deleted]).toEqual([['a:1'], []]);
    expect([second.untagged.map(familiarName), second.deleted]).toEqual([['a:2', `a@${sha256(LAYER)}`], [id]]);
    expect(second.blobs).toHaveLength(3);
    expect(await blobCount(store)).toBe(0);
  });

  test('keeps blobs that another image shares', async () => {
    const store = storeOn(place());
    await addImage(store, ['a']);
    await addImage(store, ['b'], [{ tar: LAYER }, { tar: OTHER_LAYER }]);

    await removeImage(store, 'b');

    expect(await blobCount(store)).toBe(3);
    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 1, unused: 0 });
  });

  test('removes an image with several names by its ID only when forced', async () => {
    const store = storeOn(place());
    const { id } = await addImage(store, ['a', 'b']);

    await expect(removeImage(store, id)).rejects.toEqual(error('CONFLICT', /a:latest, b:latest/));
    const removed = await removeImage(store, id, { force: true });

    expect(removed.untagged.map(formatImageName)).toEqual(['docker.io/library/a:latest', 'docker.io/library/b:latest']);
    expect(await store.images()).toEqual([]);
  });

  test('takes the names of an image that a container holds when forced, and no more', async () => {
    const store = storeOn(place());
    const { id, manifest } = await addImage(store, ['a']);
    await hold(store.files, 'container-1', manifest.digest);
    const before = await blobCount(store);

    const removed = await removeImage(store, 'a', { force: true });
    await collectGarbage(store);

    expect([removed.untagged.map(familiarName), removed.deleted]).toEqual([['a:latest'], []]);
    expect([(await store.find(id)).tags, await blobCount(store)]).toEqual([[], before]);
  });

  test('keeps the blobs of a manifest that is held though no name leads to it', async () => {
    const store = storeOn(place());
    const { id, manifest } = await addImage(store, ['a']);
    await hold(store.files, 'container-1', manifest.digest);
    const before = await blobCount(store);
    await store.updateRecords((records) => records.filter((record) => record.id !== id));

    await collectGarbage(store);

    expect(await blobCount(store)).toBe(before);
  });

  test('keeps an image that a container holds, and says so in the words of Docker', async () => {
    const store = storeOn(place());
    const { id, manifest } = await addImage(store, ['a']);
    await hold(store.files, 'container-1', manifest.digest);
    const short = id.slice(7, 19);
    const isRunning = (): boolean => true;

    await expect(removeImage(store, 'a')).rejects.toEqual(
      error(
        'CONFLICT',
        new RegExp(`repository reference "a" \\(must force\\) - container container-1 is using its .*${short}`),
      ),
    );
    await expect(removeImage(store, id)).rejects.toEqual(
      error('CONFLICT', new RegExp(`delete ${short} \\(must be forced\\) - image is being used by stopped container`)),
    );
    await expect(removeImage(store, id, { force: true, isRunning })).rejects.toEqual(
      error('CONFLICT', /\(cannot be forced\) - image is being used by running container container-1/),
    );
    expect(await pruneImages(store, { all: true, keep: () => false })).toMatchObject({ deleted: [] });
    await unhold(store.files, 'container-1');

    expect(await pruneImages(store, { all: true, keep: () => false })).toMatchObject({ deleted: [id] });
    expect(await blobCount(store)).toBe(0);
  });

  test('prunes images without a tag, or all that are not kept', async () => {
    const store = storeOn(place());
    const old = await addImage(store, ['a']);
    await addImage(store, ['a'], [{ tar: OTHER_LAYER }]);
    const keep = await addImage(store, ['keep'], [{ tar: tarOf(3) }]);

    const dangling = await pruneImages(store, { all: false, keep: () => false });
    await pruneImages(store, { all: true, keep: ({ id }) => id === keep.id });

    expect(dangling.deleted).toEqual([old.id]);
    expect(dangling.bytes).toBeGreaterThan(0);
    expect(await tagsOf(store)).toEqual(['keep:latest']);
  });

  test('collects blobs that no image uses, but not those of a lease', async () => {
    const store = storeOn(place());
    const lease = store.lease();
    await store.addBlob(chunks(LAYER), lease);

    const leased = await collectGarbage(store);
    await lease.release();
    const free = await collectGarbage(store);

    expect([leased.blobs.length, free.blobs.length, free.bytes]).toEqual([0, 1, LAYER.length]);
  });

  test('goes on with a blob where it was cut off', async () => {
    const store = storeOn(place());
    const blob = { digest: sha256(LAYER), size: LAYER.length };
    const first = (await store.ingest(blob, 'layer'))!;
    await first.append(LAYER.subarray(0, 100));
    await first.close();

    const second = (await store.ingest(blob, 'layer'))!;
    const offset = second.offset;
    await second.append(LAYER.subarray(offset));
    await second.commit();

    expect([offset, second.wasResumed, await store.has(blob)]).toEqual([100, true, true]);
    expect(await store.ingest(blob, 'layer')).toBeUndefined();
  });

  test('takes no blob that is cut off, too long, or of another digest', async () => {
    const store = storeOn(place());
    const blob = { digest: sha256(LAYER), size: LAYER.length };
    const ingest = (await store.ingest(blob, 'layer 1'))!;

    await ingest.append(LAYER.subarray(1));
    await expect(ingest.commit()).rejects.toEqual(error('BAD_IMAGE', /layer 1 has 2047 bytes .* truncated/));
    await ingest.append(new Uint8Array(LAYER.length));
    await expect(ingest.commit()).rejects.toEqual(error('DIGEST_MISMATCH', /layer 1 does not match/));
    await expect(ingest.append(new Uint8Array(LAYER.length + 1))).rejects.toEqual(error('BAD_IMAGE', /longer than/));
    await ingest.close();

    expect([await blobCount(store), (await verifyStore(store)).partials]).toEqual([0, 0]);
  });

  test('lets one of two bring in a blob while the other waits for it', async () => {
    const store = storeOn(place());
    const blob = { digest: sha256(LAYER), size: LAYER.length };
    const first = (await store.ingest(blob, 'layer'))!;
    const second = store.ingest(blob, 'layer');
    await first.append(LAYER);
    await first.commit();

    expect(await second).toBeUndefined();
  });

  test('tells about an image what its config says', async () => {
    const store = storeOn(place());
    await addImage(store, ['a'], [{ tar: LAYER }], { Env: ['A=1'], Extra: 2 });

    const details = await imageDetails(store, await store.find('a'));

    expect(details).toMatchObject({
      created: undefined,
      author: '',
      history: [],
      rawConfig: { Env: ['A=1'], Extra: 2 },
    });
    expect(details.size).toBe((await verifyStore(store)).bytes);
  });
});

describe('an image store on disk', () => {
  test('is an OCI layout that other tools can read', async () => {
    const path = join(folder, 'as-layout');
    const store = storeOn(new NodeStoreFiles(path));
    const { manifest } = await addImage(store, ['a:1']);

    const image = await openImage(openFolder(path), 'docker.io/library/a:1', imageOptions());

    expect(image.digest).toBe(manifest.digest);
  });

  test('loses no name when many processes add one at once', async () => {
    const path = join(folder, 'many');
    const stores = Array.from({ length: 8 }, () => storeOn(new NodeStoreFiles(path)));
    const { id } = await addImage(stores[0]!, ['a']);

    await Promise.all(stores.map((store, index) => store.tag(id, name(`a:${index}`))));

    expect(await tagsOf(stores[0]!)).toHaveLength(9);
  });
});

function tarOf(n: number): Uint8Array {
  return Uint8Array.from(LAYER, (byte, index) => (index === 0 ? n : byte));
}
