import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeHostFs } from '../../../../src/devices/virtio/p9/node-host-fs.ts';
import { E, O, P9Client, T } from '../../../support/p9-client.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const isLinux = process.platform === 'linux';

let base: string;
let folder: string;
const shared: NodeHostFs[] = [];

/** base/secret is outside of the share base/shared, which holds a file, a folder and links that lead out. */
beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'share-'));
  folder = join(base, 'shared');
  fs.mkdirSync(join(folder, 'sub'), { recursive: true });
  fs.writeFileSync(join(base, 'secret'), 'secret');
  fs.writeFileSync(join(folder, 'file'), 'inside', { mode: 0o640 });
  fs.symlinkSync('../secret', join(folder, 'out'));
  fs.symlinkSync('..', join(folder, 'up'));
});
afterEach(() => {
  shared.splice(0).forEach((host) => host.close());
  fs.rmSync(base, { recursive: true, force: true });
});

function client(options: { readOnly?: boolean; anchored?: boolean } = {}): P9Client {
  const host = new NodeHostFs({ folder, ...options });
  shared.push(host);
  return new P9Client(host);
}

describe.each([
  ['with descriptors', isLinux],
  ['with checked paths', false],
])('NodeHostFs %s', (_how, anchored) => {
  it("shows files with the host's owner, mode and times", () => {
    const host = fs.lstatSync(join(folder, 'file'));
    expect(client({ anchored }).stat('file')).toMatchObject({
      mode: 0o100640,
      uid: host.uid,
      gid: host.gid,
      size: 6,
      nlink: 1,
      mtime: Math.floor(host.mtimeMs / 1000),
    });
  });

  it('reads, writes, creates and cuts files', () => {
    const guest = client({ anchored });
    expect(guest.readFile('file')).toBe('inside');
    guest.writeFile('sub', 'new', 'from the guest');
    const fid = guest.open('file', O.RDWR | O.TRUNC);
    guest.write(fid, 2, bytesOf('xy'));
    expect([fs.readFileSync(join(folder, 'sub/new'), 'utf8'), fs.readFileSync(join(folder, 'file'), 'utf8')]).toEqual([
      'from the guest',
      '\0\0xy',
    ]);
    expect(guest.setattr(fid, 8, { size: 3 })).toBe(0);
    expect(fs.statSync(join(folder, 'file')).size).toBe(3);
  });

  it('gives new files exactly the asked mode, whatever the umask', () => {
    const guest = client({ anchored });
    guest.create('', 'open', O.RDWR, 0o666);
    guest.ok(T.mkdir, [[4, 0], 'folder', [4, 0o777], [4, 0]]);
    expect([
      fs.statSync(join(folder, 'open')).mode & 0o7777,
      fs.statSync(join(folder, 'folder')).mode & 0o7777,
    ]).toEqual([0o666, 0o777]);
  });

  it('lists, links, renames and removes', () => {
    const guest = client({ anchored });
    guest.ok(T.symlink, [[4, 0], 'soft', 'file', [4, 0]]);
    guest.ok(T.link, [[4, guest.walk('sub')], [4, guest.walk('file')], 'hard']);
    guest.ok(T.renameat, [[4, 0], 'file', [4, guest.walk('sub')], 'moved']);
    guest.ok(T.unlinkat, [[4, 0], 'up', [4, 0]]);
    expect(guest.list('')).toEqual(['.', '..', 'out', 'soft', 'sub']);
    expect(guest.list('sub')).toEqual(['.', '..', 'hard', 'moved']);
    expect([fs.readlinkSync(join(folder, 'soft')), fs.statSync(join(folder, 'sub/hard')).nlink]).toEqual(['file', 2]);
    expect(guest.errno(T.unlinkat, [[4, 0], 'sub', [4, 0x200]])).toBe(E.ENOTEMPTY);
  });

  it('changes mode and times', () => {
    const guest = client({ anchored });
    expect(guest.setattr(guest.walk('file'), 0x1 | 0x20 | 0x100, { mode: 0o755, mtime: 1000 })).toBe(0);
    const host = fs.statSync(join(folder, 'file'));
    expect([host.mode & 0o7777, Math.floor(host.mtimeMs)]).toEqual([0o755, 1_000_000]);
  });

  it('follows a file through renames of its folders', () => {
    const guest = client({ anchored });
    guest.writeFile('sub', 'f', 'x');
    const held = guest.walk('sub/f');
    guest.ok(T.renameat, [[4, 0], 'sub', [4, 0], 'renamed']);
    expect(guest.getattr(held).size).toBe(1);
    guest.ok(T.lopen, [
      [4, held],
      [4, O.RDONLY],
    ]);
    expect(guest.read(held, 0, 10)).toEqual(bytesOf('x'));
  });

  it('keeps an open file readable after it is removed', () => {
    const guest = client({ anchored });
    const open = guest.open('file');
    guest.ok(T.unlinkat, [[4, 0], 'file', [4, 0]]);
    expect([new TextDecoder().decode(guest.read(open, 0, 10)), guest.exists('file')]).toEqual(['inside', false]);
  });

  it('says that extended attributes and special files are not there', () => {
    const guest = client({ anchored });
    expect(guest.errno(T.xattrwalk, [[4, 0], [4, 9], 'user.x'])).toBe(E.EOPNOTSUPP);
    expect(guest.errno(T.mknod, [[4, 0], 'n', [4, 0o020600], [4, 1], [4, 3], [4, 0]])).toBe(E.EPERM);
    expect(guest.errno(T.mknod, [[4, 0], 'plain', [4, 0o100600], [4, 0], [4, 0], [4, 0]])).toBe(0);
  });

  it('refuses every change when read-only', () => {
    const guest = client({ anchored, readOnly: true });
    const file = guest.walk('file');
    const sub = guest.walk('sub');
    const errors = [
      guest.errno(T.lopen, [
        [4, file],
        [4, O.RDWR],
      ]),
      guest.errno(T.lopen, [
        [4, file],
        [4, O.RDONLY | O.TRUNC],
      ]),
      guest.errno(T.lcreate, [[4, sub], 'x', [4, O.RDWR], [4, 0o644], [4, 0]]),
      guest.errno(T.mkdir, [[4, 0], 'x', [4, 0o755], [4, 0]]),
      guest.errno(T.symlink, [[4, 0], 'x', 'y', [4, 0]]),
      guest.errno(T.mknod, [[4, 0], 'x', [4, 0o100600], [4, 0], [4, 0], [4, 0]]),
      guest.errno(T.link, [[4, 0], [4, file], 'x']),
      guest.errno(T.renameat, [[4, 0], 'file', [4, 0], 'x']),
      guest.errno(T.unlinkat, [[4, 0], 'file', [4, 0]]),
      guest.setattr(file, 1, { mode: 0 }),
    ];
    expect(errors).toEqual(errors.map(() => E.EROFS));
    expect([guest.readFile('file'), fs.readdirSync(folder).sort()]).toEqual(['inside', ['file', 'out', 'sub', 'up']]);
  });

  it('gives symlinks to the guest and never follows them', () => {
    const guest = client({ anchored });
    const link = guest.walk('out');
    expect([guest.getattr(link).mode & 0o170000, guest.ok(T.readlink, [[4, link]]).string()]).toEqual([
      0o120000,
      '../secret',
    ]);
    expect(
      guest.errno(T.lopen, [
        [4, link],
        [4, O.RDONLY],
      ]),
    ).toBe(E.ELOOP);
    expect(guest.walkRaw(0, 50, ['up', 'secret']).u(2)).toBe(1);
    expect(guest.setattr(link, 1, { mode: 0o777 })).toBe(0);
    expect(guest.setattr(link, 8, { size: 0 })).toBe(E.EINVAL);
    expect(fs.readFileSync(join(base, 'secret'), 'utf8')).toBe('secret');
  });

  it('does not leave the root by ..', () => {
    const guest = client({ anchored });
    guest.walkRaw(0, 50, ['..', '..', 'sub', '..']);
    expect(guest.getattr(50).qid).toEqual(guest.stat('').qid);
    expect(guest.walkRaw(0, 51, ['..', 'secret']).u(2)).toBe(1);
  });

  it('does not create through a link in the last component', () => {
    const guest = client({ anchored });
    fs.symlinkSync('../planted', join(folder, 'trap'));
    expect(guest.errno(T.lcreate, [[4, 0], 'trap', [4, O.RDWR], [4, 0o644], [4, 0]])).toBe(E.EEXIST);
    expect(fs.existsSync(join(base, 'planted'))).toBe(false);
  });

  it('does not follow a folder that was swapped for a link', () => {
    const guest = client({ anchored });
    fs.mkdirSync(join(base, 'elsewhere'));
    fs.writeFileSync(join(base, 'elsewhere/file'), 'elsewhere');
    const sub = guest.walk('sub');
    fs.renameSync(join(folder, 'sub'), join(folder, 'away'));
    fs.symlinkSync('../elsewhere', join(folder, 'sub'));
    expect(guest.walkRaw(sub, 50, ['file']).errno).toBe(E.ESTALE);
    expect(guest.errno(T.lcreate, [[4, sub], 'planted', [4, O.RDWR], [4, 0o644], [4, 0]])).toBe(E.ESTALE);
    expect(fs.readdirSync(join(base, 'elsewhere'))).toEqual(['file']);
  });

  it('does not take another file for the one that was walked to', () => {
    const guest = client({ anchored });
    const file = guest.walk('file');
    fs.renameSync(join(folder, 'file'), join(base, 'outside'));
    fs.symlinkSync('../secret', join(folder, 'file'));
    const opened = guest.call(T.lopen, [
      [4, file],
      [4, O.RDWR],
    ]);
    expect(opened.errno).toBe(E.ESTALE);
    expect(fs.readFileSync(join(base, 'secret'), 'utf8')).toBe('secret');
  });

  it.runIf(isLinux)('does not wait for a FIFO of the host, nor open it', async () => {
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const guest = client({ anchored });
    const fid = guest.walk('fifo');
    expect(guest.getattr(fid).mode & 0o170000).toBe(0o010000);
    expect(
      guest.errno(T.lopen, [
        [4, fid],
        [4, O.RDONLY],
      ]),
    ).toBe(E.ENXIO);
  });

  it('finds fids again by path after a restore, and calls what is gone stale', () => {
    const guest = client({ anchored });
    const kept = guest.open('file');
    const gone = guest.walk('sub');
    const saved = structuredClone(guest.pci.host.save());
    fs.rmdirSync(join(folder, 'sub'));
    guest.driver.queues[0]!.take();
    guest.pci.host.load(saved);
    expect(new TextDecoder().decode(guest.read(kept, 0, 10))).toBe('inside');
    expect(
      guest.errno(T.getattr, [
        [4, gone],
        [8, 0],
      ]),
    ).toBe(E.ESTALE);
  });

  it('refuses a folder that is not there or is a file', () => {
    expect(() => new NodeHostFs({ folder: join(base, 'none'), anchored })).toThrow(/cannot share/);
    expect(() => new NodeHostFs({ folder: join(base, 'secret'), anchored })).toThrow(/not a folder/);
  });
});

describe.runIf(isLinux)('NodeHostFs descriptors', () => {
  const openCount = (): number => fs.readdirSync('/proc/self/fd').length;

  it('keeps a removed file for a fid that never opened it', () => {
    const guest = client();
    const held = guest.walk('file');
    guest.ok(T.unlinkat, [[4, 0], 'file', [4, 0]]);
    expect(guest.getattr(held)).toMatchObject({ size: 6, nlink: 0 });
    guest.ok(T.lopen, [
      [4, held],
      [4, O.RDONLY],
    ]);
    expect(new TextDecoder().decode(guest.read(held, 0, 10))).toBe('inside');
  });

  it('stay with a folder that was in use when it was swapped for a link', () => {
    const guest = client();
    fs.mkdirSync(join(base, 'elsewhere'));
    const sub = guest.walk('sub');
    expect(guest.walkRaw(sub, 50, ['none']).errno).toBe(E.ENOENT);
    fs.renameSync(join(folder, 'sub'), join(folder, 'away'));
    fs.symlinkSync('../elsewhere', join(folder, 'sub'));
    guest.ok(T.lcreate, [[4, sub], 'made', [4, O.RDWR], [4, 0o644], [4, 0]]);
    expect([fs.readdirSync(join(folder, 'away')), fs.readdirSync(join(base, 'elsewhere'))]).toEqual([['made'], []]);
  });

  it('stay few however many folders are used, and none is left after close', () => {
    const before = openCount();
    const guest = client();
    Array.from({ length: 700 }, (_, i) => guest.ok(T.mkdir, [[4, 0], `d${i}`, [4, 0o755], [4, 0]]));
    Array.from({ length: 700 }, (_, i) => guest.walk(`d${i}/..`));
    expect(openCount() - before).toBeLessThan(520);
    shared.splice(0).forEach((host) => host.close());
    expect(openCount()).toBe(before);
  });

  it('reach folders nested deeper than the limit, and rename between them', () => {
    const guest = client();
    const deepest = Array.from({ length: 600 }, (_, i) => i).reduce((fid) => {
      guest.ok(T.mkdir, [[4, fid], 'd', [4, 0o755], [4, 0]]);
      return guest.walk('d', fid);
    }, 0);
    guest.ok(T.renameat, [[4, 0], 'file', [4, deepest], 'far']);
    const far = guest.walk('far', deepest);
    expect(guest.getattr(far).size).toBe(6);
    guest.ok(T.renameat, [[4, deepest], 'far', [4, 0], 'file']);
    expect(fs.readFileSync(join(folder, 'file'), 'utf8')).toBe('inside');
  });

  it('keep names that are not UTF-8', () => {
    fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/sub/`), Buffer.from([0xff, 0x41])]), 'latin');
    const guest = client();
    const fid = guest.open('sub');
    const reply = guest.ok(T.readdir, [
      [4, fid],
      [8, 2],
      [4, 4096],
    ]);
    expect([...reply.body.subarray(-2)]).toEqual([0xff, 0x41]);
    const walked = guest.call(T.walk, [[4, guest.walk('sub')], [4, 60], [2, 1], Uint8Array.of(2, 0, 0xff, 0x41)]);
    expect(walked.errno).toBe(0);
    expect(guest.getattr(60).size).toBe(5);
  });
});
