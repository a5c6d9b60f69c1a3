import { describe, expect, test } from 'vitest';
import { blobPath, type Digest } from '../../../src/oci/digest.ts';
import { collectGarbage, listBlobs, removeImage } from '../../../src/oci/store/collect.ts';
import type { ImageStore } from '../../../src/oci/store/image-store.ts';
import { type Repair, type StoreReport, repairStore, verifyStore } from '../../../src/oci/store/verify.ts';
import { sha256 } from '../../support/image-builder.ts';
import { MemoryDisk, MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { LAYER, OTHER_LAYER, addImage, chunks, storeOn } from '../../support/store-fixture.ts';

const LAYER_BLOB = blobPath(sha256(LAYER));

async function filled(): Promise<{ disk: MemoryDisk; store: ImageStore; id: string; manifest: Digest }> {
  const disk = new MemoryDisk();
  const store = storeOn(new MemoryStoreFiles(disk));
  const { id, manifest } = await addImage(store, ['a', 'b']);
  await addImage(store, ['other'], [{ tar: OTHER_LAYER }]);
  return { disk, store, id, manifest: manifest.digest };
}

/** Changes one byte of a file. */
function damage(disk: MemoryDisk, path: string): void {
  const file = disk.files.get(path)!;
  const bytes = file.bytes.slice();
  bytes[bytes.length >> 1]! ^= 1;
  disk.files.set(path, { ...file, bytes });
}

const messages = ({ problems }: StoreReport): string[] => problems.map(({ message }) => message);
const repair = async (store: ImageStore): Promise<Repair> => repairStore(store, await verifyStore(store));

describe('a check of a store', () => {
  test('passes a valid one', async () => {
    const { store } = await filled();

    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 2, blobs: 6, unused: 0, partials: 0 });
  });

  test('names a layer that has changed, and who needs it', async () => {
    const { disk, store } = await filled();
    damage(disk, LAYER_BLOB);

    expect(messages(await verifyStore(store))).toEqual([
      expect.stringMatching(`blob ${sha256(LAYER)} does not match its digest`),
      `docker.io/library/a:latest needs ${sha256(LAYER)}, which is corrupt`.replace('a:latest', 'b:latest'),
    ]);
  });

  test('names a layer that is cut off or gone', async () => {
    const { disk, store } = await filled();
    disk.files.set(LAYER_BLOB, { bytes: LAYER.subarray(0, 10), modifiedMs: 0 });
    const cut = messages(await verifyStore(store));
    disk.files.delete(LAYER_BLOB);

    expect(cut[0]).toMatch(/does not match/);
    expect(messages(await verifyStore(store))).toEqual([expect.stringMatching(/needs sha256:.*, which is not there/)]);
  });

  test('names an image whose manifest or config has changed', async () => {
    const { disk, store, id, manifest } = await filled();
    damage(disk, blobPath(manifest));
    damage(disk, blobPath(id as Digest));

    expect(messages(await verifyStore(store)).join('\n')).toMatch(new RegExp(`its manifest ${manifest} is corrupt`));
  });

  test('names a list of images that can not be read', async () => {
    const { disk, store } = await filled();
    disk.files.get('index.json')!.bytes = new TextEncoder().encode('{"schemaVersion":2,"manifests":[{}]}');

    expect(messages(await verifyStore(store))).toEqual([
      expect.stringMatching(/index.json of .* is corrupt; run viv doctor --repair/),
    ]);
    await expect(store.images()).rejects.toEqual(expect.objectContaining({ code: 'STORE' }));
    await expect(collectGarbage(store)).rejects.toEqual(expect.objectContaining({ code: 'STORE' }));
    expect(await listBlobs(store)).toHaveLength(6);
  });

  test('names a layout file of another version', async () => {
    const { disk, store } = await filled();
    disk.files.get('oci-layout')!.bytes = new TextEncoder().encode('{"imageLayoutVersion":"2.0.0"}');

    expect(messages(await verifyStore(store))).toEqual([expect.stringMatching(/layout version "2.0.0"/)]);
  });

  test('counts what is under way without calling it wrong', async () => {
    const { store } = await filled();
    await store.addBlob(chunks(new Uint8Array(9)), store.lease());
    const ingest = (await store.ingest({ digest: sha256(new Uint8Array(5)), size: 5 }, ''))!;
    await ingest.append(new Uint8Array(2));
    await ingest.close();

    expect(await verifyStore(store)).toMatchObject({ problems: [], unused: 1, partials: 1 });
  });
});

describe('a repair', () => {
  test('removes a wrong layer and says which images need it', async () => {
    const { disk, store } = await filled();
    damage(disk, LAYER_BLOB);

    const done = await repair(store);

    expect(done).toEqual({
      removedBlobs: 1,
      incomplete: ['docker.io/library/a:latest', 'docker.io/library/b:latest'],
      oldIndex: undefined,
    });
    expect(disk.files.has(LAYER_BLOB)).toBe(false);
    expect(await store.images()).toHaveLength(2);
  });

  test('gives up images that have lost their manifest, and no other', async () => {
    const { disk, store, manifest } = await filled();
    damage(disk, blobPath(manifest));
    await expect(collectGarbage(store)).rejects.toEqual(expect.objectContaining({ code: 'STORE' }));

    await repair(store);
    await collectGarbage(store);

    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 1, blobs: 3 });
    expect((await store.find('other')).tags).toHaveLength(1);
  });

  test('makes the list of images anew, without their names, and keeps the old one', async () => {
    const { disk, store, id } = await filled();
    disk.files.get('index.json')!.bytes = new TextEncoder().encode('{"schema');

    const { oldIndex } = await repair(store);

    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 2, unused: 0 });
    expect(disk.files.has(oldIndex!)).toBe(true);
    expect((await store.find(id)).tags).toEqual([]);
  });

  test('is not needed to remove an image that is corrupt', async () => {
    const { disk, store, manifest } = await filled();
    damage(disk, blobPath(manifest));

    await removeImage(store, 'a');
    await removeImage(store, 'b');

    expect(await verifyStore(store)).toMatchObject({ problems: [], images: 1 });
  });
});

describe('a store whose user was killed', () => {
  test('is valid at every point of adding and removing an image', async () => {
    const disk = new MemoryDisk();
    for (let point = 0, isDone = false; !isDone; point++) {
      const files = new MemoryStoreFiles(disk);
      const store = storeOn(files);
      let left = point;
      files.onChange = () => {
        if (left-- <= 0) throw new Error('killed');
      };
      const work = async (): Promise<void> => {
        await addImage(store, ['a']);
        await addImage(store, ['a'], [{ tar: OTHER_LAYER }]);
        await removeImage(store, 'a');
        await collectGarbage(store);
      };
      isDone = await work().then(
        () => true,
        (error: Error) => {
          expect(error.message).toBe('killed');
          return false;
        },
      );
      files.kill();

      const next = storeOn(new MemoryStoreFiles(disk));
      expect((await verifyStore(next)).problems).toEqual([]);
    }
    const last = storeOn(new MemoryStoreFiles(disk));
    for (const { id } of await last.images()) await removeImage(last, id, { force: true });
    await collectGarbage(last, true);

    expect([...disk.files.keys()].sort()).toEqual(['index.json', 'oci-layout']);
  });

  test('gives its claim and its lease to the next', async () => {
    const disk = new MemoryDisk();
    const files = new MemoryStoreFiles(disk);
    const dead = storeOn(files);
    await dead.lease().protect([sha256(LAYER)]);
    const ingest = (await dead.ingest({ digest: sha256(LAYER), size: LAYER.length }, ''))!;
    await ingest.append(LAYER.subarray(0, 700));
    files.kill();

    const next = (await storeOn(new MemoryStoreFiles(disk)).ingest({ digest: sha256(LAYER), size: LAYER.length }, ''))!;

    expect(next.offset).toBe(700);
    await next.close();
    await collectGarbage(storeOn(new MemoryStoreFiles(disk)));
    expect([...disk.files.keys()]).toEqual([`ingest/${sha256(LAYER).replace(':', '-')}`]);
  });
});
