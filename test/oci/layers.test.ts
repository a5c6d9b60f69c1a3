import { describe, expect, test, vi } from 'vitest';
import { MemoryContent } from '../../src/oci/content.ts';
import { LayerApplier } from '../../src/oci/layers.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import { type DirectoryInode, Rootfs } from '../../src/oci/rootfs.ts';
import { copyRootfs } from '../../src/oci/sink.ts';
import { applyLayers, textOf, view } from '../support/rootfs-view.ts';
import { blockDevice, charDevice, dir, fifo, file, hardlink, symlink, tar } from '../support/tar-builder.ts';

const badImage = (message: RegExp): object =>
  expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) });
const limit = (message: RegExp): object =>
  expect.objectContaining({ code: 'LIMIT', message: expect.stringMatching(message) });

describe('applying layers', () => {
  test('a later layer replaces a file of a lower one', () => {
    expect(view(applyLayers([tar(file('a', 'old'), file('b', 'kept')), tar(file('a', 'new'))]))).toEqual([
      'a=new',
      'b=kept',
    ]);
  });

  test('a directory entry over a directory changes its attributes and keeps its content', () => {
    const rootfs = applyLayers([tar(dir('d'), file('d/f', 'x')), tar(dir('d', { mode: 0o700 }))]);

    expect(view(rootfs)).toEqual(['d/', 'd/f=x']);
    expect(rootfs.lookup('d')!.attributes.mode).toBe(0o700);
  });

  test('a file replaces a directory and all that is in it', () => {
    expect(view(applyLayers([tar(dir('d'), file('d/f')), tar(file('d', 'file'))]))).toEqual(['d=file']);
  });

  test('a directory replaces a file', () => {
    expect(view(applyLayers([tar(file('d', 'file')), tar(dir('d'), file('d/f', 'x'))]))).toEqual(['d/', 'd/f=x']);
  });

  test('a directory replaces a link instead of following it', () => {
    expect(view(applyLayers([tar(dir('real'), symlink('d', 'real')), tar(dir('d'), file('d/f', 'x'))]))).toEqual([
      'd/',
      'd/f=x',
      'real/',
    ]);
  });

  test('of entries with the same name in a layer the last one counts', () => {
    expect(view(applyLayers([tar(file('a', '1'), file('a', '2'))]))).toEqual(['a=2']);
  });

  test('an entry for the root sets the attributes of the root', () => {
    const rootfs = applyLayers([tar(dir('.', { mode: 0o711, uid: 3 }))]);

    expect(rootfs.root.attributes).toMatchObject({ mode: 0o711, uid: 3 });
  });

  test('accepts "/" for the root, as Kaniko writes it', () => {
    expect(applyLayers([tar({ name: '/', type: '5', mode: 0o750 })]).root.attributes.mode).toBe(0o750);
  });

  test('makes directories that no entry describes', () => {
    const rootfs = applyLayers([tar(file('a/b/c', 'x'))]);

    expect(view(rootfs)).toEqual(['a/', 'a/b/', 'a/b/c=x']);
    expect(rootfs.lookup('a/b')!.attributes).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
  });

  test('keeps mode, owner, time and extended attributes', () => {
    const rootfs = applyLayers([
      tar(file('a', '', { mode: 0o4755, uid: 1, gid: 2, mtime: 3, pax: { 'SCHILY.xattr.user.k': 'v' } })),
    ]);

    expect(rootfs.lookup('a')!.attributes).toEqual({
      mode: 0o4755,
      uid: 1,
      gid: 2,
      mtimeNs: 3_000_000_000n,
      xattrs: new Map([['user.k', Uint8Array.from([118])]]),
    });
  });

  test("leaves out overlayfs's own extended attributes", () => {
    const rootfs = applyLayers([
      tar(dir('a', { pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.k': 'v' } })),
    ]);

    expect([...rootfs.lookup('a')!.attributes.xattrs.keys()]).toEqual(['user.k']);
  });

  test('a hard link is the same inode under a second name', () => {
    const rootfs = applyLayers([tar(file('a', 'x'), hardlink('d/b', 'a'))]);

    expect(rootfs.lookup('d/b')).toBe(rootfs.lookup('a'));
  });

  test('a hard link may name its target absolutely, as Kaniko does', () => {
    const rootfs = applyLayers([tar(file('a', 'x'), hardlink('b', '/a'))]);

    expect(rootfs.lookup('b')).toBe(rootfs.lookup('a'));
  });

  test('a hard link to a symbolic link links the link', () => {
    expect(view(applyLayers([tar(symlink('s', 'nowhere'), hardlink('t', 's'))]))).toEqual(['s->nowhere', 't->nowhere']);
  });

  test('a replaced file keeps its content under its other hard link', () => {
    expect(view(applyLayers([tar(file('a', 'old'), hardlink('b', 'a')), tar(file('a', 'new'))]))).toEqual([
      'a=new',
      'b=old',
    ]);
  });

  test('writes through a relative link of a lower layer, as merged /usr needs', () => {
    expect(view(applyLayers([tar(dir('usr/lib'), symlink('lib', 'usr/lib')), tar(file('lib/x', '1'))]))).toEqual([
      'lib->usr/lib',
      'usr/',
      'usr/lib/',
      'usr/lib/x=1',
    ]);
  });

  test('takes an absolute link of a lower layer as inside the root', () => {
    expect(view(applyLayers([tar(dir('run'), symlink('var/run', '/run')), tar(file('var/run/x', '1'))]))).toEqual([
      'run/',
      'run/x=1',
      'var/',
      'var/run->/run',
    ]);
  });

  test('brings fifos and the devices that every container has', () => {
    expect(view(applyLayers([tar(fifo('p'), charDevice('dev/null', 1, 3), charDevice('dev/ptmx', 5, 2))]))).toEqual([
      'dev/',
      'dev/null char 1:3',
      'dev/ptmx char 5:2',
      'p fifo 0:0',
    ]);
  });
});

describe('whiteouts', () => {
  test('hide a file of a lower layer', () => {
    expect(view(applyLayers([tar(file('d/a'), file('d/b', 'x')), tar(file('d/.wh.a'))]))).toEqual(['d/', 'd/b=x']);
  });

  test('hide a directory of a lower layer with all that is in it', () => {
    expect(view(applyLayers([tar(file('d/e/f')), tar(file('.wh.d'))]))).toEqual([]);
  });

  test('leave alone what the same layer has put there, before and after', () => {
    expect(
      view(
        applyLayers([
          tar(file('a', 'old'), file('b', 'old')),
          tar(file('a', 'new'), file('.wh.a'), file('.wh.b'), file('b', 'new')),
        ]),
      ),
    ).toEqual(['a=new', 'b=new']);
  });

  test('keep a directory that the same layer fills again', () => {
    expect(view(applyLayers([tar(file('d/old')), tar(file('d/new', 'x'), file('.wh.d'))]))).toEqual(['d/', 'd/new=x']);
  });

  test('of nothing change nothing', () => {
    expect(
      view(applyLayers([tar(file('a', 'x')), tar(file('.wh.b'), file('no/such/.wh.c'), file('a/.wh.d'))])),
    ).toEqual(['a=x']);
  });

  test('that are opaque empty a directory of lower layers but not of their own', () => {
    expect(
      view(
        applyLayers([
          tar(file('d/old'), file('d/sub/old')),
          tar(file('d/new', '1'), file('d/sub/new', '2'), file('d/.wh..wh..opq'), file('d/after', '3')),
        ]),
      ),
    ).toEqual(['d/', 'd/after=3', 'd/new=1', 'd/sub/', 'd/sub/new=2']);
  });

  test('that are opaque at the root hide all lower layers', () => {
    expect(view(applyLayers([tar(file('a'), file('b/c')), tar(file('.wh..wh..opq'), file('n', 'x'))]))).toEqual([
      'n=x',
    ]);
  });

  test('never become files, nor do the files of AUFS', () => {
    expect(view(applyLayers([tar(dir('.wh..wh.plnk'), file('.wh..wh.aufs'), file('.wh.x'))]))).toEqual([]);
  });

  test('through a link of a lower layer hide what the link leads to', () => {
    expect(view(applyLayers([tar(file('usr/lib/x'), symlink('lib', 'usr/lib')), tar(file('lib/.wh.x'))]))).toEqual([
      'lib->usr/lib',
      'usr/',
      'usr/lib/',
    ]);
  });

  test('that are opaque and repeated walk a directory once only', () => {
    const rootfs = new Rootfs();
    const applier = new LayerApplier(rootfs, limitsWith());
    applier.apply(new MemoryContent([tar(file('d/a'), file('d/b'))]), 'lower');
    const directory = rootfs.lookup('d') as DirectoryInode;
    const walk = vi.spyOn(directory.entries, 'keys');

    applier.apply(
      new MemoryContent([tar(file('d/.wh..wh..opq'), file('d/n'), file('d/.wh..wh..opq'), file('.wh..wh..opq'))]),
      'upper',
    );

    expect(walk).toHaveBeenCalledTimes(1);
    expect(view(rootfs)).toEqual(['d/', 'd/n=']);
  });

  test('of ".." are refused', () => {
    expect(() => applyLayers([tar(file('d/.wh...'))])).toThrow(badImage(/impossible name/));
  });

  test('of "." and of no name are refused', () => {
    expect(() => applyLayers([tar(file('d/.wh..'))])).toThrow(badImage(/impossible name/));
    expect(() => applyLayers([tar(file('d/.wh.'))])).toThrow(badImage(/impossible name/));
  });
});

describe('hostile layers', () => {
  test('an absolute path is refused', () => {
    expect(() => applyLayers([tar(file('/etc/passwd'))])).toThrow(badImage(/"\/etc\/passwd" is an absolute path/));
  });

  test('a path with ".." is refused, even one that stays inside', () => {
    expect(() => applyLayers([tar(file('../x'))])).toThrow(badImage(/leaves the root/));
    expect(() => applyLayers([tar(file('a/../b'))])).toThrow(badImage(/leaves the root/));
  });

  test('a path through a link that climbs out of the root is refused', () => {
    expect(() => applyLayers([tar(symlink('out', '../../..'), file('out/x'))])).toThrow(
      badImage(/leads out of the root/),
    );
  });

  test('a path through a link of a lower layer that climbs out of the root is refused', () => {
    expect(() => applyLayers([tar(symlink('d/out', '../../etc')), tar(file('d/out/x'))])).toThrow(
      badImage(/leads out of the root/),
    );
  });

  test('a path through an absolute link of the same layer is refused', () => {
    expect(() => applyLayers([tar(dir('tmp'), symlink('out', '/tmp'), file('out/x'))])).toThrow(
      badImage(/absolute link of the same layer/),
    );
  });

  test('a path through links in a circle is refused', () => {
    expect(() => applyLayers([tar(symlink('a', 'b'), symlink('b', 'a'), file('a/x'))])).toThrow(
      badImage(/too many links/),
    );
  });

  test('a path through a dangling link is refused', () => {
    expect(() => applyLayers([tar(symlink('a', 'nowhere'), file('a/x'))])).toThrow(badImage(/not in the image/));
  });

  test('a path through a file is refused', () => {
    expect(() => applyLayers([tar(file('a'), file('a/x'))])).toThrow(badImage(/not a directory/));
  });

  test('a hard link that leaves the root is refused', () => {
    expect(() => applyLayers([tar(hardlink('h', '../../etc/passwd'))])).toThrow(badImage(/leaves the root/));
  });

  test('a hard link to what is not in the image is refused', () => {
    expect(() => applyLayers([tar(hardlink('h', '/etc/passwd'))])).toThrow(badImage(/not in the image/));
  });

  test('a hard link through a link that leaves the root is refused', () => {
    expect(() => applyLayers([tar(symlink('s', '../..'), hardlink('h', 's/etc/passwd'))])).toThrow(
      badImage(/leads out of the root/),
    );
  });

  test('a hard link to a directory is refused', () => {
    expect(() => applyLayers([tar(dir('d'), hardlink('h', 'd'))])).toThrow(badImage(/is a directory/));
  });

  test('a hard link to the root is refused', () => {
    expect(() => applyLayers([tar(hardlink('h', '/'))])).toThrow(badImage(/not in the image/));
  });

  test('a block device is refused', () => {
    expect(() => applyLayers([tar(blockDevice('dev/sda', 8, 0))])).toThrow(
      badImage(/"dev\/sda" is a device node \(block 8:0\)/),
    );
  });

  test('a character device that reads memory is refused', () => {
    expect(() => applyLayers([tar(charDevice('dev/null', 1, 1))])).toThrow(badImage(/device node \(char 1:1\)/));
  });

  test('a file in place of the root is refused', () => {
    expect(() => applyLayers([tar(file('.', 'x'))])).toThrow(badImage(/replaces the root/));
  });

  test('an entry without a name is refused', () => {
    expect(() => applyLayers([tar(file('', 'x'))])).toThrow(badImage(/without a name/));
  });

  test('a symbolic link to nothing is refused', () => {
    expect(() => applyLayers([tar(symlink('s', ''))])).toThrow(badImage(/link to nothing/));
  });

  test('control characters of a name do not reach the message', () => {
    expect(() => applyLayers([tar(file('/\u001b[2Jx'))])).toThrow(badImage(/"\/\\u001b\[2Jx"/));
  });

  test('a name over the limit is refused', () => {
    expect(() => applyLayers([tar(file('x', '', { pax: { path: 'n'.repeat(256) } }))])).toThrow(
      limit(/longer than 255 bytes/),
    );
  });

  test('a path over the limit is refused', () => {
    expect(() => applyLayers([tar(file('x', '', { pax: { path: 'dir/'.repeat(1025) } }))])).toThrow(
      limit(/longer than 4096 bytes/),
    );
  });

  test('a tree over the depth limit is refused, however it is reached', () => {
    expect(() => applyLayers([tar(dir('a/b/c'))], { pathDepth: 2 })).toThrow(limit(/deeper than 2/));
    expect(() => applyLayers([tar(dir('a/b'), symlink('s', 'a/b'), dir('s/c'))], { pathDepth: 2 })).toThrow(
      limit(/deeper than 2/),
    );
  });

  test('more entries than the limit in all layers together are refused', () => {
    expect(() => applyLayers([tar(file('a'), file('b')), tar(file('a'), file('b'))], { entries: 3 })).toThrow(
      limit(/more than 3 files/),
    );
  });
});

describe('copying a root filesystem to a sink', () => {
  test('creates parents before children, each inode once, and links for further names', () => {
    const rootfs = applyLayers([
      tar(
        dir('.', { mode: 0o700 }),
        dir('d'),
        file('d/f', 'x'),
        hardlink('g', 'd/f'),
        symlink('s', 'd'),
        charDevice('n', 1, 3),
      ),
    ]);
    const calls: string[] = [];

    copyRootfs<string>(rootfs, {
      root: '',
      setRootAttributes: ({ mode }) => calls.push(`root ${mode.toString(8)}`),
      mkdir: (parent, name) => (calls.push(`mkdir ${parent}/${name}`), `${parent}/${name}`),
      createFile: (parent, name, _attributes, content) => (
        calls.push(`file ${parent}/${name} ${content.size}`),
        `${parent}/${name}`
      ),
      symlink: (parent, name, _attributes, target) => (
        calls.push(`symlink ${parent}/${name} ${target}`),
        `${parent}/${name}`
      ),
      mknod: (parent, name, _attributes, { kind, major, minor }) => (
        calls.push(`mknod ${parent}/${name} ${kind} ${major}:${minor}`),
        `${parent}/${name}`
      ),
      link: (parent, name, target) => calls.push(`link ${parent}/${name} ${target}`),
    });

    expect(calls).toEqual(['root 700', 'mkdir /d', 'file /g 1', 'symlink /s d', 'mknod /n char 1:3', 'link /d/f /g']);
  });
});

describe('looking things up', () => {
  test('follows links inside the root, and ".." stops there', () => {
    const rootfs = applyLayers([tar(file('etc/passwd', 'p'), symlink('a', '../../etc'), symlink('b', '/a/passwd'))]);

    expect(textOf(rootfs.lookup('/b'))).toBe('p');
  });

  test('finds nothing through a circle of links', () => {
    expect(applyLayers([tar(symlink('a', 'b'), symlink('b', 'a'))]).lookup('a')).toBeUndefined();
  });

  test('refuses to read a file over the limit', () => {
    expect(() => applyLayers([tar(file('a', 'xxxx'))]).readFile('a', 3)).toThrow(limit(/more than 3 bytes/));
  });
});
