import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { TreeFs } from '../../src/devices/virtio/p9/tree-fs.ts';
import { copyRootfs } from '../../src/oci/sink.ts';
import { applyLayers } from '../support/rootfs-view.ts';
import { charDevice, dir, file, hardlink, symlink, tar } from '../support/tar-builder.ts';

describe("an image's root filesystem on the 9p tree", () => {
  test('has the content, links, devices and attributes of the layers', () => {
    const capability = Uint8Array.from([1, 0, 0, 2, 255]);
    const layer = tar(
      dir('.', { mode: 0o711 }),
      dir('tmp', { mode: 0o1777 }),
      file('bin/su', 'program', {
        mode: 0o4755,
        uid: 1,
        gid: 2,
        pax: { mtime: '5.000000006', 'SCHILY.xattr.security.capability': capability },
      }),
      hardlink('bin/link', 'bin/su'),
      symlink('sh', 'bin/su'),
      charDevice('dev/null', 1, 3),
    );
    const fs = new TreeFs({ clock: { nowNs: () => 0, bootUnixMs: 0 } });

    copyRootfs(applyLayers([layer]), fs.builder());

    const bin = fs.lookup(fs.root, 'bin')!;
    const su = fs.lookup(bin, 'su')!;
    expect(fs.root.mode & 0o7777).toBe(0o711);
    expect(fs.lookup(fs.root, 'tmp')!.mode & 0o7777).toBe(0o1777);
    expect(fs.getattr(su)).toMatchObject({
      mode: 0o104755,
      uid: 1,
      gid: 2,
      size: 7,
      linkCount: 2,
      mtime: { seconds: 5, nanoseconds: 6 },
    });
    expect(fs.lookup(bin, 'link')).toBe(su);
    expect(fs.getXattr(su, 'security.capability')).toEqual(capability);
    expect(Buffer.from(fs.read(fs.open(su, 0), 2, 100)).toString()).toBe('ogram');
    expect(fs.readlink(fs.lookup(fs.root, 'sh')!)).toBe('bin/su');
    expect(fs.lookup(fs.lookup(fs.root, 'dev')!, 'null')!.deviceNumber).toBe(0x103);
  });
});
