/** From an image to its root filesystem: get each layer's tar from a store, apply them in order. */
import { abortable } from './blob.ts';
import { type ClosableContent, MemoryContent } from './content.ts';
import type { Digest } from './digest.ts';
import { overLimit, showBytes } from './fail.ts';
import type { Image } from './image.ts';
import { LayerApplier } from './layers.ts';
import type { ImageLimits } from './limits.ts';
import { Rootfs } from './rootfs.ts';

/** Keeps uncompressed layers by diff id. */
export interface LayerStore {
  /**
   * The tar with this diff id. When it is not kept yet, `produce` gives it; it must be kept only if that stream ends
   * without an error, since its digest is checked last.
   */
  get(diffId: Digest, produce: () => AsyncIterable<Uint8Array>): Promise<ClosableContent>;
  /** Keeps it no longer. */
  discard(diffId: Digest): Promise<void>;
}

/** Keeps layers in memory, for hosts without files. */
export const memoryLayerStore: LayerStore = {
  async get(_diffId, produce) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of produce()) chunks.push(chunk);
    return new MemoryContent(chunks);
  },
  discard: () => Promise.resolve(),
};

/** A root filesystem whose files read from the layers that it holds open. */
export interface LoadedRootfs {
  readonly rootfs: Rootfs;
  close(): void;
}

export interface LoadOptions {
  readonly store: LayerStore;
  readonly limits: ImageLimits;
  readonly signal?: AbortSignal;
  /** Called before each layer. */
  readonly onLayer?: (index: number, count: number) => void;
}

/** Loads all layers. On an error everything opened is closed again, and what was added to the store is discarded. */
export async function loadRootfs(image: Image, options: LoadOptions): Promise<LoadedRootfs> {
  const { store, limits, signal, onLayer } = options;
  const opened: ClosableContent[] = [];
  const added: Digest[] = [];
  const close = (): void => opened.forEach((content) => content.close());
  try {
    const rootfs = new Rootfs();
    const applier = new LayerApplier(rootfs, limits);
    let totalBytes = 0;
    for (const [index, layer] of image.layers.entries()) {
      signal?.throwIfAborted();
      onLayer?.(index, image.layers.length);
      const content = await store.get(layer.diffId, () => {
        added.push(layer.diffId);
        return abortable(layer.open(), signal);
      });
      opened.push(content);
      totalBytes += content.size;
      if (content.size > limits.layerBytes)
        throw overLimit(`${layer.what} has more than the limit of ${showBytes(limits.layerBytes)}`);
      if (totalBytes > limits.imageBytes)
        throw overLimit(`the image expands to more than the limit of ${showBytes(limits.imageBytes)}`);
      applier.apply(content, layer.what);
    }
    return { rootfs, close };
  } catch (error) {
    close();
    await Promise.all(added.map((diffId) => store.discard(diffId)));
    throw error;
  }
}
