import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { MemoryContent } from '../../src/oci/content.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import { type TarEntry, isTarHeader, readTar } from '../../src/oci/tar.ts';
import { type TarFile, writeTar } from '../../src/oci/tar-writer.ts';
import { blockDevice, charDevice, dir, fifo, file, hardlink, paxRecord, symlink, tar } from '../support/tar-builder.ts';

function read(bytes: Uint8Array, requireEnd = false): TarEntry[] {
  return [...readTar(new MemoryContent([bytes]), { what: 'a.tar', limits: limitsWith(), requireEnd })];
}

function readOne(bytes: Uint8Array): TarEntry {
  const [entry] = read(bytes);
  return entry!;
}

const badImage = (message: RegExp): object =>
  expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) });

describe('tar reader', () => {
  test('reads every type of entry with its attributes', () => {
    const archive = tar(
      dir('d', { mode: 0o1777 }),
      file('d/f', 'text', { mode: 0o4755, uid: 7, gid: 8, mtime: 9 }),
      symlink('s', 'd/f'),
      hardlink('h', 'd/f'),
      charDevice('c', 1, 3),
      blockDevice('b', 8, 1),
      fifo('p'),
    );

    const entries = read(archive);

    expect(entries.map(({ type, path, linkPath }) => [type, path, linkPath])).toEqual([
      ['directory', 'd/', ''],
      ['file', 'd/f', ''],
      ['symlink', 's', 'd/f'],
      ['hardlink', 'h', 'd/f'],
      ['char', 'c', ''],
      ['block', 'b', ''],
      ['fifo', 'p', ''],
    ]);
    expect(entries[0]).toMatchObject({ mode: 0o1777 });
    expect(entries[1]).toMatchObject({ mode: 0o4755, uid: 7, gid: 8, mtimeNs: 9_000_000_000n, size: 4 });
    expect(entries[4]).toMatchObject({ major: 1, minor: 3 });
    expect(entries[5]).toMatchObject({ major: 8, minor: 1 });
  });

  test('says where the data of a file lies', () => {
    const archive = tar(file('first', 'x'.repeat(600)), file('second', 'here'));

    const entry = read(archive)[1]!;

    expect(Buffer.from(archive.subarray(entry.offset, entry.offset + entry.size)).toString()).toBe('here');
  });

  test('joins the ustar prefix to the name', () => {
    expect(readOne(tar(file('name', '', { prefix: 'some/where' }))).path).toBe('some/where/name');
  });

  test('ignores the prefix field of a GNU header', () => {
    expect(readOne(tar(file('name', '', { prefix: 'times', magic: 'ustar  \0' }))).path).toBe('name');
  });

  test('takes a name of more than 100 bytes from a PAX header', () => {
    const long = `${'d'.repeat(90)}/${'é'.repeat(60)}`;

    expect(readOne(tar(file('cut', '', { pax: { path: long } }))).path).toBe(long);
  });

  test('takes a long name and a long link from GNU headers', () => {
    const name = 'n'.repeat(300);
    const link = 'l'.repeat(300);

    expect(readOne(tar(symlink('cut', 'cut', { gnuName: name, gnuLink: link })))).toMatchObject({
      path: name,
      linkPath: link,
    });
  });

  test('does not apply a PAX header to the entry after the next', () => {
    expect(read(tar(file('a', '', { pax: { path: 'b' } }), file('c'))).map(({ path }) => path)).toEqual(['b', 'c']);
  });

  test('keeps binary extended attributes as they are', () => {
    const value = Uint8Array.from([0, 255, 10, 61, 128, 0]);

    expect(
      readOne(tar(file('a', '', { pax: { 'SCHILY.xattr.security.capability': value } }))).xattrs.get(
        'security.capability',
      ),
    ).toEqual(value);
  });

  test('keeps the nanoseconds of a PAX mtime', () => {
    expect(readOne(tar(file('a', '', { pax: { mtime: '1700000000.123456789' } }))).mtimeNs).toBe(
      1_700_000_000_123_456_789n,
    );
  });

  test('reads a PAX mtime before 1970', () => {
    expect(readOne(tar(file('a', '', { pax: { mtime: '-1.5' } }))).mtimeNs).toBe(-1_500_000_000n);
  });

  test('takes size, uid and gid from a PAX header', () => {
    const entry = readOne(
      tar(file('a', 'data', { sizeField: '00000000000', pax: { size: '4', uid: '3000000', gid: '3000001' } })),
    );

    expect(entry).toMatchObject({ size: 4, uid: 3_000_000, gid: 3_000_001 });
  });

  test('reads a base-256 size', () => {
    const size = Uint8Array.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]);

    expect(readOne(tar(file('a', 'data', { sizeField: size }))).size).toBe(4);
  });

  test('takes a file whose name ends in a slash for a directory', () => {
    expect(readOne(tar(file('old/'))).type).toBe('directory');
  });

  test('gives a hard link no data whatever its size says', () => {
    const entries = read(tar(hardlink('h', 'x', { sizeField: '00000001000' }), file('after')));

    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ['h', 0],
      ['after', 0],
    ]);
  });

  test('ignores harmless records of a global PAX header', () => {
    expect(readOne(tar({ name: 'g', type: 'g', data: paxRecord('comment', 'abc') }, file('a'))).path).toBe('a');
  });

  test('ignores what follows the end of the archive', () => {
    const archive = Buffer.concat([tar(file('a')), Buffer.from('junk')]);

    expect(read(archive)).toHaveLength(1);
  });

  test('reads what our own writer writes', () => {
    const long = `${'long/'.repeat(30)}name`;
    const files: TarFile[] = [
      { path: 'd', type: 'directory', mode: 0o1777 },
      {
        path: long,
        type: 'file',
        mode: 0o4755,
        uid: 5_000_000,
        gid: 2,
        mtimeSeconds: 77,
        content: Buffer.from('abc'),
        xattrs: new Map([['user.x', Uint8Array.from([0, 200])]]),
      },
      { path: 'l', type: 'symlink', mode: 0o777, linkPath: `../${long}` },
      { path: 'h', type: 'hardlink', mode: 0o755, linkPath: long },
      { path: 'n', type: 'char', mode: 0o666, major: 1, minor: 3 },
    ];

    const entries = read(Buffer.concat([...writeTar(files)]), true);

    expect(entries[0]).toMatchObject({ type: 'directory', path: 'd/', mode: 0o1777 });
    expect(entries[1]).toMatchObject({
      path: long,
      mode: 0o4755,
      uid: 5_000_000,
      gid: 2,
      mtimeNs: 77_000_000_000n,
      size: 3,
      xattrs: new Map([['user.x', Uint8Array.from([0, 200])]]),
    });
    expect(entries[2]).toMatchObject({ type: 'symlink', linkPath: `../${long}` });
    expect(entries[3]).toMatchObject({ type: 'hardlink', linkPath: long });
    expect(entries[4]).toMatchObject({ type: 'char', major: 1, minor: 3 });
  });
});

describe('tar reader on broken archives', () => {
  test('refuses a header with a wrong checksum', () => {
    expect(() => read(tar(file('a', '', { checksumError: 1 })))).toThrow(badImage(/bad checksum at offset 0/));
  });

  test('refuses data that is cut off', () => {
    expect(() => read(tar(file('a', 'x'.repeat(2000))).subarray(0, 1024))).toThrow(badImage(/truncated/));
  });

  test('refuses a header that is cut off', () => {
    expect(() => read(tar(file('a')).subarray(0, 300))).toThrow(badImage(/truncated/));
  });

  test('refuses an archive without an end marker where one is required', () => {
    expect(() => read(tar(file('a')).subarray(0, 512), true)).toThrow(badImage(/truncated/));
  });

  test('accepts a missing end marker where a digest covers the archive', () => {
    expect(read(tar(file('a')).subarray(0, 512))).toHaveLength(1);
  });

  test('refuses a negative size', () => {
    expect(() => read(tar(file('a', '', { sizeField: new Uint8Array(12).fill(0xff) })))).toThrow(
      badImage(/negative size/),
    );
  });

  test('refuses a size beyond what a number holds', () => {
    expect(() =>
      read(
        tar(
          file('a', '', {
            sizeField: Uint8Array.from([0x80, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
          }),
        ),
      ),
    ).toThrow(badImage(/bad size/));
  });

  test('refuses digits that are not octal', () => {
    expect(() => read(tar(file('a', '', { sizeField: '0000000009x' })))).toThrow(badImage(/bad size/));
  });

  test('refuses a GNU sparse file', () => {
    expect(() => read(tar({ name: 's', type: 'S' }))).toThrow(badImage(/sparse/));
  });

  test('refuses a PAX sparse file', () => {
    expect(() => read(tar(file('s', '', { pax: { 'GNU.sparse.major': '1' } })))).toThrow(badImage(/sparse/));
  });

  test('refuses a type it does not know', () => {
    expect(() => read(tar({ name: 'v', type: 'V' }))).toThrow(badImage(/unknown tar type "V"/));
  });

  test('refuses a PAX record whose length goes past the header', () => {
    expect(() => read(tar({ name: 'x', type: 'x', data: '99 path=a\n' }, file('a')))).toThrow(badImage(/broken PAX/));
  });

  test('refuses a PAX record with length 0', () => {
    expect(() => read(tar({ name: 'x', type: 'x', data: '0 path=a\n' }, file('a')))).toThrow(badImage(/broken PAX/));
  });

  test('refuses a NUL in a PAX path', () => {
    expect(() => read(tar(file('a', '', { pax: { path: 'etc/passwd\0.txt' } })))).toThrow(badImage(/NUL/));
  });

  test('refuses a name that is not UTF-8', () => {
    expect(() => read(tar(file('a', '', { pax: { path: Uint8Array.from([0x61, 0xff]) } })))).toThrow(
      badImage(/not UTF-8/),
    );
  });

  test('refuses a global PAX header that renames everything', () => {
    expect(() => read(tar({ name: 'g', type: 'g', data: paxRecord('path', 'x') }, file('a')))).toThrow(
      badImage(/"path" for all entries/),
    );
  });

  test('refuses a header extension over the limit', () => {
    const archive = tar({ name: 'L', type: 'L', data: new Uint8Array(2 * 1024 * 1024) }, file('a'));

    expect(() => read(archive)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });

  test('refuses an extended attribute over the limit', () => {
    const archive = tar(file('a', '', { pax: { 'SCHILY.xattr.user.big': new Uint8Array(65_537) } }));

    expect(() => read(archive)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });

  test('does not take text for a tar header', () => {
    expect(isTarHeader(Buffer.alloc(512, 'text'))).toBe(false);
  });

  test('does not take zeros for a tar header', () => {
    expect(isTarHeader(new Uint8Array(512))).toBe(false);
  });
});
