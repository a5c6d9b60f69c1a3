/** Places in an image, as the kernel wants them. */
import { expect, test } from 'vitest';
import { BLOCK_BYTES, INODE_BYTES, SLOT_BYTES } from '../../../src/oci/erofs/format.ts';
import { layOut } from '../../../src/oci/erofs/layout.ts';
import { addFile, emptyTree } from '../../support/erofs-image.ts';

test('neither an inode nor the data behind it crosses into another block', () => {
  const root = emptyTree();
  for (let size = 0; size < 300; size++) addFile(root, `f${size}`, Buffer.alloc(size * 37));

  const { inodes } = layOut(root, 'the layer');

  const blockOf = (offset: number): number => Math.floor(offset / BLOCK_BYTES);
  const crossing = inodes.filter(
    ({ offset, inlineBytes }) => blockOf(offset) !== blockOf(offset + INODE_BYTES + inlineBytes - 1),
  );
  expect(crossing).toEqual([]);
  expect(inodes.filter(({ offset }) => offset % SLOT_BYTES !== 0)).toEqual([]);
  expect(inodes.filter(({ inlineBytes }) => inlineBytes > 0).length).toBeGreaterThan(100);
});
