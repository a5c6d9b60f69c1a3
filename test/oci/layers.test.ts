import { describe, expect, test } from 'vitest';
import { MemoryContent } from '../../src/oci/content.ts';
import { type Layer, readLayer } from '../../src/oci/layers.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import type { Rootfs } from '../../src/oci/rootfs.ts';
import type { DirectoryInode, Inode } from '../../src/oci/tree.ts';
import { applyLayers, textOf, view } from '../support/rootfs-view.ts';
import { blockDevice, charDevice, dir, fifo, file, hardlink, symlink, tar } from '../support/tar-builder.ts';

const badImage = (message: RegExp): object =>
  expect.objectContaining({ code: 'BAD_IMAGE', message: expect.stringMatching(message) });
const limit = (message: RegExp): object =>
  expect.objectContaining({ code: 'LIMIT', message: expect.stringMatching(message) });

describe('applying layers', () => {
  test('a later layer replaces a file of a lower one', async () => {
    expect(view(await applyLayers([tar(file('a', 'old'), file('b', 'kept')), tar(file('a', 'new'))]))).toEqual([
      'a=new',
      'b=kept',
    ]);
  });

  test('a directory entry over a directory changes its attributes and keeps its content', async () => {
    const rootfs = await applyLayers([tar(dir('d'), file('d/f', 'x')), tar(dir('d', { mode: 0o700 }))]);

    expect(view(rootfs)).toEqual(['d/', 'd/f=x']);
    expect(rootfs.lookup('d')!.attributes.mode).toBe(0o700);
  });

  test('a file replaces a directory and all that is in it', async () => {
    expect(view(await applyLayers([tar(dir('d'), file('d/f')), tar(file('d', 'file'))]))).toEqual(['d=file']);
  });

  test('a directory replaces a file', async () => {
    expect(view(await applyLayers([tar(file('d', 'file')), tar(dir('d'), file('d/f', 'x'))]))).toEqual(['d/', 'd/f=x']);
  });

  test('a directory replaces a link instead of following it', async () => {
    expect(view(await applyLayers([tar(dir('real'), symlink('d', 'real')), tar(dir('d'), file('d/f', 'x'))]))).toEqual([
      'd/',
      'd/f=x',
      'real/',
    ]);
  });

  test('of entries with the same name in a layer the last one counts', async () => {
    expect(view(await applyLayers([tar(file('a', '1'), file('a', '2'))]))).toEqual(['a=2']);
  });

  test('an entry for the root sets the attributes of the root', async () => {
    const rootfs = await applyLayers([tar(dir('.', { mode: 0o711, uid: 3 }))]);

    expect(rootfs.root.attributes).toMatchObject({ mode: 0o711, uid: 3 });
  });

  test('accepts "/" for the root, as Kaniko writes it', async () => {
    const rootfs = await applyLayers([tar({ name: '/', type: '5', mode: 0o750 })]);

    expect(rootfs.root.attributes.mode).toBe(0o750);
  });

  test('makes directories that no entry describes', async () => {
    const rootfs = await applyLayers([tar(file('a/b/c', 'x'))]);

    expect(view(rootfs)).toEqual(['a/', 'a/b/', 'a/b/c=x']);
    expect(rootfs.lookup('a/b')!.attributes).toMatchObject({ mode: 0o755, uid: 0, gid: 0 });
  });

  test('keeps mode, owner, time and extended attributes', async () => {
    const rootfs = await applyLayers([
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

  test("leaves out overlayfs's own extended attributes", async () => {
    const rootfs = await applyLayers([
      tar(dir('a', { pax: { 'SCHILY.xattr.trusted.overlay.opaque': 'y', 'SCHILY.xattr.user.k': 'v' } })),
    ]);

    expect([...rootfs.lookup('a')!.attributes.xattrs.keys()]).toEqual(['user.k']);
  });

  test('a hard link is the same inode under a second name', async () => {
    const rootfs = await applyLayers([tar(file('a', 'x'), hardlink('d/b', 'a'))]);

    expect(rootfs.lookup('d/b')!.identity).toBe(rootfs.lookup('a')!.identity);
  });

  test('a hard link may name its target absolutely, as Kaniko does', async () => {
    const rootfs = await applyLayers([tar(file('a', 'x'), hardlink('b', '/a'))]);

    expect(rootfs.lookup('b')!.identity).toBe(rootfs.lookup('a')!.identity);
  });

  test('a hard link to a symbolic link links the link', async () => {
    expect(view(await applyLayers([tar(symlink('s', 'nowhere'), hardlink('t', 's'))]))).toEqual([
      's->nowhere',
      't->nowhere',
    ]);
  });

  test('a replaced file keeps its content under its other hard link', async () => {
    expect(view(await applyLayers([tar(file('a', 'old'), hardlink('b', 'a')), tar(file('a', 'new'))]))).toEqual([
      'a=new',
      'b=old',
    ]);
  });

  test('writes through a relative link of a lower layer, as merged /usr needs', async () => {
    expect(view(await applyLayers([tar(dir('usr/lib'), symlink('lib', 'usr/lib')), tar(file('lib/x', '1'))]))).toEqual([
      'lib->usr/lib',
      'usr/',
      'usr/lib/',
      'usr/lib/x=1',
    ]);
  });

  test('takes an absolute link of a lower layer as inside the root', async () => {
    expect(view(await applyLayers([tar(dir('run'), symlink('var/run', '/run')), tar(file('var/run/x', '1'))]))).toEqual(
      ['run/', 'run/x=1', 'var/', 'var/run->/run'],
    );
  });

  test('brings fifos and the devices that every container has', async () => {
    expect(
      view(await applyLayers([tar(fifo('p'), charDevice('dev/null', 1, 3), charDevice('dev/ptmx', 5, 2))])),
    ).toEqual(['dev/', 'dev/null char 1:3', 'dev/ptmx char 5:2', 'p fifo 0:0']);
  });
});

describe('whiteouts', () => {
  test('hide a file of a lower layer', async () => {
    expect(view(await applyLayers([tar(file('d/a'), file('d/b', 'x')), tar(file('d/.wh.a'))]))).toEqual([
      'd/',
      'd/b=x',
    ]);
  });

  test('hide a directory of a lower layer with all that is in it', async () => {
    expect(view(await applyLayers([tar(file('d/e/f')), tar(file('.wh.d'))]))).toEqual([]);
  });

  test('leave alone what the same layer has put there, before and after', async () => {
    expect(
      view(
        await applyLayers([
          tar(file('a', 'old'), file('b', 'old')),
          tar(file('a', 'new'), file('.wh.a'), file('.wh.b'), file('b', 'new')),
        ]),
      ),
    ).toEqual(['a=new', 'b=new']);
  });

  test('keep a directory that the same layer fills again', async () => {
    expect(view(await applyLayers([tar(file('d/old')), tar(file('d/new', 'x'), file('.wh.d'))]))).toEqual([
      'd/',
      'd/new=x',
    ]);
  });

  test('of nothing change nothing', async () => {
    expect(
      view(await applyLayers([tar(file('a', 'x')), tar(file('.wh.b'), file('no/such/.wh.c'), file('a/.wh.d'))])),
    ).toEqual(['a=x']);
  });

  test('that are opaque empty a directory of lower layers but not of their own', async () => {
    expect(
      view(
        await applyLayers([
          tar(file('d/old'), file('d/sub/old')),
          tar(file('d/new', '1'), file('d/sub/new', '2'), file('d/.wh..wh..opq'), file('d/after', '3')),
        ]),
      ),
    ).toEqual(['d/', 'd/after=3', 'd/new=1', 'd/sub/', 'd/sub/new=2']);
  });

  test('that are opaque at the root hide all lower layers', async () => {
    expect(view(await applyLayers([tar(file('a'), file('b/c')), tar(file('.wh..wh..opq'), file('n', 'x'))]))).toEqual([
      'n=x',
    ]);
  });

  test('never become files, nor do the files of AUFS', async () => {
    expect(view(await applyLayers([tar(dir('.wh..wh.plnk'), file('.wh..wh.aufs'), file('.wh.x'))]))).toEqual([]);
  });

  test('through a link of a lower layer hide what the link leads to', async () => {
    expect(
      view(await applyLayers([tar(file('usr/lib/x'), symlink('lib', 'usr/lib')), tar(file('lib/.wh.x'))])),
    ).toEqual(['lib->usr/lib', 'usr/', 'usr/lib/']);
  });

  test('of ".." are refused', async () => {
    await expect(applyLayers([tar(file('d/.wh...'))])).rejects.toEqual(badImage(/impossible name/));
  });

  test('of "." and of no name are refused', async () => {
    await expect(applyLayers([tar(file('d/.wh..'))])).rejects.toEqual(badImage(/impossible name/));
    await expect(applyLayers([tar(file('d/.wh.'))])).rejects.toEqual(badImage(/impossible name/));
  });
});

describe('hostile layers', () => {
  test('an absolute path is refused', async () => {
    await expect(applyLayers([tar(file('/etc/passwd'))])).rejects.toEqual(
      badImage(/"\/etc\/passwd" is an absolute path/),
    );
  });

  test('a path with ".." is refused, even one that stays inside', async () => {
    await expect(applyLayers([tar(file('../x'))])).rejects.toEqual(badImage(/leaves the root/));
    await expect(applyLayers([tar(file('a/../b'))])).rejects.toEqual(badImage(/leaves the root/));
  });

  test('a path through a link that climbs out of the root is refused', async () => {
    await expect(applyLayers([tar(symlink('out', '../../..'), file('out/x'))])).rejects.toEqual(
      badImage(/leads out of the root/),
    );
  });

  test('a path through a link of a lower layer that climbs out of the root is refused', async () => {
    await expect(applyLayers([tar(symlink('d/out', '../../etc')), tar(file('d/out/x'))])).rejects.toEqual(
      badImage(/leads out of the root/),
    );
  });

  test('a path through an absolute link of the same layer is refused', async () => {
    await expect(applyLayers([tar(dir('tmp'), symlink('out', '/tmp'), file('out/x'))])).rejects.toEqual(
      badImage(/absolute link of the same layer/),
    );
  });

  test('a path through links in a circle is refused', async () => {
    await expect(applyLayers([tar(symlink('a', 'b'), symlink('b', 'a'), file('a/x'))])).rejects.toEqual(
      badImage(/too many links/),
    );
  });

  test('a path through a dangling link is refused', async () => {
    await expect(applyLayers([tar(symlink('a', 'nowhere'), file('a/x'))])).rejects.toEqual(
      badImage(/not in the image/),
    );
  });

  test('a path through a file is refused', async () => {
    await expect(applyLayers([tar(file('a'), file('a/x'))])).rejects.toEqual(badImage(/not a directory/));
  });

  test('a hard link that leaves the root is refused', async () => {
    await expect(applyLayers([tar(hardlink('h', '../../etc/passwd'))])).rejects.toEqual(badImage(/leaves the root/));
  });

  test('a hard link to what is not in the image is refused', async () => {
    await expect(applyLayers([tar(hardlink('h', '/etc/passwd'))])).rejects.toEqual(badImage(/not in the image/));
  });

  test('a hard link through a link that leaves the root is refused', async () => {
    await expect(applyLayers([tar(symlink('s', '../..'), hardlink('h', 's/etc/passwd'))])).rejects.toEqual(
      badImage(/leads out of the root/),
    );
  });

  test('a hard link to a directory is refused', async () => {
    await expect(applyLayers([tar(dir('d'), hardlink('h', 'd'))])).rejects.toEqual(badImage(/is a directory/));
  });

  test('a hard link to the root is refused', async () => {
    await expect(applyLayers([tar(hardlink('h', '/'))])).rejects.toEqual(badImage(/not in the image/));
  });

  test('a block device is refused', async () => {
    await expect(applyLayers([tar(blockDevice('dev/sda', 8, 0))])).rejects.toEqual(
      badImage(/"dev\/sda" is a device node \(block 8:0\)/),
    );
  });

  test('a character device that reads memory is refused', async () => {
    await expect(applyLayers([tar(charDevice('dev/null', 1, 1))])).rejects.toEqual(
      badImage(/device node \(char 1:1\)/),
    );
  });

  test('a file in place of the root is refused', async () => {
    await expect(applyLayers([tar(file('.', 'x'))])).rejects.toEqual(badImage(/replaces the root/));
  });

  test('an entry without a name is refused', async () => {
    await expect(applyLayers([tar(file('', 'x'))])).rejects.toEqual(badImage(/without a name/));
  });

  test('a symbolic link to nothing is refused', async () => {
    await expect(applyLayers([tar(symlink('s', ''))])).rejects.toEqual(badImage(/link to nothing/));
  });

  test('control characters of a name do not reach the message', async () => {
    await expect(applyLayers([tar(file('/\u001b[2Jx'))])).rejects.toEqual(badImage(/"\/\\u001b\[2Jx"/));
  });

  test('a name over the limit is refused', async () => {
    await expect(applyLayers([tar(file('x', '', { pax: { path: 'n'.repeat(256) } }))])).rejects.toEqual(
      limit(/longer than 255 bytes/),
    );
  });

  test('a path over the limit is refused', async () => {
    await expect(applyLayers([tar(file('x', '', { pax: { path: 'dir/'.repeat(1025) } }))])).rejects.toEqual(
      limit(/longer than 4096 bytes/),
    );
  });

  test('a tree over the depth limit is refused, however it is reached', async () => {
    await expect(applyLayers([tar(dir('a/b/c'))], { pathDepth: 2 })).rejects.toEqual(limit(/deeper than 2/));
    await expect(applyLayers([tar(dir('a/b'), symlink('s', 'a/b'), dir('s/c'))], { pathDepth: 2 })).rejects.toEqual(
      limit(/deeper than 2/),
    );
  });

  test('more entries in a layer than the limit are refused', async () => {
    await expect(applyLayers([tar(file('a'), file('b'), file('a'))], { entries: 2 })).rejects.toEqual(
      limit(/layer 1 has more than 2 files/),
    );
  });
});

describe('looking things up', () => {
  test('follows links inside the root, and ".." stops there', async () => {
    const rootfs = await applyLayers([
      tar(file('etc/passwd', 'p'), symlink('a', '../../etc'), symlink('b', '/a/passwd')),
    ]);

    expect(textOf(rootfs.lookup('/b'))).toBe('p');
  });

  test('finds nothing through a circle of links', async () => {
    const rootfs = await applyLayers([tar(symlink('a', 'b'), symlink('b', 'a'))]);

    expect(rootfs.lookup('a')).toBeUndefined();
  });

  test('refuses to read a file over the limit', async () => {
    const rootfs = await applyLayers([tar(file('a', 'xxxx'))]);

    expect(() => rootfs.readFile('a', 3)).toThrow(limit(/more than 3 bytes/));
  });
});

describe('what a layer does not say itself', () => {
  const lower = tar(dir('d', { mode: 0o700, uid: 7, mtime: 9 }), file('d/f', 'x', { mode: 0o640 }));
  const layerOf = (bytes: Uint8Array, below?: Rootfs): Layer =>
    readLayer(new MemoryContent([bytes]), { what: 'layer', limits: limitsWith(), lower: below });

  test('about a directory is as in the layers below', async () => {
    const rootfs = await applyLayers([lower, tar(file('d/new', 'y')), tar(dir('other'))]);

    expect(rootfs.lookup('d')!.attributes).toMatchObject({ mode: 0o700, uid: 7, mtimeNs: 9_000_000_000n });
    expect(view(rootfs)).toEqual(['d/', 'd/f=x', 'd/new=y', 'other/']);
  });

  test('about the root is as in the uppermost layer that says something', async () => {
    const rootfs = await applyLayers([tar(dir('.', { mode: 0o700 })), tar(dir('.', { mode: 0o711 })), tar(file('a'))]);

    expect(rootfs.root.attributes.mode).toBe(0o711);
  });

  test('makes it depend on the layers below, and nothing else does', async () => {
    const below = await applyLayers([lower]);
    const described = tar(
      dir('d'),
      file('d/new'),
      file('d/.wh.f'),
      symlink('s', 'd'),
      file('s/x'),
      hardlink('h', 'd/x'),
    );

    expect(layerOf(described, below).dependsOnLower).toBe(false);
    expect(layerOf(tar(file('d/new')), below).dependsOnLower).toBe(true);
    expect(layerOf(tar(file('d/.wh.f')), below).dependsOnLower).toBe(true);
    expect(layerOf(tar(file('d/new'))).dependsOnLower).toBe(true);
  });

  test('about the target of a hard link comes up from the layers below', async () => {
    const rootfs = await applyLayers([lower, tar(hardlink('h', 'd/f'))]);

    expect(view(rootfs)).toEqual(['d/', 'd/f=x', 'h=x']);
    expect(rootfs.lookup('h')).toMatchObject({ linkCount: 2, attributes: { mode: 0o640 } });
    expect(rootfs.lookup('h')!.identity).toBe(rootfs.lookup('d/f')!.identity);
    expect(rootfs.lookup('d')!.attributes.mode).toBe(0o700);
  });

  test('is not taken from what the layer has hidden', async () => {
    const rootfs = await applyLayers([lower, tar(file('.wh.d'), file('d/new', 'y'))]);

    expect(rootfs.lookup('d')!.attributes.mode).toBe(0o755);
    expect(view(rootfs)).toEqual(['d/', 'd/new=y']);
    await expect(applyLayers([lower, tar(file('.wh.d'), hardlink('h', 'd/f'))])).rejects.toEqual(
      badImage(/not in the image/),
    );
  });
});

describe('marks for overlayfs', () => {
  const entriesOf = (...entries: Parameters<typeof tar>): Layer =>
    readLayer(new MemoryContent([tar(...entries)]), { what: 'layer', limits: limitsWith() });
  const marks = (inode: Inode | undefined): [string, string][] =>
    [...inode!.attributes.xattrs].map(([name, value]) => [name, new TextDecoder().decode(value)]);

  test('are a device 0:0 for what is hidden, in a directory that overlayfs looks at closely', () => {
    const { root } = entriesOf(dir('d'), file('d/.wh.x'), file('.wh.y'));
    const directory = root.entries.get('d') as DirectoryInode;

    expect(directory.entries.get('x')).toMatchObject({ kind: 'char', major: 0, minor: 0 });
    expect(root.entries.get('y')).toMatchObject({ kind: 'char', major: 0, minor: 0 });
    expect([marks(directory), marks(root)]).toEqual([
      [['trusted.overlay.origin', '']],
      [['trusted.overlay.origin', '']],
    ]);
  });

  test('are an attribute for a directory that shows nothing of lower ones', () => {
    const { root } = entriesOf(
      dir('d', { pax: { 'SCHILY.xattr.user.k': 'v' } }),
      file('d/.wh..wh..opq'),
      file('d/.wh.x'),
    );

    expect([...(root.entries.get('d') as DirectoryInode).entries.keys()]).toEqual([]);
    expect(marks(root.entries.get('d'))).toEqual([
      ['user.k', 'v'],
      ['trusted.overlay.opaque', 'y'],
    ]);
  });

  test('are on a directory in place of one that was hidden, by a whiteout or by a file', () => {
    const { root } = entriesOf(file('.wh.a'), dir('a'), file('b'), dir('b'), dir('c'), dir('c'));

    expect([marks(root.entries.get('a')), marks(root.entries.get('b')), marks(root.entries.get('c'))]).toEqual([
      [['trusted.overlay.opaque', 'y']],
      [['trusted.overlay.opaque', 'y']],
      [],
    ]);
  });
});
