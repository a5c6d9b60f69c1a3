/** Root filesystems made of layers, and shown as lines of text for comparing in tests. */
import { MemoryContent } from '../../src/oci/content.ts';
import { ErofsImage } from '../../src/oci/erofs/reader.ts';
import { writeErofs } from '../../src/oci/erofs/writer.ts';
import type { Image } from '../../src/oci/image.ts';
import { readLayer } from '../../src/oci/layers.ts';
import { type ImageLimits, limitsWith } from '../../src/oci/limits.ts';
import { loadLayers, memoryLayerStore } from '../../src/oci/load-layers.ts';
import { linkTarget, Rootfs, type RootfsNode } from '../../src/oci/rootfs.ts';
import { webCodec } from '../../src/oci/web-codec.ts';

/** Makes images of layer tars and stacks them. */
export async function applyLayers(layers: Uint8Array[], limits: Partial<ImageLimits> = {}): Promise<Rootfs> {
  const images: ErofsImage[] = [];
  for (const [index, bytes] of layers.entries()) {
    const what = `layer ${index + 1}`;
    const options = { what, limits: limitsWith(limits), lower: new Rootfs(images) };
    const { root, label } = readLayer(new MemoryContent([bytes]), options);
    const chunks: Uint8Array[] = [];
    await writeErofs(root, { uuid: new Uint8Array(16), label, what }, (chunk) => void chunks.push(chunk.slice()));
    images.push(new ErofsImage(new MemoryContent(chunks), what));
  }
  return new Rootfs(images);
}

/** Loads an image's root filesystem into memory. */
export async function load(image: Image, limits: Partial<ImageLimits> = {}): Promise<Rootfs> {
  const options = { store: memoryLayerStore, codec: webCodec, limits: limitsWith(limits) };
  return (await loadLayers(image, options)).rootfs;
}

export function textOf(node: RootfsNode | undefined): string | undefined {
  return node?.kind === 'file' ? new TextDecoder().decode(node.content.readSync(0, node.content.size)) : undefined;
}

/** One line for each name below the root, sorted: `a/` for a directory, `a=text` for a file, `a->b` for a link. */
export function view(rootfs: Rootfs): string[] {
  return viewDirectory(rootfs, rootfs.root, '').sort();
}

function viewDirectory(rootfs: Rootfs, directory: RootfsNode, prefix: string): string[] {
  return rootfs.list(directory).flatMap((name) => {
    const node = rootfs.child(directory, name)!;
    const path = prefix + name;
    if (node.kind === 'directory') return [`${path}/`, ...viewDirectory(rootfs, node, `${path}/`)];
    if (node.kind === 'symlink') return [`${path}->${linkTarget(node)}`];
    if (node.kind === 'file') return [`${path}=${textOf(node)}`];
    return [`${path} ${node.kind} ${node.major}:${node.minor}`];
  });
}
