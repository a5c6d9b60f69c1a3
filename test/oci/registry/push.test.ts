import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ImageName, parseImageName } from '../../../src/oci/image-name.ts';
import { type PushOptions, type Pushed, pushImage } from '../../../src/oci/registry/push.ts';
import { pullImage } from '../../../src/oci/registry/pull.ts';
import { blobPath } from '../../../src/oci/digest.ts';
import { verifyStore } from '../../../src/oci/store/verify.ts';
import { FakeRegistry, type Script, reply } from '../../support/fake-registry.ts';
import { sha256 } from '../../support/image-builder.ts';
import { MemoryDisk, MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { client } from '../../support/registry-fixture.ts';
import { LAYER, addImage, storeOn } from '../../support/store-fixture.ts';
import { file, tar } from '../../support/tar-builder.ts';

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const BIG = tar(
  file(
    'big',
    Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) & 255),
  ),
);
const BIG_DIGEST = sha256(BIG);

let registry: FakeRegistry;
let disk: MemoryDisk;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  disk = new MemoryDisk();
  await addImage(storeOn(new MemoryStoreFiles(disk)), ['tool'], [{ tar: BIG }, { tar: LAYER }]);
});
afterEach(() => registry.stop());

const target = (path = 'me/tool'): ImageName => parseImageName(`${registry.host}/${path}:v1`);

async function push(name = target(), options: Partial<PushOptions> = {}): Promise<Pushed> {
  const store = storeOn(new MemoryStoreFiles(disk));
  const { registries } = client({ insecure: [registry.host] });
  return pushImage(await store.find('tool'), name, { store, registries, ...options });
}

/** Pulls what was pushed into an empty store. */
async function pullBack(path = 'me/tool'): Promise<object> {
  const store = storeOn(new MemoryStoreFiles());
  await pullImage(target(path), { store, registries: client({ insecure: [registry.host] }).registries });
  return verifyStore(store);
}

const uploads = (method: string): string[] =>
  registry.answers('/blobs/uploads/').filter((answer) => answer.startsWith(method));

describe('a push', () => {
  test('can be pulled', async () => {
    const { digest, size } = await push();

    expect(await pullBack()).toMatchObject({ problems: [], images: 1, blobs: 4 });
    expect(registry.manifests.get('me/tool v1')!.bytes).toHaveLength(size);
    expect((await storeOn(new MemoryStoreFiles(disk)).find('tool')).digests.map((name) => name.digest)).toEqual([
      digest,
    ]);
  });

  test('sends a large layer in chunks', async () => {
    await push(target(), { chunkBytes: 100_000 });

    expect(registry.seen.filter(({ method }) => method === 'PATCH').map(({ contentRange }) => contentRange)).toEqual([
      '0-99999',
      '100000-199999',
      '200000-299999',
    ]);
    expect(await pullBack()).toMatchObject({ problems: [] });
  });

  test('sends nothing that is there', async () => {
    await push();
    registry.seen.length = 0;

    await push();

    expect(uploads('POST')).toEqual([]);
    expect(registry.answers(`/blobs/${BIG_DIGEST}`)).toEqual(['HEAD 200']);
  });

  test('has layers taken over from another repository of the registry', async () => {
    await push(target('first'));
    registry.seen.length = 0;

    const states: string[] = [];
    await push(target('second'), { onEvent: ({ state }) => states.push(state) });

    expect(states.filter((state) => state === 'mounted')).toHaveLength(2);
    expect(uploads('PATCH')).toEqual([]);
    expect(await pullBack('second')).toMatchObject({ problems: [] });
  });

  test('sends what the registry does not take over', async () => {
    await push(target('first'));
    registry.owners.set(BIG_DIGEST, new Set());

    await push(target('second'));

    expect(uploads('DELETE')).toEqual(['DELETE 204']);
    expect(registry.owners.get(BIG_DIGEST)).toEqual(new Set(['second']));
  });

  test('goes on with an upload that was cut, where the registry is', async () => {
    let count = 0;
    registry.script = (request, response) => {
      if (request.method !== 'PATCH' || ++count !== 2) return false;
      response.destroy();
      return true;
    };

    await push(target(), { chunkBytes: 100_000 });

    expect(registry.seen.filter(({ method }) => method === 'PATCH').map(({ contentRange }) => contentRange)).toEqual([
      '0-99999',
      '100000-199999',
      '100000-199999',
      '200000-299999',
    ]);
    expect(await pullBack()).toMatchObject({ problems: [] });
  });

  test('begins anew when the registry has forgotten an upload', async () => {
    let count = 0;
    registry.script = (request, response) => {
      const { method } = request;
      if (method === 'GET' && request.url!.includes('/uploads/')) reply(response, 404);
      else if (method === 'PUT' && request.url!.includes(encodeURIComponent(BIG_DIGEST)) && ++count === 1)
        reply(response, 500);
      else return false;
      return true;
    };

    await push();

    expect(await pullBack()).toMatchObject({ problems: [] });
  });

  const refusing =
    (method: string, status: number): Script =>
    (request, response) => {
      if (request.method !== method) return false;
      reply(response, status, '{"errors":[{"code":"DENIED","message":"no"}]}');
      return true;
    };

  test.each([
    ['POST', 403, 'UNAUTHORIZED', /denies access to pushing to "me\/tool"/],
    ['PUT', 400, 'REGISTRY', /answers 400 for pushing .* \(it says "DENIED: no"\)/],
    ['PUT', 500, 'REGISTRY', /answers 500/],
    ['HEAD', 401, 'UNAUTHORIZED', /denies access/],
  ])('whose %s is answered by %i is one clear error', async (method, status, code, message) => {
    registry.script = refusing(method, status);

    await expect(push()).rejects.toEqual(error(code, message));
    expect(registry.manifests.size).toBe(0);
  });

  test('of an image that lacks a blob, or has a wrong one, puts no manifest', async () => {
    const stored = disk.files.get(blobPath(BIG_DIGEST))!;
    disk.files.set(blobPath(BIG_DIGEST), { ...stored, bytes: stored.bytes.map((byte) => byte ^ 1) });
    await expect(push()).rejects.toEqual(error('DIGEST_MISMATCH', /blob sha256:\S+ of the image store/));
    disk.files.delete(blobPath(BIG_DIGEST));
    await expect(push()).rejects.toEqual(error('STORE', /needs blob .*; pull it again/));

    expect(registry.manifests.size).toBe(0);
  });
});
