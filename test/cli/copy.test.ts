/** `cp`: its rules (docker cp reference), tried on folders of this host with the real viv-files for the container's. */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type CopyContainer, copyStream, copyToContainer, copyToHost, copyToStream } from '../../src/cli/copy/copy.ts';
import { parseCopyWord } from '../../src/cli/copy/place.ts';
import { unpackTree } from '../../src/cli/copy/unpack.ts';
import { GuestFiles } from '../../src/container/guest-files.ts';
import { concatBytes } from '../../src/oci/blob.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import { DEFAULT_LIMITS, limitsWith } from '../../src/oci/limits.ts';
import { readTar } from '../../src/oci/tar.ts';
import { compileFiles, nativeClient } from '../support/native-files.ts';
import { charDevice, dir, fifo, file, hardlink, type RawEntry, symlink, tar } from '../support/tar-builder.ts';

let built: ReturnType<typeof compileFiles>;
let base: string;
let host: string;
let root: string;
let container: CopyContainer;
let notes: string[];
const PLAIN = { followLink: false, archive: false };
const owner = { uid: process.getuid!(), gid: process.getgid!() };

beforeAll(() => void (built = compileFiles()), 120_000);
afterAll(() => built.remove());
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'vivarium-copy-'));
  host = join(base, 'host');
  root = join(base, 'root');
  notes = [];
  for (const path of ['host/dir/sub', 'root/tmp', 'root/lib', 'root/etc'])
    mkdirSync(join(base, path), { recursive: true });
  writeFileSync(join(host, 'f'), 'host');
  writeFileSync(join(host, 'dir/g'), 'g');
  linkSync(join(host, 'dir/g'), join(host, 'dir/g2'));
  symlinkSync('f', join(host, 'l'));
  symlinkSync('dir', join(host, 'dl'));
  symlinkSync('nowhere', join(host, 'dangling'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  writeFileSync(join(root, 'lib/x'), 'guest');
  symlinkSync('/etc/passwd', join(root, 'link'));
  symlinkSync('lib', join(root, 'folder-link'));
  const files = new GuestFiles(nativeClient(built.program), { path: root, upper: root, lowers: [] });
  container = { name: 'c', files, user: '' };
});
afterEach(() => rmSync(base, { recursive: true }));

const onNote = (text: string): void => void notes.push(text);
const into = (source: string, destination: string, change: object = {}): Promise<unknown> =>
  copyToContainer(join(host, source) + /\/\.?$|$/.exec(source)![0], container, destination, {
    ...PLAIN,
    onNote,
    ...change,
  });
const out = (source: string, destination: string, change: object = {}): Promise<unknown> =>
  copyToHost(container, source, `${host}/${destination}`, { ...PLAIN, onNote, ...change });
const guest = (path: string): string => readFileSync(join(root, path), 'utf8');
const here = (path: string): string => readFileSync(join(host, path), 'utf8');
const tree = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => [
      entry.name,
      ...(entry.isDirectory() ? tree(join(folder, entry.name)).map((name) => `${entry.name}/${name}`) : []),
    ])
    .sort();
async function* stream(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

test.each([
  ['c:/x', { kind: 'container', container: 'c', path: '/x' }],
  ['c:x:y', { kind: 'container', container: 'c', path: 'x:y' }],
  ['./c:x', { kind: 'host', path: './c:x' }],
  ['/c:x', { kind: 'host', path: '/c:x' }],
  ['x', { kind: 'host', path: 'x' }],
  ['-', { kind: 'stream' }],
])('%s means', (text, word) => {
  expect(parseCopyWord(text)).toEqual(word);
});

describe('a file into a container', () => {
  test('takes the name of a path that is not there', async () => {
    await into('f', '/tmp/new');
    expect(guest('tmp/new')).toBe('host');
  });
  test('goes into a folder, also one by a link, also by a path without a slash at its start', async () => {
    await into('f', '/tmp');
    await into('f', '/folder-link');
    await into('f', 'etc/');
    expect([guest('tmp/f'), guest('lib/f'), guest('etc/f')]).toEqual(['host', 'host', 'host']);
  });
  test('replaces a file, and what a link leads to', async () => {
    await into('f', '/lib/x');
    await into('f', '/link');
    expect([guest('lib/x'), guest('etc/passwd'), readlinkSync(join(root, 'link'))]).toEqual([
      'host',
      'host',
      '/etc/passwd',
    ]);
  });
  test('keeps its time and mode', async () => {
    utimesSync(join(host, 'f'), 5, 1577934245.5);
    chmodSync(join(host, 'f'), 0o4640);
    await into('f', '/tmp');
    const { mtimeMs, mode } = statSync(join(root, 'tmp/f'));
    expect([mtimeMs, mode & 0o7777]).toEqual([1577934245500, 0o4640]);
  });
  test('needs the folder that it goes to', async () => {
    await expect(into('f', '/tmp/no/')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'no such directory: "/tmp/no/"',
    });
    await expect(into('f', '/no/such')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'could not find the file /no in container c',
    });
    await expect(into('f', '/etc/passwd/x')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: '/etc/passwd is not a folder',
    });
  });
  test('as a link stays one, unless it is to be followed', async () => {
    await into('l', '/tmp/l1');
    await into('l', '/tmp/l2', { followLink: true });
    await into('dangling', '/tmp');
    expect(readlinkSync(join(root, 'tmp/l1'))).toBe('f');
    expect(guest('tmp/l2')).toBe('host');
    expect(readlinkSync(join(root, 'tmp/dangling'))).toBe('nowhere');
    await expect(into('dangling', '/tmp', { followLink: true })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
  test('that is not there is named', async () => {
    await expect(into('nope', '/tmp')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `can't read "${host}/nope": there is no such file`,
    });
  });
});

describe('a folder into a container', () => {
  test('takes the name of a path that is not there', async () => {
    await into('dir', '/tmp/new');
    await into('dir/.', '/tmp/new2');
    expect([tree(join(root, 'tmp/new')), tree(join(root, 'tmp/new2'))]).toEqual([
      ['g', 'g2', 'sub'],
      ['g', 'g2', 'sub'],
    ]);
    expect(statSync(join(root, 'tmp/new/g')).nlink).toBe(2);
  });
  test('goes into a folder, with a dot only what is in it', async () => {
    await into('dir/', '/tmp');
    await into('dir/.', '/lib');
    expect([tree(join(root, 'tmp')), tree(join(root, 'lib'))]).toEqual([
      ['dir', 'dir/g', 'dir/g2', 'dir/sub'],
      ['g', 'g2', 'sub', 'x'],
    ]);
  });
  test('does not replace a file', async () => {
    await expect(into('dir', '/lib/x')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('cannot copy a directory'),
    });
    await expect(into('dir/.', '/lib/x')).rejects.toMatchObject({ code: 'USAGE' });
    expect(guest('lib/x')).toBe('guest');
  });
  test('by a link with a slash is the folder, without one the link', async () => {
    await into('dl', '/tmp/a');
    await into('dl/', '/tmp/b');
    expect([readlinkSync(join(root, 'tmp/a')), tree(join(root, 'tmp/b'))]).toEqual(['dir', ['g', 'g2', 'sub']]);
  });
});

describe('out of a container', () => {
  test('a file takes a new name, goes into a folder, or replaces a file', async () => {
    await out('/lib/x', 'new');
    await out('/lib/x', 'dir');
    await out('lib/x', 'f');
    expect([here('new'), here('dir/x'), here('f')]).toEqual(['guest', 'guest', 'guest']);
  });
  test('a folder takes a new name, goes into a folder, or only what is in it', async () => {
    await out('/lib', 'new');
    await out('/lib', 'dir');
    await out('/lib/.', 'dir/sub');
    expect([tree(join(host, 'new')), tree(join(host, 'dir'))]).toEqual([
      ['x'],
      ['g', 'g2', 'lib', 'lib/x', 'sub', 'sub/x'],
    ]);
  });
  test('a link is a link, or what it leads to', async () => {
    await out('/link', 'a');
    await out('/link', 'b', { followLink: true });
    await out('/folder-link', 'dir', { followLink: true });
    await out('/folder-link/', 'd');
    expect(readlinkSync(join(host, 'a'))).toBe('/etc/passwd');
    expect(here('b')).toContain('root:x');
    expect([here('dir/folder-link/x'), here('d/x')]).toEqual(['guest', 'guest']);
  });
  test('needs the folder that it goes to, and what it copies', async () => {
    await expect(out('/lib/x', 'nodir/x')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: `invalid output path: the directory "${host}/nodir" does not exist`,
    });
    await expect(out('/lib/x', 'nodir/')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('no such directory'),
    });
    await expect(out('/lib', 'f')).rejects.toMatchObject({ code: 'USAGE' });
    await expect(out('/nope', 'x')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'could not find the file /nope in container c',
    });
  });
  test('set-id bits stay behind, unless all is kept', async () => {
    chmodSync(join(root, 'lib/x'), 0o4755);
    await out('/lib/x', 'plain');
    await out('/lib/x', 'kept', { archive: true });
    expect([lstatSync(join(host, 'plain')).mode & 0o7777, lstatSync(join(host, 'kept')).mode & 0o7777]).toEqual([
      0o755, 0o4755,
    ]);
  });
  test('a folder that nobody may write to is filled all the same', async () => {
    chmodSync(join(root, 'lib'), 0o555);
    await out('/lib', 'new');
    expect([here('new/x'), lstatSync(join(host, 'new')).mode & 0o777]).toEqual(['guest', 0o555]);
    chmodSync(join(root, 'lib'), 0o755);
    chmodSync(join(host, 'new'), 0o755);
  });
});

describe('streams', () => {
  const entries = async (source: string): Promise<string[]> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await copyToStream(container, source, { ...PLAIN, onNote })) chunks.push(chunk);
    const content = new MemoryContent([concatBytes(chunks)]);
    return [...readTar(content, { what: 'x', limits: limitsWith() })].map(({ path }) => path);
  };
  test('out have names from the last one on', async () => {
    expect(await entries('/lib')).toEqual(['lib/', 'lib/x']);
    expect(await entries('/lib/.')).toEqual(['./', './x']);
    expect(await entries('/lib/x')).toEqual(['x']);
  });
  test('in may be compressed, of any dialect, and go into a folder', async () => {
    const archive = tar(dir('d', owner), { ...file('cut', 'text', owner), gnuName: `d/${'n'.repeat(150)}` });
    await copyStream(stream(gzipSync(archive)), container, '/tmp', { ...PLAIN, onNote });
    expect(guest(`tmp/d/${'n'.repeat(150)}`)).toBe('text');
  });
  test('in need a folder and an archive', async () => {
    const copy = (place: string, bytes: Uint8Array): Promise<unknown> =>
      copyStream(stream(bytes), container, place, { ...PLAIN, onNote });
    await expect(copy('/etc/passwd', tar())).rejects.toMatchObject({
      message: 'destination "c:/etc/passwd" must be a directory',
    });
    await expect(copy('/nope', tar())).rejects.toMatchObject({ code: 'USAGE' });
    await expect(copy('/tmp', new TextEncoder().encode('junk'))).rejects.toMatchObject({ code: 'BAD_IMAGE' });
  });
});

describe('a hostile archive unpacked on the host', () => {
  const unpack = (...entries: RawEntry[]): Promise<void> =>
    unpackTree(stream(tar(...entries)), host, { limits: DEFAULT_LIMITS, what: 'it', archive: false, onNote });

  test.each<[string, RawEntry[]]>([
    ['climbs', [file('../secret', 'x')]],
    ['climbs from within', [file('a/../../secret', 'x')]],
    ['goes through a link of its own', [symlink('out', '..'), file('out/secret', 'x')]],
    ['goes through a link that was there', [file('dl/secret', 'x')]],
    ['makes a link a folder', [symlink('out', '..'), dir('out')]],
    ['links to a file outside', [hardlink('h', '../outside')]],
    ['links through a link', [symlink('out', '..'), hardlink('h', 'out/outside')]],
    ['links to a link', [hardlink('h', 'l')]],
    ['replaces a folder', [file('dir', 'x')]],
    ['replaces the folder itself', [file('.', 'x')]],
  ])('that %s is refused', async (_, entries) => {
    writeFileSync(join(base, 'outside'), 'outside');
    const before = tree(host);

    await expect(unpack(...entries)).rejects.toMatchObject({ code: expect.stringMatching(/BAD_IMAGE|CONFLICT/) });

    expect([existsSync(join(base, 'secret')), existsSync(join(host, 'dir/secret'))]).toEqual([false, false]);
    expect(tree(host).filter((name) => !before.includes(name) && name !== 'out')).toEqual([]);
    expect(readFileSync(join(base, 'outside'), 'utf8')).toBe('outside');
  });

  test('writes over a link, not through it', async () => {
    symlinkSync('../outside', join(host, 'to-outside'));
    writeFileSync(join(base, 'outside'), 'outside');
    await unpack(file('to-outside', 'x'));
    expect([here('to-outside'), readFileSync(join(base, 'outside'), 'utf8')]).toEqual(['x', 'outside']);
  });

  test('with an absolute name stays in the folder', async () => {
    await unpack(file('/abs', 'x'));
    expect(here('abs')).toBe('x');
  });

  test('has no devices and pipes made, with a note each', async () => {
    writeFileSync(join(host, 'p'), "the host's");
    await unpack(charDevice('null', 1, 3), fifo('p'), file('rest', 'x'));
    expect([existsSync(join(host, 'null')), here('p'), here('rest')]).toEqual([false, "the host's", 'x']);
    expect(notes).toEqual([
      '"null" is a device, which is not made on the host; it is left out',
      '"p" is a named pipe, which is not made on the host; it is left out',
    ]);
  });

  test('makes hard links and holes', async () => {
    await unpack(file('a', new Uint8Array(3_000_000)), hardlink('b', 'a'), hardlink('b', 'a'));
    const info = statSync(join(host, 'b'));
    expect([info.nlink, info.size, info.blocks * 512 < 1_000_000]).toEqual([2, 3_000_000, true]);
  });
});
