import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../../../src/devices/virtio/p9/filesystem.ts';
import { TreeFs } from '../../../../src/devices/virtio/p9/tree-fs.ts';
import { E, encode, NOFID, O, P9Client, T, type Field } from '../../../support/p9-client.ts';
import { STATUS } from '../../../support/virtio-driver.ts';
import { ManualClock } from '../../support.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const OWNED = { mode: 0o644, uid: 7, gid: 8, mtimeNs: 1_000_000_005n };

/** /etc/passwd, /etc/link → passwd, /bin (empty), /null (char 1:3). */
function tree(options: { memoryLimitBytes?: number } = {}): TreeFs {
  const fs = new TreeFs({ clock: new ManualClock(), ...options });
  const builder = fs.builder();
  const etc = builder.mkdir(fs.root, 'etc', { ...OWNED, mode: 0o755 });
  builder.createFile(etc, 'passwd', { ...OWNED, xattrs: new Map([['user.a', bytesOf('1')]]) }, bytesOf('root:x:0:0'));
  builder.symlink(etc, 'link', OWNED, 'passwd');
  builder.mkdir(fs.root, 'bin', { ...OWNED, mode: 0o755 });
  builder.mknod(fs.root, 'null', { ...OWNED, mode: 0o666 }, { kind: 'char', major: 1, minor: 3 });
  return fs;
}

describe('9P session', () => {
  it('agrees on 9P2000.L and a message size of at most 512 KiB', () => {
    const client = new P9Client(tree(), { attach: false });
    const reply = client.version(1 << 24);
    expect([reply.type, reply.u(4), reply.string()]).toEqual([101, 512 * 1024, '9P2000.L']);
  });

  it('answers "unknown" to other versions, and then nothing else', () => {
    const client = new P9Client(tree(), { attach: false });
    const reply = client.version(8192, '9P2000.u');
    expect([reply.u(4), reply.string()]).toEqual([8192, 'unknown']);
    expect(client.attach(0).errno).toBe(E.EPROTO);
  });

  it('refuses a message size too small to be of use', () => {
    expect(new P9Client(tree(), { attach: false }).version(100).errno).toBe(E.EINVAL);
  });

  it('refuses everything before Tversion', () => {
    expect(new P9Client(tree(), { attach: false }).attach(0).errno).toBe(E.EPROTO);
  });

  it('forgets all fids on a new Tversion', () => {
    const client = new P9Client(tree());
    client.version();
    expect(client.walkRaw(0, 1, []).errno).toBe(E.EBADF);
  });

  it('attaches to a folder inside, never above', () => {
    const client = new P9Client(tree());
    expect(client.attach(1, 0, '/etc').qid().path).toBe(client.stat('etc').qid.path);
    expect([client.attach(2, 0, '/../etc').errno, client.attach(3, 0, '/none').errno]).toEqual([E.EINVAL, E.ENOENT]);
  });

  it('refuses authentication and fids in use', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.auth, [[4, 9], 'root', '', [4, 0]])).toBe(E.EOPNOTSUPP);
    expect(client.errno(T.attach, [[4, 9], [4, 3], 'root', '', [4, 0]])).toBe(E.EINVAL);
    expect(client.attach(0).errno).toBe(E.EBADF);
  });

  it('answers Tflush for a request that has ended', () => {
    expect(new P9Client(tree()).ok(T.flush, [[2, 1]]).type).toBe(109);
  });

  it('tells its mount tag', () => {
    const { driver } = new P9Client(tree());
    expect([driver.config(0, 2), driver.config(2, 4)]).toEqual([4, 0x746f6f72]);
  });
});

describe('9P walk', () => {
  it('gives a qid for each name and clones with none', () => {
    const client = new P9Client(tree());
    const reply = client.walkRaw(0, 1, ['etc', 'passwd']);
    expect([reply.u(2), reply.qid().type, reply.qid().type]).toEqual([2, 0x80, 0]);
    expect(client.walkRaw(1, 2, []).u(2)).toBe(0);
    expect(client.getattr(2)).toEqual(client.getattr(1));
  });

  it('tells how far it came, and makes no fid, when a later name is not there', () => {
    const client = new P9Client(tree());
    expect(client.walkRaw(0, 1, ['etc', 'none']).u(2)).toBe(1);
    expect(client.errno(T.clunk, [[4, 1]])).toBe(E.EBADF);
  });

  it('is an error when the first name is not there or the start is no directory', () => {
    const client = new P9Client(tree());
    expect(client.walkRaw(0, 1, ['none']).errno).toBe(E.ENOENT);
    expect(client.walkRaw(client.walk('etc/passwd'), 1, ['x']).errno).toBe(E.ENOTDIR);
  });

  it('does not leave the root by ..', () => {
    const client = new P9Client(tree());
    const reply = client.walkRaw(client.walk('etc'), 1, ['..', '..', '..', 'bin']);
    expect(reply.u(2)).toBe(4);
    expect(client.getattr(1).qid).toEqual(client.stat('bin').qid);
  });

  it('refuses names with a slash or NUL, empty names and too many', () => {
    const client = new P9Client(tree());
    const errors = [
      ['etc/passwd'],
      [''],
      ['.'],
      ['a\0b'],
      ['x'.repeat(256)],
      Array.from({ length: 17 }, () => 'etc'),
    ].map((names) => client.walkRaw(0, 1, names).errno);
    expect(errors).toEqual([E.EINVAL, E.EINVAL, E.EINVAL, E.EINVAL, E.ENAMETOOLONG, E.EINVAL]);
  });

  it('moves a fid onto itself, but not an open one', () => {
    const client = new P9Client(tree());
    const fid = client.walk('etc');
    expect(client.walkRaw(fid, fid, ['passwd']).errno).toBe(0);
    expect(client.getattr(fid).size).toBe(10);
    client.ok(T.lopen, [
      [4, fid],
      [4, O.RDONLY],
    ]);
    expect(client.walkRaw(fid, fid, []).errno).toBe(E.EBADF);
  });

  it('refuses a new fid that is in use', () => {
    const client = new P9Client(tree());
    client.walkRaw(0, 1, []);
    expect(client.walkRaw(0, 1, ['etc']).errno).toBe(E.EBADF);
  });
});

describe('9P files', () => {
  it('reads what is there and nothing past the end', () => {
    const client = new P9Client(tree());
    const fid = client.open('etc/passwd');
    expect(new TextDecoder().decode(client.read(fid, 5, 100))).toBe('x:0:0');
    expect(client.read(fid, 10, 100).length).toBe(0);
    expect(client.read(fid, 2 ** 40, 100).length).toBe(0);
  });

  it("gives no more than the message size or the client's buffer holds", () => {
    const fs = tree();
    fs.builder().createFile(fs.root, 'big', OWNED, new Uint8Array(600_000).fill(1));
    const client = new P9Client(fs);
    client.version(8192);
    client.attach(0);
    const fid = client.open('big');
    expect(client.read(fid, 0, 0xffffffff).length).toBe(8192 - 11);
    expect(
      client
        .call(
          T.read,
          [
            [4, fid],
            [8, 0],
            [4, 4096],
          ],
          111,
        )
        .u(4),
    ).toBe(100);
  });

  it('creates, writes and reads back', () => {
    const client = new P9Client(tree());
    const fid = client.create('etc', 'new', O.RDWR, 0o600);
    expect(client.write(fid, 3, bytesOf('abc'))).toBe(3);
    expect([...client.read(fid, 0, 10)]).toEqual([0, 0, 0, 97, 98, 99]);
    expect(client.stat('etc/new')).toMatchObject({ mode: 0o100600, uid: 0, size: 6, nlink: 1 });
  });

  it('owns new files by the user who attached', () => {
    const client = new P9Client(tree());
    client.attach(1, 1000);
    client.ok(T.lcreate, [[4, 1], 'mine', [4, O.RDWR], [4, 0o644], [4, 50]]);
    expect(client.getattr(1)).toMatchObject({ uid: 1000, gid: 50 });
  });

  it('refuses to create what exists, or in what is no directory', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.lcreate, [[4, client.walk('etc')], 'passwd', [4, O.RDWR], [4, 0o644], [4, 0]])).toBe(
      E.EEXIST,
    );
    expect(client.errno(T.lcreate, [[4, client.walk('etc/passwd')], 'x', [4, O.RDWR], [4, 0o644], [4, 0]])).toBe(
      E.ENOTDIR,
    );
  });

  it('cuts a file that is opened with O_TRUNC', () => {
    const client = new P9Client(tree());
    client.open('etc/passwd', O.WRONLY | O.TRUNC);
    expect(client.stat('etc/passwd').size).toBe(0);
  });

  it('checks the access mode and that a fid is open', () => {
    const client = new P9Client(tree());
    const reader = client.open('etc/passwd');
    const writer = client.open('etc/passwd', O.WRONLY);
    const closed = client.walk('etc/passwd');
    expect(client.errno(T.write, [[4, reader], [8, 0], [4, 1], bytesOf('x')])).toBe(E.EBADF);
    expect(
      client.errno(T.read, [
        [4, writer],
        [8, 0],
        [4, 1],
      ]),
    ).toBe(E.EBADF);
    expect(
      client.errno(T.read, [
        [4, closed],
        [8, 0],
        [4, 1],
      ]),
    ).toBe(E.EBADF);
    expect(
      client.errno(T.lopen, [
        [4, reader],
        [4, O.RDONLY],
      ]),
    ).toBe(E.EBADF);
  });

  it('does not open symlinks and device nodes, nor directories for writing', () => {
    const client = new P9Client(tree());
    expect(
      client.errno(T.lopen, [
        [4, client.walk('etc/link')],
        [4, O.RDONLY],
      ]),
    ).toBe(E.ELOOP);
    expect(
      client.errno(T.lopen, [
        [4, client.walk('null')],
        [4, O.RDONLY],
      ]),
    ).toBe(E.ENXIO);
    expect(
      client.errno(T.lopen, [
        [4, client.walk('etc')],
        [4, O.RDWR],
      ]),
    ).toBe(E.EISDIR);
    expect(
      client.errno(T.lopen, [
        [4, client.walk('etc/passwd')],
        [4, O.DIRECTORY],
      ]),
    ).toBe(E.ENOTDIR);
  });

  it('keeps a removed file for the fids that hold it', () => {
    const client = new P9Client(tree());
    const open = client.open('etc/passwd', O.RDWR);
    const held = client.walk('etc/passwd');
    client.ok(T.unlinkat, [[4, client.walk('etc')], 'passwd', [4, 0]]);
    client.write(open, 0, bytesOf('ROOT'));
    expect(client.exists('etc/passwd')).toBe(false);
    expect(new TextDecoder().decode(client.read(open, 0, 10))).toBe('ROOT:x:0:0');
    expect(client.getattr(held).nlink).toBe(0);
    client.ok(T.lopen, [
      [4, held],
      [4, O.RDONLY],
    ]);
    expect(client.read(held, 0, 4).length).toBe(4);
  });

  it('syncs, with and without the data-only field', () => {
    const client = new P9Client(tree());
    const fid = client.open('etc/passwd');
    expect([
      client.errno(T.fsync, [
        [4, fid],
        [4, 1],
      ]),
      client.errno(T.fsync, [[4, fid]]),
    ]).toEqual([0, 0]);
  });

  it('grants locks and finds none', () => {
    const client = new P9Client(tree());
    const fid = client.open('etc/passwd', O.RDWR);
    expect(client.ok(T.lock, [[4, fid], [1, 1], [4, 0], [8, 0], [8, 0], [4, 42], 'host']).u(1)).toBe(0);
    const reply = client.ok(T.getlock, [[4, fid], [1, 1], [8, 5], [8, 6], [4, 42], 'host']);
    expect([reply.u(1), reply.u(8), reply.u(8), reply.u(4), reply.string()]).toEqual([2, 5, 6, 42, 'host']);
    expect(client.errno(T.lock, [[4, fid], [1, 9], [4, 0], [8, 0], [8, 0], [4, 42], 'host'])).toBe(E.EINVAL);
    expect(client.errno(T.lock, [[4, 0], [1, 1], [4, 0], [8, 0], [8, 0], [4, 42], 'host'])).toBe(E.EBADF);
  });
});

describe('9P attributes', () => {
  it('shows what the tree has', () => {
    const client = new P9Client(tree());
    expect(client.stat('etc/passwd')).toMatchObject({
      mode: 0o100644,
      uid: 7,
      gid: 8,
      nlink: 1,
      size: 10,
      mtime: 1,
      mtimeNs: 5,
    });
    expect(client.stat('etc')).toMatchObject({ mode: 0o040755, nlink: 2 });
    expect(client.stat('null')).toMatchObject({ mode: 0o020666, rdev: 0x103 });
  });

  it('changes mode, owner, size and times', () => {
    const client = new P9Client(tree());
    const fid = client.walk('etc/passwd');
    expect(
      client.setattr(fid, 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x80 | 0x100, {
        mode: 0o4755,
        uid: 1,
        gid: 2,
        size: 4,
        atime: 77,
        mtime: 88,
      }),
    ).toBe(0);
    expect(client.getattr(fid)).toMatchObject({
      mode: 0o104755,
      uid: 1,
      gid: 2,
      size: 4,
      atime: 77,
      mtime: 88,
      mtimeNs: 5,
    });
  });

  it('keeps times before 1970', () => {
    const client = new P9Client(tree());
    const fid = client.walk('etc/passwd');
    client.setattr(fid, 0x20 | 0x100, { mtime: -5 });
    const reply = client.ok(T.getattr, [
      [4, fid],
      [8, 0x7ff],
    ]);
    reply.bytes(8 + 13 + 12 + 40 + 16);
    expect(new DataView(reply.bytes(8).buffer).getBigInt64(0, true)).toBe(-5n);
  });

  it("takes the time from the machine's clock", () => {
    const client = new P9Client(tree());
    const fid = client.walk('etc/passwd');
    client.setattr(fid, 0x20);
    expect(client.getattr(fid).mtime).toBe(Date.UTC(2024, 1, 29, 23, 59, 58) / 1000);
  });

  it('does not cut directories and symlinks', () => {
    const client = new P9Client(tree());
    expect([client.setattr(client.walk('etc'), 0x8), client.setattr(client.walk('etc/link'), 0x8)]).toEqual([
      E.EISDIR,
      E.EINVAL,
    ]);
  });

  it('reads symlinks, and nothing else as one', () => {
    const client = new P9Client(tree());
    expect(client.ok(T.readlink, [[4, client.walk('etc/link')]]).string()).toBe('passwd');
    expect(client.errno(T.readlink, [[4, 0]])).toBe(E.EINVAL);
  });

  it('tells the free space', () => {
    const reply = new P9Client(tree({ memoryLimitBytes: 1 << 20 })).ok(T.statfs, [[4, 0]]);
    expect([reply.u(4), reply.u(4), reply.u(8), reply.u(8)]).toEqual([0x01021997, 4096, 256, 256]);
  });
});

describe('9P directories', () => {
  it('are listed with . and .., types and inode numbers', () => {
    const client = new P9Client(tree());
    const page = client.readdirPage(client.open(''), 0, 4096);
    expect(page.map(({ name, type }) => [name, type])).toEqual([
      ['.', 4],
      ['..', 4],
      ['etc', 4],
      ['bin', 4],
      ['null', 2],
    ]);
    expect(page[3]!.path).toBe(client.stat('bin').qid.path);
  });

  it('are listed whole, in pages however small', () => {
    const fs = tree();
    const names = Array.from({ length: 100 }, (_, i) => `file-${i}`);
    names.forEach((name) => fs.builder().createFile(fs.lookup(fs.root, 'bin')!, name, OWNED, new Uint8Array(0)));
    expect(new P9Client(fs).list('bin', 100)).toEqual(['.', '..', ...names]);
  });

  it('say that a buffer is too small instead of ending', () => {
    const client = new P9Client(tree());
    const fid = client.open('');
    expect(
      client.errno(T.readdir, [
        [4, fid],
        [8, 2],
        [4, 10],
      ]),
    ).toBe(E.EINVAL);
    expect(
      client.errno(T.readdir, [
        [4, fid],
        [8, 0],
        [4, 10],
      ]),
    ).toBe(E.EINVAL);
  });

  it('go on in the right place while names come and go', () => {
    const client = new P9Client(tree());
    const directory = client.open('');
    const first = client.readdirPage(directory, 0, 24 * 3 + 6);
    client.ok(T.unlinkat, [[4, 0], 'bin', [4, 0x200]]);
    const rest = client.readdirPage(directory, first.at(-1)!.cookie, 4096);
    expect([first.map((entry) => entry.name), rest.map((entry) => entry.name)]).toEqual([['.', '..', 'etc'], ['null']]);
  });
});

describe('9P names', () => {
  it('makes directories, symlinks, hard links and nodes', () => {
    const client = new P9Client(tree());
    expect(client.ok(T.mkdir, [[4, 0], 'd', [4, 0o700], [4, 3]]).qid().type).toBe(0x80);
    expect(client.ok(T.symlink, [[4, 0], 's', 'to/where', [4, 3]]).qid().type).toBe(2);
    client.ok(T.mknod, [[4, 0], 'n', [4, 0o060600], [4, 8], [4, 300], [4, 0]]);
    client.ok(T.mknod, [[4, 0], 'f', [4, 0o010600], [4, 0], [4, 0], [4, 0]]);
    client.ok(T.link, [[4, 0], [4, client.walk('etc/passwd')], 'hard']);
    expect(client.stat('d')).toMatchObject({ mode: 0o040700, gid: 3, nlink: 2 });
    expect(client.stat('s')).toMatchObject({ mode: 0o120777, size: 8 });
    expect(client.stat('n')).toMatchObject({ mode: 0o060600, rdev: 0x10082c });
    expect(client.stat('f').mode).toBe(0o010600);
    expect(client.stat('hard')).toMatchObject({ nlink: 2, qid: client.stat('etc/passwd').qid });
  });

  it('refuses bad names for anything new', () => {
    const client = new P9Client(tree());
    const errors = ['', '.', '..', 'a/b', 'a\0', 'x'.repeat(256), 'ü'.repeat(128)].map((name) =>
      client.errno(T.mkdir, [[4, 0], name, [4, 0o700], [4, 0]]),
    );
    expect(errors).toEqual([E.EINVAL, E.EINVAL, E.EINVAL, E.EINVAL, E.EINVAL, E.ENAMETOOLONG, E.ENAMETOOLONG]);
  });

  it('refuses hard links to directories and unknown node types', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.link, [[4, 0], [4, client.walk('bin')], 'x'])).toBe(E.EPERM);
    expect(client.errno(T.mknod, [[4, 0], 'x', [4, 0o040600], [4, 0], [4, 0], [4, 0]])).toBe(E.EINVAL);
  });

  it('renames by directory, and by fid', () => {
    const client = new P9Client(tree());
    client.ok(T.renameat, [[4, client.walk('etc')], 'passwd', [4, client.walk('bin')], 'moved']);
    expect([client.exists('etc/passwd'), client.readFile('bin/moved')]).toEqual([false, 'root:x:0:0']);
    client.ok(T.rename, [[4, client.walk('bin/moved')], [4, 0], 'again']);
    expect([client.exists('bin/moved'), client.readFile('again')]).toEqual([false, 'root:x:0:0']);
  });

  it('does not rename the root or a name that another file took', () => {
    const client = new P9Client(tree());
    const fid = client.walk('etc/passwd');
    client.ok(T.unlinkat, [[4, client.walk('etc')], 'passwd', [4, 0]]);
    client.writeFile('etc', 'passwd', 'other');
    expect(client.errno(T.rename, [[4, fid], [4, 0], 'x'])).toBe(E.ENOENT);
    expect(client.errno(T.rename, [[4, 0], [4, client.walk('bin')], 'x'])).toBe(E.EBUSY);
  });

  it('removes by directory with the right kind', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.unlinkat, [[4, 0], 'bin', [4, 0]])).toBe(E.EISDIR);
    expect(client.errno(T.unlinkat, [[4, 0], 'null', [4, 0x200]])).toBe(E.ENOTDIR);
    expect(client.errno(T.unlinkat, [[4, 0], 'etc', [4, 0x200]])).toBe(E.ENOTEMPTY);
    expect(client.errno(T.unlinkat, [[4, 0], 'bin', [4, 0x201]])).toBe(E.EINVAL);
    expect(client.errno(T.unlinkat, [[4, 0], 'bin', [4, 0x200]])).toBe(0);
    expect(client.exists('bin')).toBe(false);
  });

  it('removes by fid and clunks the fid even when it fails', () => {
    const client = new P9Client(tree());
    const file = client.walk('etc/passwd');
    const full = client.walk('etc');
    expect([client.errno(T.remove, [[4, file]]), client.errno(T.remove, [[4, full]])]).toEqual([0, E.ENOTEMPTY]);
    expect([client.errno(T.clunk, [[4, file]]), client.errno(T.clunk, [[4, full]])]).toEqual([E.EBADF, E.EBADF]);
  });

  it('keeps names that are not UTF-8 apart and gives them back as they were', () => {
    const client = new P9Client(tree());
    const raw = (...bytes: number[]): Field => Uint8Array.from([bytes.length, 0, ...bytes]);
    client.ok(T.mkdir, [[4, 0], raw(0xff, 0x41), [4, 0o700], [4, 0]]);
    client.ok(T.mkdir, [[4, 0], raw(0xfe, 0x41), [4, 0o700], [4, 0]]);
    const reply = client.ok(T.readdir, [
      [4, client.open('')],
      [8, 0],
      [4, 4096],
    ]);
    const listed = [...reply.body].join(' ');
    expect(listed).toContain('2 0 255 65');
    expect(listed).toContain('2 0 254 65');
  });
});

describe('9P extended attributes', () => {
  /** Reads an attribute through a fid of its own. */
  function get(client: P9Client, path: string, name: string): string {
    const file = client.walk(path);
    const size = client.ok(T.xattrwalk, [[4, file], [4, 77], name]).u(8);
    const value = new TextDecoder().decode(client.read(77, 0, size));
    client.clunk(77);
    return value;
  }
  function set(client: P9Client, path: string, name: string, value: string, flags = 0): number {
    const fid = client.walk(path);
    const created = client.errno(T.xattrcreate, [[4, fid], name, [8, value.length], [4, flags]]);
    if (created !== 0) return created;
    if (value.length > 0) client.write(fid, 0, bytesOf(value));
    return client.errno(T.clunk, [[4, fid]]);
  }

  it('are read, listed, set, replaced and removed', () => {
    const client = new P9Client(tree());
    expect(get(client, 'etc/passwd', 'user.a')).toBe('1');
    expect(set(client, 'etc/passwd', 'user.b', 'value')).toBe(0);
    expect(get(client, 'etc/passwd', '')).toBe('user.a\0user.b\0');
    expect(get(client, 'etc/passwd', 'user.b')).toBe('value');
    expect(set(client, 'etc/passwd', 'user.a', '', 2)).toBe(0);
    expect(get(client, 'etc/passwd', '')).toBe('user.b\0');
  });

  it('say ENODATA when they are not there', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.xattrwalk, [[4, 0], [4, 77], 'security.capability'])).toBe(E.ENODATA);
    expect(set(client, 'etc', 'user.none', '', 2)).toBe(E.ENODATA);
  });

  it('honour create and replace', () => {
    const client = new P9Client(tree());
    expect([set(client, 'etc/passwd', 'user.a', 'x', 1), set(client, 'etc', 'user.a', 'x', 2)]).toEqual([
      E.EEXIST,
      E.ENODATA,
    ]);
  });

  it('refuse bad sizes, names, flags and writes out of order', () => {
    const client = new P9Client(tree());
    const make = (name: string, size: number, flags: number): number =>
      client.errno(T.xattrcreate, [[4, client.walk('etc')], name, [8, size], [4, flags]]);
    expect([make('user.a', 65537, 0), make('', 1, 0), make('x'.repeat(256), 1, 0), make('user.a', 1, 3)]).toEqual([
      E.ENOSPC,
      E.ERANGE,
      E.ERANGE,
      E.EINVAL,
    ]);
    const fid = client.walk('etc');
    client.ok(T.xattrcreate, [[4, fid], 'user.c', [8, 4], [4, 0]]);
    expect(client.errno(T.write, [[4, fid], [8, 2], [4, 2], bytesOf('ab')])).toBe(E.EINVAL);
    expect(client.errno(T.write, [[4, fid], [8, 0], [4, 5], bytesOf('abcde')])).toBe(E.EINVAL);
    expect(
      client.errno(T.getattr, [
        [4, fid],
        [8, 0],
      ]),
    ).toBe(E.EBADF);
    expect(client.errno(T.clunk, [[4, fid]])).toBe(E.EINVAL);
  });
});

describe('9P against hostile clients', () => {
  it('refuses cut-off fields, left-over bytes and unknown messages', () => {
    const client = new P9Client(tree());
    expect(client.errno(T.walk, [[4, 0]])).toBe(E.EINVAL);
    expect(
      client.errno(T.walk, [
        [4, 0],
        [4, 1],
        [2, 0],
        [1, 0],
      ]),
    ).toBe(E.EINVAL);
    expect(client.errno(T.mkdir, [[4, 0], Uint8Array.of(0xff, 0xff, 0x61), [4, 0], [4, 0]])).not.toBe(0);
    expect([client.errno(99, []), client.errno(6, []), client.errno(255, [[4, 0]])]).toEqual([
      E.EOPNOTSUPP,
      E.EOPNOTSUPP,
      E.EOPNOTSUPP,
    ]);
  });

  it('refuses a write whose count is not that of its data', () => {
    const client = new P9Client(tree());
    const fid = client.open('etc/passwd', O.RDWR);
    expect(client.errno(T.write, [[4, fid], [8, 0], [4, 100], bytesOf('abc')])).toBe(E.EINVAL);
    expect(client.readFile('etc/passwd')).toBe('root:x:0:0');
  });

  it('refuses offsets that no file has', () => {
    const client = new P9Client(tree());
    const fid = client.open('etc/passwd', O.RDWR);
    expect(client.errno(T.write, [[4, fid], [8, 0xffff_ffff_ffff_ffffn], [4, 1], bytesOf('a')])).toBe(E.EINVAL);
    expect(
      client.errno(T.read, [
        [4, fid],
        [8, 2n ** 60n],
        [4, 1],
      ]),
    ).toBe(E.EINVAL);
    expect(
      client.errno(T.setattr, [
        [4, fid],
        [4, 8],
        [4, 0],
        [4, 0],
        [4, 0],
        [8, 2n ** 62n],
        [8, 0],
        [8, 0],
        [8, 0],
        [8, 0],
      ]),
    ).toBe(E.EINVAL);
  });

  it('refuses messages above the agreed size', () => {
    const client = new P9Client(tree());
    client.version(4096);
    client.attach(0);
    expect(client.send(encode(T.walk, 1, [new Uint8Array(5000)])).errno).toBe(E.EMSGSIZE);
  });

  it('needs a reset after a message that is shorter than it says or than a header', () => {
    const cut = new P9Client(tree());
    cut.post(encode(T.walk, 1, [[4, 0]], 500));
    const tiny = new P9Client(tree());
    tiny.post(Uint8Array.of(3, 0, 0));
    expect([cut.driver.status & STATUS.NEEDS_RESET, tiny.driver.status & STATUS.NEEDS_RESET]).toEqual([
      STATUS.NEEDS_RESET,
      STATUS.NEEDS_RESET,
    ]);
  });

  it('needs a reset when there is no room for an error, and sends one when there is no room for the answer', () => {
    const none = new P9Client(tree());
    none.post(
      encode(T.getattr, 1, [
        [4, 0],
        [8, 0],
      ]),
      8,
    );
    expect(none.driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
    expect(
      new P9Client(tree()).call(
        T.getattr,
        [
          [4, 0],
          [8, 0],
        ],
        20,
      ).errno,
    ).toBe(E.EMSGSIZE);
  });

  it('gives ENOSPC instead of more memory than the limit', () => {
    const client = new P9Client(tree({ memoryLimitBytes: 200_000 }));
    const fid = client.create('', 'big');
    expect(client.write(fid, 0, new Uint8Array(100_000))).toBe(100_000);
    expect(client.write(fid, 100_000, new Uint8Array(100_000))).toBe(96_608);
    expect(client.errno(T.write, [[4, fid], [8, 2 ** 30], [4, 10_000], new Uint8Array(10_000)])).toBe(E.ENOSPC);
  });

  it('survives any bytes at all', () => {
    const client = new P9Client(tree());
    let state = 12345;
    const random = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
    const errors = Array.from({ length: 3000 }, () => {
      const type = Object.values(T)[random() % Object.values(T).length]!;
      const body = Uint8Array.from({ length: random() % 40 }, () => (random() % 3 === 0 ? random() : random() % 4));
      return client.send(encode(type, 1, [body])).type;
    });
    expect(errors.filter((type) => type === 7).length).toBeGreaterThan(1000);
    client.version();
    client.attach(0);
    expect(client.getattr(0).qid.type).toBe(0x80);
  });

  it("does not touch another share's fid: NOFID is no fid", () => {
    expect(new P9Client(tree()).errno(T.clunk, [[4, NOFID]])).toBe(E.EBADF);
  });
});

/** The same tree, but every answer comes later. */
function slow(fs: TreeFs): FileSystem {
  const later = new Set([
    'lookup',
    'getattr',
    'open',
    'create',
    'read',
    'write',
    'readdir',
    'unlink',
    'rename',
    'mkdir',
    'getXattr',
    'setXattr',
    'setattr',
  ]);
  return new Proxy(fs, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== 'function') return value;
      const bound = value.bind(target) as (...args: unknown[]) => unknown;
      return later.has(String(property))
        ? (...args: unknown[]) =>
            Promise.resolve().then(() => bound(...args.map((arg) => (arg instanceof Uint8Array ? arg.slice() : arg))))
        : bound;
    },
  });
}

describe('9P over a file system that answers later', () => {
  it('walks, opens, writes and reads', async () => {
    const client = new P9Client(slow(tree()), { attach: false });
    const rpc = async (type: number, fields: readonly Field[]) => {
      const reply = client.post(encode(type, 5, fields));
      await client.device.quiesce();
      return reply()!;
    };
    await rpc(T.version, [[4, 65536], '9P2000.L']);
    await rpc(T.attach, [[4, 0], [4, NOFID], 'root', '', [4, 0]]);
    expect((await rpc(T.walk, [[4, 0], [4, 1], [2, 2], 'etc', 'passwd'])).u(2)).toBe(2);
    expect((await rpc(T.walk, [[4, 0], [4, 2], [2, 1], 'none'])).errno).toBe(E.ENOENT);
    expect(
      (
        await rpc(T.lopen, [
          [4, 1],
          [4, O.RDWR],
        ])
      ).errno,
    ).toBe(0);
    expect((await rpc(T.write, [[4, 1], [8, 0], [4, 30], new Uint8Array(30).fill(65)])).u(4)).toBe(30);
    const read = await rpc(T.read, [
      [4, 1],
      [8, 28],
      [4, 10],
    ]);
    expect([...read.bytes(read.u(4))]).toEqual([65, 65]);
    expect(
      (
        await rpc(T.getattr, [
          [4, 1],
          [8, 0x7ff],
        ])
      ).type,
    ).toBe(25);
    expect((await rpc(T.remove, [[4, 1]])).errno).toBe(0);
  });

  it('answers Tflush after the request that it flushes', async () => {
    const client = new P9Client(slow(tree()), { attach: false });
    client.version();
    client.attach(0);
    const walked = client.pci.allocate(4096);
    const flushed = client.pci.allocate(4096);
    client.post(encode(T.walk, 21, [[4, 0], [4, 1], [2, 1], 'etc']), 4096, walked);
    client.post(encode(T.flush, 22, [[2, 21]]), 4096, flushed);
    await client.device.quiesce();
    const order = client.driver.queues[0]!.take().map(({ written }) => written);
    expect(order).toEqual([22, 7]);
    expect([client.pci.memory.read8(walked + 4), client.pci.memory.read8(flushed + 4)]).toEqual([111, 109]);
  });
});

describe('9P saved state', () => {
  it('is the same after being loaded into another machine with the same tree', () => {
    const client = new P9Client(tree());
    const open = client.open('etc/passwd', O.RDWR);
    client.write(open, 0, bytesOf('ROOT'));
    client.ok(T.unlinkat, [[4, client.walk('etc')], 'passwd', [4, 0]]);
    client.writeFile('bin', 'new', 'fresh');
    const saved = structuredClone(client.pci.host.save());
    const restored = new P9Client(tree(), { attach: false });
    restored.pci.host.load(saved);
    expect(restored.pci.host.save()).toEqual(saved);
  });

  it('goes on where it was, on the same machine', () => {
    const client = new P9Client(tree());
    const open = client.open('etc/passwd', O.RDWR);
    client.write(open, 0, bytesOf('ROOT'));
    client.ok(T.unlinkat, [[4, client.walk('etc')], 'passwd', [4, 0]]);
    client.writeFile('bin', 'new', 'fresh');
    const listing = client.open('');
    const cookie = client.readdirPage(listing, 0, 24 * 3 + 6).at(-1)!.cookie;
    const saved = structuredClone(client.pci.host.save());
    const memory = client.pci.memory.bytes.slice();
    client.write(open, 0, bytesOf('lost'));
    client.ok(T.unlinkat, [[4, client.walk('bin')], 'new', [4, 0]]);
    client.driver.queues[0]!.take();
    client.pci.host.load(saved);
    client.pci.memory.bytes.set(memory);
    const queue = client.driver.queues[0]!;
    queue.rewind();
    expect(new TextDecoder().decode(client.read(open, 0, 20))).toBe('ROOT:x:0:0');
    expect(client.readFile('bin/new')).toBe('fresh');
    expect(client.readdirPage(listing, cookie, 4096).map((entry) => entry.name)).toEqual(['bin', 'null']);
    expect(client.exists('etc/passwd')).toBe(false);
  });
});
