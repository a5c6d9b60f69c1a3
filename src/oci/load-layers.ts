/**
 * From an image to disk images of its layers: takes each from a store, or unpacks the layer and writes one. A layer's image
 * is kept by its diff id; by its chain id (image-spec v1.1, config.md "Layer ChainID") if the layers below have had a say.
 */
import { abortable, digestOf } from './blob.ts';
import type { Codec } from './codec.ts';
import { type ClosableContent, MemoryContent } from './content.ts';
import { type Digest, digestHex } from './digest.ts';
import { UUID_BYTES } from './erofs/format.ts';
import { ErofsImage } from './erofs/reader.ts';
import { type ImageSink, writeErofs } from './erofs/writer.ts';
import { overLimit, showBytes } from './fail.ts';
import type { Image, ImageLayer } from './image.ts';
import { readLayer } from './layers.ts';
import type { ImageLimits } from './limits.ts';
import { Rootfs } from './rootfs.ts';

/** Under what a layer's image is kept. */
export interface LayerKey {
  readonly kind: 'diff' | 'chain';
  readonly digest: Digest;
}

/** Keeps disk images of layers. */
export interface LayerStore<Kept extends ClosableContent = ClosableContent> {
  find(key: LayerKey): Promise<Kept | undefined>;
  /** Keeps what `write` gives, in place of what there may be, but only if it ends without an error. */
  add(key: LayerKey, write: (sink: ImageSink) => Promise<void>): Promise<Kept>;
  /** Holds a stream until it is closed. */
  spool(stream: AsyncIterable<Uint8Array>): Promise<ClosableContent>;
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<MemoryContent> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return new MemoryContent(chunks);
}

/** Keeps nothing but what is in use, in memory, for hosts without files. */
export const memoryLayerStore: LayerStore = {
  find: () => Promise.resolve(undefined),
  async add(_key, write) {
    const chunks: Uint8Array[] = [];
    await write((bytes) => void chunks.push(bytes.slice()));
    return new MemoryContent(chunks);
  },
  spool: collect,
};

/** An image's layers, held open. */
export interface LoadedLayers<Kept> {
  /** The lowest first. */
  readonly layers: readonly Kept[];
  /** What they are together. */
  readonly rootfs: Rootfs;
  close(): void;
}

export interface LoadOptions<Kept extends ClosableContent> {
  readonly store: LayerStore<Kept>;
  readonly codec: Codec;
  readonly limits: ImageLimits;
  readonly signal?: AbortSignal;
  /** Called before each layer. */
  readonly onLayer?: (index: number, count: number) => void;
}

/** Loads all layers. On an error everything opened is closed again; layers that are whole stay in the store. */
export async function loadLayers<Kept extends ClosableContent>(
  image: Image,
  options: LoadOptions<Kept>,
): Promise<LoadedLayers<Kept>> {
  const { limits, signal, onLayer, codec } = options;
  const opened: OpenLayer<Kept>[] = [];
  const close = (): void => opened.forEach(({ content }) => content.close());
  try {
    let chainId: Digest | undefined;
    let totalBytes = 0;
    for (const [index, layer] of image.layers.entries()) {
      signal?.throwIfAborted();
      onLayer?.(index, image.layers.length);
      chainId =
        chainId === undefined
          ? layer.diffId
          : await digestOf(new TextEncoder().encode(`${chainId} ${layer.diffId}`), codec);
      const lower = new Rootfs(opened.map(({ image }) => image));
      const next = (await findLayer(layer, chainId, options)) ?? (await makeLayer(layer, chainId, lower, options));
      opened.push(next);
      totalBytes += next.content.size;
      if (totalBytes > limits.imageBytes)
        throw overLimit(`the image expands to more than the limit of ${showBytes(limits.imageBytes)}`);
    }
    return {
      layers: opened.map(({ content }) => content),
      rootfs: new Rootfs(opened.map(({ image }) => image)),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

interface OpenLayer<Kept> {
  readonly content: Kept;
  readonly image: ErofsImage;
}

/** What the store has. A file that was damaged counts as none, and is made anew. */
async function findLayer<Kept extends ClosableContent>(
  { diffId, what }: ImageLayer,
  chainId: Digest,
  { store }: LoadOptions<Kept>,
): Promise<OpenLayer<Kept> | undefined> {
  const keys: LayerKey[] = [
    { kind: 'diff', digest: diffId },
    { kind: 'chain', digest: chainId },
  ];
  for (const key of keys) {
    const content = await store.find(key);
    if (content === undefined) continue;
    try {
      return { content, image: new ErofsImage(content, what) };
    } catch {
      content.close();
    }
  }
  return undefined;
}

async function makeLayer<Kept extends ClosableContent>(
  { diffId, what, open }: ImageLayer,
  chainId: Digest,
  lower: Rootfs,
  { store, limits, signal }: LoadOptions<Kept>,
): Promise<OpenLayer<Kept>> {
  const tar = await store.spool(abortable(open(), signal));
  try {
    if (tar.size > limits.layerBytes)
      throw overLimit(`${what} has more than the limit of ${showBytes(limits.layerBytes)}`);
    const { root, label, dependsOnLower } = readLayer(tar, { what, limits, lower });
    const key: LayerKey = dependsOnLower ? { kind: 'chain', digest: chainId } : { kind: 'diff', digest: diffId };
    const content = await store.add(key, (sink) =>
      writeErofs(root, { uuid: uuidOf(key.digest), label, what }, (bytes) => {
        signal?.throwIfAborted();
        return sink(bytes);
      }),
    );
    return { content, image: new ErofsImage(content, what) };
  } finally {
    tar.close();
  }
}

const VERSION_AT = 6;
const VARIANT_AT = 8;

/** A UUID of version 8 (RFC 9562, §5.8) from a digest's first bytes. */
function uuidOf(digest: Digest): Uint8Array {
  const hex = digestHex(digest);
  const uuid = Uint8Array.from({ length: UUID_BYTES }, (_, index) => parseInt(hex.slice(2 * index, 2 * index + 2), 16));
  uuid[VERSION_AT] = (uuid[VERSION_AT]! & 0x0f) | 0x80;
  uuid[VARIANT_AT] = (uuid[VARIANT_AT]! & 0x3f) | 0x80;
  return uuid;
}
