import { expect, test } from 'vitest';
import { TreeFs } from '../../src/devices/virtio/p9/tree-fs.ts';
import { addIdentityFiles } from '../../src/sandbox/identity-files.ts';

const ATTRIBUTES = { mode: 0o755, uid: 0, gid: 0 };
const create = (): TreeFs => new TreeFs({ clock: { nowNs: () => 0, bootUnixMs: 0 } });

test("identity files replace the image's, whatever they are", () => {
  const fs = create();
  const tree = fs.builder();
  const etc = tree.mkdir(tree.root, 'etc', ATTRIBUTES);
  tree.symlink(etc, 'hostname', ATTRIBUTES, '/proc/1/environ');
  tree.mkdir(tree.mkdir(etc, 'hosts', ATTRIBUTES), 'inner', ATTRIBUTES);

  addIdentityFiles(tree, 'box');

  const text = (name: string): string => Buffer.from(fs.read(fs.open(fs.lookup(etc, name)!, 0), 0, 1000)).toString();
  expect(text('hostname')).toBe('box\n');
  expect(text('hosts')).toContain('127.0.1.1\tbox\n');
});

test('identity files come with a folder when the image has none', () => {
  const fs = create();

  addIdentityFiles(fs.builder(), 'box');

  expect(fs.lookup(fs.lookup(fs.root, 'etc')!, 'hosts')).toBeDefined();
});

test('an image whose /etc is a link stays as it is', () => {
  const fs = create();
  const tree = fs.builder();
  tree.symlink(tree.root, 'etc', ATTRIBUTES, 'elsewhere');

  addIdentityFiles(tree, 'box');

  expect(fs.readlink(fs.lookup(fs.root, 'etc')!)).toBe('elsewhere');
});
