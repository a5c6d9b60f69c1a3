/** Static images: what is written is read again, and descriptions that can't be are refused. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../src/oci/digest.ts';
import { CHUNK_BYTES } from '../../src/oci/static/format.ts';
import { writeStaticImage, type ImageToWrite } from '../../src/oci/static/node-write.ts';
import { parseStaticImage } from '../../src/oci/static/read.ts';

const ID = `sha256:${'ab'.repeat(32)}` as Digest;
let folder: string;
let image: ImageToWrite;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-static-'));
  const path = join(folder, 'disk');
  writeFileSync(path, content());
  image = {
    reference: 'busybox',
    id: ID,
    platform: { os: 'linux', architecture: 'amd64' },
    execution: {
      user: 'app',
      env: ['PATH=/bin'],
      entrypoint: ['/bin/sh'],
      cmd: ['-l'],
      workingDir: '/srv',
      stopSignal: 'SIGTERM',
      labels: new Map([['a', 'b']]),
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
      healthCheck: { test: ['CMD', 'true'], intervalMs: 1500 },
    },
    accounts: new Map([['/etc/passwd', new TextEncoder().encode('root:x:0:0::/:/bin/sh\n')]]),
    rootAttributes: {
      mode: 0o1755,
      uid: 1,
      gid: 2,
      mtimeNs: 1_700_000_000_123_456_789n,
      xattrs: new Map([['user.x', Uint8Array.of(0, 255)]]),
    },
    takesIdentity: ['hostname'],
    layers: [{ path, byteCount: content().length }],
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Zeroes, then what does not compress, and a part of a chunk. */
function content(): Uint8Array {
  const bytes = new Uint8Array(CHUNK_BYTES * 2 + 512);
  for (let at = CHUNK_BYTES, state = 1; at < bytes.length; at++) {
    state = Math.imul(state, 1103515245) + 12345;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

const describedAs = (change: (json: Record<string, unknown>) => void): Uint8Array => {
  const json = JSON.parse(readFileSync(join(folder, 'site/box/image.json'), 'utf8')) as Record<string, unknown>;
  change(json);
  return new TextEncoder().encode(JSON.stringify(json));
};
const parse = (change: (json: Record<string, unknown>) => void) => parseStaticImage(describedAs(change), 'the image');
const layerOf = (json: Record<string, unknown>): Record<string, unknown> =>
  (json['layers'] as Record<string, unknown>[])[0]!;

describe('an image that was written', () => {
  test('is read as it was', async () => {
    await writeStaticImage(image, join(folder, 'site'), 'box');
    const { layers, ...rest } = parse(() => {});
    const { layers: _, ...expected } = image;
    expect(rest).toEqual(expected);
    expect(layers[0]).toMatchObject({ byteCount: content().length, chunkBytes: CHUNK_BYTES });
  });

  test('has a layer of chunks with their hashes, compressed where that helps', async () => {
    const { files, storedBytes } = await writeStaticImage(image, join(folder, 'site'), 'box');
    const [layer] = parse(() => {}).layers;
    const stored = readFileSync(join(folder, 'site/box', layer!.file));
    const sizes = layer!.chunks.map((chunk) => chunk.storedBytes);
    const pieces = sizes.map((size, index) => {
      const start = sizes.slice(0, index).reduce((sum, before) => sum + before, 0);
      return stored.subarray(start, start + size);
    });

    expect(pieces.map((piece) => createHash('sha256').update(piece).digest('hex'))).toEqual(
      layer!.chunks.map(({ sha256 }) => sha256),
    );
    expect(sizes).toEqual([expect.toSatisfy((size: number) => size < 1000), CHUNK_BYTES, 512]);
    expect(Buffer.concat([inflateRawSync(pieces[0]!), pieces[1]!, pieces[2]!]).equals(content())).toBe(true);
    expect(storedBytes).toBe(stored.length);
    expect(files).toEqual(['box/image.json', layer!.file.slice(3)]);
  });

  test('shares its layers with others', async () => {
    await writeStaticImage(image, join(folder, 'site'), 'box');
    await writeStaticImage({ ...image, layers: [image.layers[0]!, image.layers[0]!] }, join(folder, 'site'), 'other');
    expect(readdirSync(join(folder, 'site/layers'))).toHaveLength(1);
  });
});

describe('a description', () => {
  beforeEach(() => writeStaticImage(image, join(folder, 'site'), 'box'));

  test.each<[string, (json: Record<string, unknown>) => void, string]>([
    ['of something else', (json) => (json['format'] = 'x'), 'the image is not the description of an image'],
    ['of another version', (json) => (json['version'] = 2), 'the image is of another version of Vivarium'],
    ['without a digest', (json) => (json['id'] = 'x'), 'is not a sha256 or sha512 digest'],
    ['with a file elsewhere', (json) => (layerOf(json)['file'] = '../../x'), 'is no path of a file beside it'],
    ['with an address', (json) => (layerOf(json)['file'] = 'https://x/y'), 'is no path of a file beside it'],
    ['with half a sector', (json) => (layerOf(json)['byteCount'] = CHUNK_BYTES * 2 + 1000), 'whole sectors'],
    ['with too few chunks', (json) => (layerOf(json)['byteCount'] = CHUNK_BYTES * 9), 'has 3 chunks'],
    ['with huge chunks', (json) => (layerOf(json)['chunkBytes'] = 2 ** 30), 'has chunks of 1073741824 bytes'],
    ['with a chunk too long', (json) => (layerOf(json)['chunks'] = [[CHUNK_BYTES + 1], [1], [1]]), "length can't be"],
    ['with a chunk without hash', (json) => (layerOf(json)['chunks'] = [[1, 'x'], [1], [1]]), 'without SHA-256'],
    ['with a wrong mode', (json) => ((json['rootAttributes'] as { mode: number }).mode = 0o10000), 'mode is too large'],
    ['with a wrong time', (json) => ((json['rootAttributes'] as { mtimeNs: string }).mtimeNs = '1e9'), 'time is none'],
    ['with no base64', (json) => (json['accounts'] = { '/etc/passwd': '!' }), 'is not base64'],
  ])('%s is refused', (_, change, message) => {
    expect(() => parse(change)).toThrow(message);
  });

  test('of more layers than a disk has room for is refused', () => {
    expect(() => parse((json) => (json['layers'] = Array.from({ length: 129 }, () => layerOf(json))))).toThrow(
      'the image has more than 128 layers',
    );
  });
});
