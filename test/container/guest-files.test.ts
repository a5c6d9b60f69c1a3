/** GuestFiles with the real viv-files, on folders of this host. What needs a guest's root is in test/e2e/guest-files.test.ts. */
import { execSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GuestFiles } from '../../src/container/guest-files.ts';
import { concatBytes } from '../../src/oci/blob.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import { type TarEntry, readTar } from '../../src/oci/tar.ts';
import { type NativeClient, compileFiles, nativeClient } from '../support/native-files.ts';
import { dir, file, hardlink, type RawEntry, symlink, tar as archive } from '../support/tar-builder.ts';

let built: ReturnType<typeof compileFiles>;
let base: string;
let root: string;
let client: NativeClient;
let files: GuestFiles;
const owner = { uid: process.getuid!(), gid: process.getgid!() };

beforeAll(() => void (built = compileFiles()), 120_000);
afterAll(() => built.remove());
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'vivarium-tree-'));
  root = join(base, 'root');
  for (const name of ['root', 'lower', 'bottom']) mkdirSync(join(base, name));
  client = nativeClient(built.program);
  files = new GuestFiles(client, {
    path: root,
    upper: root,
    lowers: [join(base, 'lower'), join(base, 'bottom')],
    mountPoints: ['/proc', '/etc/hosts', '/etc'],
  });
});
afterEach(() => {
  expect(client.running.size).toBe(0);
  execSync(`rm -rf ${base}`); // also what is too deep for Node
});

const put = (path: string, text = ''): void => writeFileSync(join(root, path), text);
const folder = (path: string): void => void mkdirSync(join(root, path), { recursive: true });

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concatBytes(chunks);
}
async function entriesOf(stream: AsyncIterable<Uint8Array>): Promise<TarEntry[]> {
  const content = new MemoryContent([await bytesOf(stream)]);
  return [...readTar(content, { what: 'x', limits: limitsWith(), requireEnd: true })];
}
const namesOf = async (stream: AsyncIterable<Uint8Array>): Promise<string[]> =>
  (await entriesOf(stream)).map(({ path }) => path);
async function* stream(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
const unpack = (place: string, ...entries: RawEntry[]): Promise<void> =>
  files.writeTar(place, stream(archive(...entries.map((entry) => ({ ...owner, ...entry })))));

describe('stat', () => {
  test('tells of a file', async () => {
    put('f', 'text');
    chmodSync(join(root, 'f'), 0o4751);
    utimesSync(join(root, 'f'), 5, 1234.5);

    expect(await files.stat('/f')).toEqual({
      kind: 'file',
      mode: 0o4751,
      ...owner,
      size: 4,
      mtimeNs: 1_234_500_000_000n,
      target: '',
      resolved: undefined,
    });
  });

  test('tells where a link leads, from the root of the container', async () => {
    folder('d');
    put('d/f');
    symlinkSync('/d', join(root, 'absolute'));
    symlinkSync('../../d/f', join(root, 'd/up'));
    symlinkSync('/nowhere', join(root, 'dangling'));

    expect(await files.stat('/absolute')).toMatchObject({ kind: 'symlink', target: '/d', resolved: '/d' });
    expect(await files.stat('/d/up')).toMatchObject({ target: '../../d/f', resolved: '/d/f' });
    expect(await files.stat('/dangling')).toMatchObject({ target: '/nowhere', resolved: undefined });
    expect(await files.stat('/absolute/')).toMatchObject({ kind: 'directory' });
  });

  test('never leaves the root', async () => {
    writeFileSync(join(base, 'secret'), 'x');
    symlinkSync('../secret', join(root, 'relative'));
    symlinkSync(base, join(root, 'absolute'));

    await expect(files.stat('/../secret')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(files.stat('/absolute/secret')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await files.stat('/relative')).toMatchObject({ resolved: undefined });
  });

  test('says what is not there', async () => {
    await expect(files.stat('/no/such')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: "can't find /no/such: no such file or directory",
    });
  });
});

describe('an archive', () => {
  test('has everything under the name asked for, in the order of bytes', async () => {
    folder('d/sub');
    put('d/b', 'bytes');
    put('d/a');
    linkSync(join(root, 'd/a'), join(root, 'd/z'));
    symlinkSync('t'.repeat(300), join(root, 'd/link'));
    put(`d/${'n'.repeat(200)}`);

    const entries = await entriesOf(files.readTar('/d', 'new'));

    expect(entries.map(({ path, type, linkPath, size }) => [path, type, linkPath, size])).toEqual([
      ['new/', 'directory', '', 0],
      ['new/a', 'file', '', 0],
      ['new/b', 'file', '', 5],
      ['new/link', 'symlink', 't'.repeat(300), 0],
      [`new/${'n'.repeat(200)}`, 'file', '', 0],
      ['new/sub/', 'directory', '', 0],
      ['new/z', 'hardlink', 'new/a', 0],
    ]);
  });

  test('is the same each time', async () => {
    for (let i = 0; i < 50; i++) put(`f${i}`, String(i));

    expect(await bytesOf(files.exportTar())).toEqual(await bytesOf(files.exportTar()));
  });

  test('has a sparse file as its zeros, at the pace of who reads it', async () => {
    put('sparse');
    truncateSync(join(root, 'sparse'), 20_000_000);
    utimesSync(join(root, 'sparse'), 1000, 1000);
    let byteCount = 0;
    for await (const chunk of files.readTar('/sparse', 's')) {
      expect(chunk.every((byte, index) => byte === 0 || byteCount + index < 512)).toBe(true);
      byteCount += chunk.length;
    }
    expect(byteCount).toBe(512 + Math.ceil(20_000_000 / 512) * 512 + 1024);
  });

  test('leaves out a socket and says so', async () => {
    const notes: string[] = [];
    const server = createServer().listen(join(root, 'sock'));
    await new Promise((resolve) => server.once('listening', resolve));

    const names = await namesOf(files.exportTar({ onNote: (text) => notes.push(text) }));
    server.close();

    expect([names, notes]).toEqual([[], ["/sock is a socket, which an archive can't have; it is left out"]]);
  });

  test('can be given up in the middle', async () => {
    put('large');
    truncateSync(join(root, 'large'), 2 ** 40);

    for await (const _ of files.readTar('/large', 'l')) break;

    expect(client.running.size).toBe(0);
  });

  test('of a tree that is deeper than a path can be is refused', async () => {
    let command = '';
    for (let i = 0; i < 25; i++) command += `mkdir ${'d'.repeat(200)} && cd ${'d'.repeat(200)} && `;
    execSync(`${command} true`, { cwd: root, shell: '/bin/bash' });

    await expect(bytesOf(files.exportTar())).rejects.toMatchObject({
      code: 'FILES',
      message: expect.stringContaining('is deeper than a path of 4095 bytes'),
    });
  });

  test('has no line breaks of names in its messages', async () => {
    await expect(files.stat('/a\nnote: b')).rejects.toMatchObject({ message: expect.stringContaining('/a?note: b') });
  });
});

describe('unpacking', () => {
  test('makes what the archive has', async () => {
    folder('to');

    await unpack(
      '/to',
      dir('d', { mode: 0o751, mtime: 1000 }),
      file('d/f', 'text', { mode: 0o4755, mtime: 2000 }),
      hardlink('d/g', 'd/f'),
      symlink('s', '/anywhere'),
      { name: 'p', type: '6', mode: 0o600 },
      file('x', '', { pax: { path: 'l'.repeat(200), mtime: '-1.5' } }),
    );

    const info = statSync(join(root, 'to/d/f'));
    expect([info.mode & 0o7777, info.mtimeMs, info.nlink]).toEqual([0o4755, 2_000_000, 2]);
    expect(readFileSync(join(root, 'to/d/g'), 'utf8')).toBe('text');
    expect([statSync(join(root, 'to/d')).mode & 0o7777, statSync(join(root, 'to/d')).mtimeMs]).toEqual([
      0o751, 1_000_000,
    ]);
    expect(readlinkSync(join(root, 'to/s'))).toBe('/anywhere');
    expect(lstatSync(join(root, 'to/p')).isFIFO()).toBe(true);
    expect(statSync(join(root, 'to', 'l'.repeat(200))).mtimeMs).toBe(-1500);
  });

  test('takes an archive that the other side made, to the same bytes again', async () => {
    folder('from/sub');
    put('from/f', 'x'.repeat(100_000));
    linkSync(join(root, 'from/f'), join(root, 'from/g'));
    folder('to');
    const tar = await bytesOf(files.readTar('/from', 'copy'));

    await files.writeTar('/to', stream(tar.slice(0, 700), tar.slice(700)));

    expect(await bytesOf(files.readTar('/to/copy', 'copy'))).toEqual(tar);
  });

  test('follows links of the tree, but not out of the root', async () => {
    folder('real');
    symlinkSync('/real', join(root, 'link'));
    symlinkSync(`../../../../../../../..${base}`, join(root, 'out'));

    await unpack('/', file('link/f', 'in'));
    await expect(unpack('/', file('out/f', 'x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });

    expect(readFileSync(join(root, 'real/f'), 'utf8')).toBe('in');
    expect(existsSync(join(base, 'f'))).toBe(false);
  });

  test('replaces what is there, but no folder by a file nor a file by a folder', async () => {
    folder('d');
    put('f', 'old');
    symlinkSync('f', join(root, 'l'));

    await unpack('/', file('l', 'new'));
    await expect(unpack('/', file('d', ''))).rejects.toMatchObject({
      code: 'CONFLICT',
      message: "can't replace the folder /d by something else",
    });
    await expect(unpack('/', dir('f'))).rejects.toMatchObject({ code: 'CONFLICT' });

    expect([readFileSync(join(root, 'l'), 'utf8'), readFileSync(join(root, 'f'), 'utf8')]).toEqual(['new', 'old']);
  });

  test.each<[string, RawEntry]>([
    ['leads out', file('a/../../f')],
    ['links to what is out', hardlink('h', '../../secret')],
    ['has a type that is not known', { name: 'x', type: 'S' }],
    ['has a broken PAX header', { name: 'pax', type: 'x', data: '99 path=x\n' }],
    ['has a PAX word that is not known', file('x', '', { pax: { 'GNU.sparse.size': '1' } })],
    ['has a wrong checksum', file('x', '', { checksumError: 1 })],
    ['has a size that is no number', file('x', '', { sizeField: 'zzzzzzzzzzz' })],
  ])('refuses an archive that %s', async (_, entry) => {
    folder('d');
    await expect(unpack('/d', entry)).rejects.toMatchObject({ code: 'BAD_IMAGE' });
  });

  test('refuses an archive that just stops', async () => {
    const whole = archive(file('f', 'x'.repeat(2000)));
    await expect(files.writeTar('/', stream(whole.slice(0, 1500)))).rejects.toMatchObject({ code: 'BAD_IMAGE' });
    await expect(files.writeTar('/', stream(whole.slice(0, -1024)))).rejects.toMatchObject({ code: 'BAD_IMAGE' });
  });

  test('says what is wrong with the place', async () => {
    put('f');
    await expect(unpack('/nowhere', file('x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(unpack('/f', file('x'))).rejects.toMatchObject({ code: 'NOT_FOUND', message: '/f is not a folder' });
  });

  test('stops when its source fails, with the source’s error', async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield archive(file('f', 'x')).slice(0, 100);
      throw new Error('the source has failed');
    }
    await expect(files.writeTar('/', failing())).rejects.toThrow('the source has failed');
  });
});

describe('changes', () => {
  const lower = (name: string, path: string, text?: string): void => {
    const at = join(base, name, path);
    if (text === undefined) mkdirSync(at, { recursive: true });
    else writeFileSync(at, text);
    utimesSync(at, 1000, 1000);
  };
  const same = (path: string): void => utimesSync(join(root, path), 1000, 1000);
  const listed = async (): Promise<string[]> => (await files.changes()).map(({ kind, path }) => `${kind} ${path}`);

  test('are what is new or differs, with the folders above it', async () => {
    lower('bottom', 'd/e');
    lower('bottom', 'd/e/f', 'old');
    lower('lower', 'd');
    lower('lower', 'd/same', 'same');
    folder('d/e');
    put('d/e/f', 'newer');
    put('d/same', 'same');
    same('d/same');
    folder('new/deep');

    expect(await listed()).toEqual(['C /d', 'C /d/e', 'C /d/e/f', 'A /new', 'A /new/deep']);
  });

  test('are none where a file was only copied up', async () => {
    lower('lower', 'd');
    lower('lower', 'd/f', 'x');
    folder('d');
    put('d/f', 'x');
    same('d/f');

    expect(await listed()).toEqual([]);
  });

  test('are modes too', async () => {
    lower('lower', 'd');
    folder('d');
    chmodSync(join(root, 'd'), 0o700);

    expect(await listed()).toEqual(['C /d']);
  });

  test('of a file that became a folder, and the other way round', async () => {
    lower('lower', 'f', '');
    lower('lower', 'd/in');
    folder('f/in');
    put('d');

    expect(await listed()).toEqual(['C /d', 'C /f', 'A /f/in']);
  });

  test('leave out what the runtime mounts on, unless there is something in it', async () => {
    folder('proc');
    folder('etc');
    put('etc/hosts');
    const before = await listed();
    put('etc/own', 'x');

    expect([before, await listed()]).toEqual([[], ['A /etc', 'A /etc/own']]);
  });

  test('as a layer leave the same out', async () => {
    folder('proc');
    folder('etc');
    put('etc/hosts');
    put('etc/.wh.own');
    const notes: string[] = [];

    expect(await namesOf(files.layerTar({ onNote: (text) => notes.push(text) }))).toEqual(['./', 'etc/']);
    expect(notes).toEqual([expect.stringContaining('/etc/.wh.own is left out')]);
  });
});

test('a guest without the program says so', async () => {
  const nowhere = nativeClient('/bin/false');
  await expect(new GuestFiles(nowhere, { path: root, upper: root, lowers: [] }).stat('/')).rejects.toMatchObject({
    code: 'FILES',
    message: "the guest's /usr/bin/viv-files failed with status 1",
  });
});
