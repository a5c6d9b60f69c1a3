/** Shows a root filesystem as lines of text, for comparing in tests. */
import { MemoryContent } from '../../src/oci/content.ts';
import { LayerApplier } from '../../src/oci/layers.ts';
import { type ImageLimits, limitsWith } from '../../src/oci/limits.ts';
import { memoryLayerStore, loadRootfs } from '../../src/oci/load-rootfs.ts';
import type { Image } from '../../src/oci/image.ts';
import { type DirectoryInode, type Inode, Rootfs } from '../../src/oci/rootfs.ts';

/** Applies layer tars one after another. */
export function applyLayers(layers: Uint8Array[], limits: Partial<ImageLimits> = {}): Rootfs {
  const rootfs = new Rootfs();
  const applier = new LayerApplier(rootfs, limitsWith(limits));
  layers.forEach((layer, index) => applier.apply(new MemoryContent([layer]), `layer ${index + 1}`));
  return rootfs;
}

/** Loads an image's root filesystem into memory. */
export async function load(image: Image, limits: Partial<ImageLimits> = {}): Promise<Rootfs> {
  return (await loadRootfs(image, { store: memoryLayerStore, limits: limitsWith(limits) })).rootfs;
}

export function textOf(inode: Inode | undefined): string | undefined {
  return inode?.kind === 'file' ? new TextDecoder().decode(inode.content.readSync(0, inode.content.size)) : undefined;
}

/** One line for each name below the root, sorted: `a/` for a directory, `a=text` for a file, `a->b` for a link. */
export function view(rootfs: Rootfs): string[] {
  return viewDirectory(rootfs.root, '').sort();
}

function viewDirectory(directory: DirectoryInode, prefix: string): string[] {
  return [...directory.entries].flatMap(([name, { inode }]) => {
    const path = prefix + name;
    if (inode.kind === 'directory') return [`${path}/`, ...viewDirectory(inode, `${path}/`)];
    if (inode.kind === 'symlink') return [`${path}->${inode.target}`];
    if (inode.kind === 'file') return [`${path}=${textOf(inode)}`];
    return [`${path} ${inode.kind} ${inode.major}:${inode.minor}`];
  });
}
