import { beforeAll, describe, expect, test } from 'vitest';
import { imageFilter } from '../../src/cli/image-filter.ts';
import { listImages } from '../../src/cli/commands/images.ts';
import { familiarName } from '../../src/oci/image-name.ts';
import type { ImageStore } from '../../src/oci/store/image-store.ts';
import { MemoryStoreFiles } from '../support/memory-store-files.ts';
import { OTHER_LAYER, addImage, storeOn } from '../support/store-fixture.ts';

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('a filter of images', () => {
  let store: ImageStore;
  beforeAll(async () => {
    store = storeOn(new MemoryStoreFiles());
    await addImage(store, ['busybox:1', 'me/tool:2'], undefined, { Labels: { a: 'x', b: 'y' } });
    await addImage(store, [], [{ tar: OTHER_LAYER }]);
  });

  test.each([
    [['dangling=true'], ['<none>']],
    [['dangling=false'], ['busybox:1']],
    [['label=a'], ['busybox:1']],
    [['label=a=x', 'label=b=y'], ['busybox:1']],
    [['label=a=x', 'label=b=z'], []],
    [['reference=busy*'], ['busybox:1']],
    [['reference=*:2'], []],
    [['reference=me/*:2'], ['busybox:1']],
    [['reference=none', 'reference=busybox'], ['busybox:1']],
  ])('%j lets through %j', async (filters, expected) => {
    const isWanted = await imageFilter(store, filters);

    const { images } = await listImages(store);

    expect(
      images.filter(isWanted).map(({ image }) => (image.tags[0] ? familiarName(image.tags[0]) : '<none>')),
    ).toEqual(expected);
  });

  test.each([
    ['nope=1', /"nope=1" is no filter for images; there is dangling=/],
    ['dangling', /is no filter/],
    ['dangling=maybe', /true or false, not "maybe"/],
    ['reference=[', /not a pattern/],
    ['until=24h', /is no filter/],
  ])('%s is refused', async (filter, message) => {
    await expect(imageFilter(store, [filter])).rejects.toEqual(error('USAGE', message));
  });

  test('before an image that is not there is refused', async () => {
    await expect(imageFilter(store, ['before=nothing'])).rejects.toEqual(error('NOT_FOUND', /"nothing"/));
  });

  test('until a time takes durations and dates', async () => {
    await expect(imageFilter(store, ['until=24h'], ['until'])).resolves.toBeTypeOf('function');
    await expect(imageFilter(store, ['until=2024-01-01'], ['until'])).resolves.toBeTypeOf('function');
    await expect(imageFilter(store, ['until=soon'], ['until'])).rejects.toEqual(
      error('USAGE', /neither a time nor a duration/),
    );
  });
});
