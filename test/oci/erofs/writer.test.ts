/** The EROFS writer, judged by fsck.erofs and by our own reader. */
import { Buffer } from 'node:buffer';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MemoryContent } from '../../../src/oci/content.ts';
import { BLOCK_BYTES } from '../../../src/oci/erofs/format.ts';
import { ErofsImage, type ErofsInode } from '../../../src/oci/erofs/reader.ts';
import { writeErofs } from '../../../src/oci/erofs/writer.ts';
import type { DirectoryInode } from '../../../src/oci/tree.ts';
import {
  addDirectory,
  addFile,
  addSpecial,
  addSymlink,
  emptyTree,
  fsckErofs,
  imageBytes,
  reread,
} from '../../support/erofs-image.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const limit = (message: RegExp): object =>
  expect.objectContaining({ code: 'LIMIT', message: expect.stringMatching(message) });

function bytesOf({ content }: ErofsInode): Buffer {
  return Buffer.from(content.readSync(0, content.size));
}

function named(image: ErofsImage, ...names: string[]): ErofsInode {
  return names.reduce((at, name) => image.lookup(at, name)!, image.root);
}

/** Something of everything. */
function sample(): DirectoryInode {
  const root = emptyTree({ mode: 0o711, uid: 5 });
  const bin = addDirectory(root, 'bin', { mtimeNs: 1_700_000_000_123_456_789n });
  const shell = addFile(bin, 'sh', 'program', { mode: 0o4755, uid: 70_000, gid: 4_294_967_294 });
  bin.entries.set('ash', shell);
  addSymlink(root, 'sbin', 'bin');
  addFile(bin, 'large', Buffer.alloc(3 * BLOCK_BYTES + 17, 'x'));
  addSpecial(root, 'null', 'char', 1, 3);
  addSpecial(root, 'disk', 'block', 4095, 0xfffff);
  addSpecial(root, 'pipe', 'fifo');
  addSpecial(root, 'socket', 'socket');
  return root;
}

describe('an image', () => {
  test('is sound, and has all files with their content for fsck.erofs', async () => {
    fsckErofs(await imageBytes(sample()), join(folder, 'out'));

    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['bin', 'disk', 'null', 'pipe', 'sbin', 'socket']);
    expect(readFileSync(join(folder, 'out/bin/large'))).toEqual(Buffer.alloc(3 * BLOCK_BYTES + 17, 'x'));
    expect(readFileSync(join(folder, 'out/bin/ash'), 'utf8')).toBe('program');
    expect(readlinkSync(join(folder, 'out/sbin'))).toBe('bin');
    expect(lstatSync(join(folder, 'out/bin/sh'))).toMatchObject({ nlink: 1, uid: 70_000, gid: 4_294_967_294 });
    expect(lstatSync(join(folder, 'out/bin'), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
    expect(lstatSync(join(folder, 'out/null'))).toMatchObject({ rdev: 0x103 });
    expect(lstatSync(join(folder, 'out/socket')).isSocket()).toBe(true);
  });

  test('reads back as it was meant', async () => {
    const image = await reread(sample());

    expect(image.root.attributes).toMatchObject({ mode: 0o711, uid: 5 });
    expect(named(image, 'bin', 'sh')).toMatchObject({ kind: 'file', linkCount: 2, attributes: { mode: 0o4755 } });
    expect(named(image, 'bin', 'sh').nid).toBe(named(image, 'bin', 'ash').nid);
    expect(named(image, 'bin')).toMatchObject({ linkCount: 2, attributes: { mtimeNs: 1_700_000_000_123_456_789n } });
    expect(image.root.linkCount).toBe(3);
    expect(named(image, 'disk')).toMatchObject({ kind: 'block', major: 4095, minor: 0xfffff });
    expect(named(image, 'pipe')).toMatchObject({ kind: 'fifo', major: 0, minor: 0 });
    expect(bytesOf(named(image, 'sbin')).toString()).toBe('bin');
    expect([...image.list(image.root)].map(({ name }) => name)).toEqual([
      'bin',
      'disk',
      'null',
      'pipe',
      'sbin',
      'socket',
    ]);
  });

  test('is the same for the same tree, and has the UUID and label that it was given', async () => {
    const image = await imageBytes(sample(), { uuid: Buffer.alloc(16, 0xab), label: 'a label' });

    expect(await imageBytes(sample(), { uuid: Buffer.alloc(16, 0xab), label: 'a label' })).toEqual(image);
    expect(image.subarray(1024 + 48, 1024 + 64)).toEqual(Buffer.alloc(16, 0xab));
    expect(image.subarray(1024 + 64, 1024 + 72).toString()).toBe('a label\0');
  });

  test('of nothing at all is sound', async () => {
    expect(fsckErofs(await imageBytes(emptyTree()))).toBe('');
  });

  test('keeps times before 1970', async () => {
    const root = emptyTree();
    addFile(root, 'old', '', { mtimeNs: -1_500_000_000n });

    expect(named(await reread(root), 'old').attributes.mtimeNs).toBe(-1_500_000_000n);
  });
});

describe('the content of a file', () => {
  test.each([0, 1, 2047, 2048, 2049, 4032, 4095, 4096, 4097, 6144, 6145, 8192, 300_000, 262_144 + 2048])(
    'of %i bytes is whole',
    async (size) => {
      const root = emptyTree();
      const content = Buffer.from(Uint8Array.from({ length: size }, (_, index) => (index * 7 + (index >> 8)) & 0xff));
      addFile(root, 'before', 'b');
      addFile(root, 'file', content);
      addFile(root, 'later', 'l');
      const bytes = await imageBytes(root);

      const image = await reread(root);
      fsckErofs(bytes, join(folder, 'out'));

      expect(bytesOf(named(image, 'file')).equals(content)).toBe(true);
      expect(readFileSync(join(folder, 'out/file')).equals(content)).toBe(true);
    },
  );

  test('is read from any offset across the blocks and what is behind the inode', async () => {
    const root = emptyTree();
    addFile(root, 'f', Buffer.concat([Buffer.alloc(BLOCK_BYTES, 'a'), Buffer.from('tail')]));

    const { content } = named(await reread(root), 'f');

    expect(Buffer.from(content.readSync(BLOCK_BYTES - 2, 100)).toString()).toBe('aatail');
    expect(Buffer.from(content.readSync(BLOCK_BYTES + 1, 2)).toString()).toBe('ai');
    expect(content.readSync(BLOCK_BYTES + 4, 1).length).toBe(0);
  });

  test('that ends before its size is an error', async () => {
    const root = emptyTree();
    addFile(root, 'cut', { size: 10_000, readSync: (offset) => new Uint8Array(offset === 0 ? 5000 : 0) });

    await expect(imageBytes(root)).rejects.toMatchObject({
      code: 'BAD_IMAGE',
      message: "the layer: a file's content ends before its size",
    });
  });
});

describe('a directory', () => {
  test('of many blocks has its names in the order of their bytes', async () => {
    const root = emptyTree();
    const names = Array.from({ length: 2000 }, (_, index) => `${'n'.repeat(index % 200)}-${index}`);
    names.push('!before the dots', 'ü', '\u{1f600}', '\uffee');
    for (const name of names) addFile(root, name);

    const image = await reread(root);

    const sorted = names.map((name) => Buffer.from(name)).sort((a, b) => Buffer.compare(a, b));
    expect([...image.list(image.root)].map(({ name }) => name)).toEqual(sorted.map(String));
    expect(fsckErofs(await imageBytes(root))).toBe('');
    expect(image.lookup(image.root, names[1999]!)).toMatchObject({ kind: 'file' });
    expect(image.lookup(image.root, 'none')).toBeUndefined();
  });

  test('whose names fill a block to the last byte is sound', async () => {
    const root = emptyTree();
    // 12 bytes an entry: `.` and `..` take 27, and fifteen names of 255 bytes with one of 52 take the other 4,069.
    for (let index = 0; index < 15; index++) addFile(root, String(index).padStart(255, 'x'));
    addFile(root, 'y'.repeat(52));
    const image = await reread(root);

    fsckErofs(await imageBytes(root), join(folder, 'out'));

    expect(image.root.size).toBe(BLOCK_BYTES);
    expect(readdirSync(join(folder, 'out')).length).toBe(16);
  });

  test('counts its subdirectories as links', async () => {
    const root = emptyTree();
    addDirectory(addDirectory(root, 'a'), 'b');
    addDirectory(root, 'c');

    const image = await reread(root);

    expect([image.root.linkCount, named(image, 'a').linkCount, named(image, 'c').linkCount]).toEqual([4, 3, 2]);
  });
});

describe('extended attributes', () => {
  const capability = Uint8Array.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]);

  test('of all kinds that Linux has are kept, binary ones too', async () => {
    const xattrs = new Map([
      ['security.capability', capability],
      ['user.empty', new Uint8Array(0)],
      ['trusted.overlay.opaque', Buffer.from('y')],
      ['system.posix_acl_access', Uint8Array.of(2, 0, 0, 0)],
      ['user.long', new Uint8Array(1000).fill(7)],
    ]);
    const root = emptyTree();
    addFile(root, 'f', 'content', { xattrs });
    addDirectory(root, 'd', { xattrs });
    addSymlink(root, 's', 'f');

    const image = await reread(root);

    expect(fsckErofs(await imageBytes(root))).toBe('');
    const plain = new Map([...xattrs].map(([name, value]) => [name, Uint8Array.from(value)]));
    expect(named(image, 'f').attributes.xattrs).toEqual(plain);
    expect(named(image, 'd').attributes.xattrs).toEqual(plain);
    expect(bytesOf(named(image, 'f')).toString()).toBe('content');
  });

  test('longer than a block leave the content whole', async () => {
    const root = emptyTree();
    const value = Uint8Array.from({ length: 65_535 }, (_, index) => index & 0xff);
    addFile(root, 'f', 'content', { xattrs: new Map([['user.long', value]]) });
    addFile(root, 'next', 'next');

    const image = await reread(root);

    expect(fsckErofs(await imageBytes(root))).toBe('');
    expect(named(image, 'f').attributes.xattrs.get('user.long')).toEqual(value);
    expect([bytesOf(named(image, 'f')).toString(), bytesOf(named(image, 'next')).toString()]).toEqual([
      'content',
      'next',
    ]);
  });

  test('of other systems are left out', async () => {
    const root = emptyTree();
    addFile(root, 'f', '', { xattrs: new Map([['com.apple.quarantine', Uint8Array.of(1)]]) });

    expect(named(await reread(root), 'f').attributes.xattrs.size).toBe(0);
  });

  test('that the format has no room for are refused', async () => {
    const root = emptyTree();
    addFile(root, 'f', '', { xattrs: new Map([['user.x', new Uint8Array(65_536)]]) });
    await expect(imageBytes(root)).rejects.toEqual(limit(/"f": the extended attribute "user.x" has more than 65535/));

    const many = new Map(Array.from({ length: 5 }, (_, index) => [`user.${index}`, new Uint8Array(60_000)]));
    addFile(root, 'f', '', { xattrs: many });
    await expect(imageBytes(root)).rejects.toEqual(limit(/"f" has more than 262140 bytes of extended attributes/));
  });
});

describe('what the format has no room for', () => {
  test('a name of 256 bytes is refused', async () => {
    const root = emptyTree();
    addFile(root, 'ü'.repeat(128));

    await expect(imageBytes(root)).rejects.toEqual(limit(/is longer than 255 bytes/));
  });

  test('a device number that Linux does not have is refused', async () => {
    const root = emptyTree();
    addSpecial(root, 'dev', 'char', 4096, 0);

    await expect(imageBytes(root)).rejects.toEqual(limit(/number 4096:0, which Linux does not have/));
  });

  test('more than 16 TiB is refused before anything is written', async () => {
    const root = emptyTree();
    addFile(root, 'huge', { size: 2 ** 44, readSync: () => new Uint8Array(0) });
    const written: number[] = [];

    const writing = writeErofs(root, { uuid: new Uint8Array(16), what: 'the layer' }, (bytes) => {
      written.push(bytes.length);
    });

    await expect(writing).rejects.toEqual(limit(/too large for a disk image/));
    expect(written).toEqual([]);
  });
});

describe('a damaged image', () => {
  const damaged = { code: 'BAD_IMAGE', message: 'the layer is damaged; remove it and get the image again' };

  test.each([
    ['is empty', (): Buffer => Buffer.alloc(0)],
    ['is cut off', (image: Buffer): Buffer => image.subarray(0, image.length - BLOCK_BYTES)],
    ['has another superblock', (image: Buffer): Buffer => (image.writeUInt32LE(7, 1024 + 16), image)],
  ])('that %s is found when it is opened', async (_, change) => {
    const bytes = change(await imageBytes(sample()));

    expect(() => new ErofsImage(new MemoryContent([bytes]), 'the layer')).toThrow(expect.objectContaining(damaged));
  });

  test('never makes the reader read outside of it', async () => {
    const bytes = await imageBytes(sample());
    const outcomes = new Set<string>();
    const walk = (image: ErofsImage, at: ErofsInode, depth: number): void => {
      if (at.kind !== 'directory') return void bytesOf(at);
      if (depth < 5) for (const { inode } of image.list(at)) walk(image, inode, depth + 1);
    };

    // One byte after the other of all inodes and names.
    for (let at = BLOCK_BYTES; at < BLOCK_BYTES + 1024; at++) {
      bytes[at] = bytes[at]! ^ 0xff;
      try {
        const image = new ErofsImage(new MemoryContent([bytes]), 'the layer');
        walk(image, image.root, 0);
        outcomes.add('read');
      } catch (error) {
        outcomes.add((error as { code?: string }).code ?? String(error));
      }
      bytes[at] = bytes[at]! ^ 0xff;
    }

    expect([...outcomes].sort()).toEqual(['BAD_IMAGE', 'read']);
  });
});
