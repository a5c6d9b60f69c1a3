/**
 * An image that was found and checked: its config, and its layers ready to be read. Where it comes from (layout, archive,
 * later a store or a registry) shows only in who makes it.
 */
import { type BlobReader, readDocument, verifyStream } from './blob.ts';
import type { Codec } from './codec.ts';
import { decompress } from './decompress.ts';
import type { Digest } from './digest.ts';
import { badImage } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import { choosePlatform } from './platform.ts';
import {
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  type Platform,
  layerCompression,
  parseConfig,
} from './spec.ts';

export interface ImageLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Names the layer in messages. */
  readonly what: string;
  /** The uncompressed tar. What comes out counts only once the stream has ended well: then every digest has matched. */
  open(): AsyncIterable<Uint8Array>;
}

export interface Image {
  /** The name that it was chosen by or has, if any. */
  readonly reference: string | undefined;
  /** Digest of the config, which is the image's ID. */
  readonly id: Digest;
  /** Digest of the manifest; `docker save` archives of the old form have none. */
  readonly digest: Digest | undefined;
  readonly config: ImageConfig;
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
}

export interface ImageOptions {
  readonly codec: Codec;
  readonly limits: ImageLimits;
  /** Take this platform instead of the best one. */
  readonly platform?: Platform;
}

/** Reads the config that a manifest names and puts the image together. */
export async function imageFromManifest(
  reader: BlobReader,
  manifest: ImageManifest,
  name: { readonly reference: string | undefined; readonly digest: Digest },
  what: string,
  options: ImageOptions,
): Promise<Image> {
  const { codec, limits } = options;
  const configBytes = await readDocument(reader, manifest.config, `config of ${what}`, codec, limits);
  const config = parseConfig(configBytes, `config of ${what}`, limits);
  checkImageConfig(config, manifest.layers.length, what, options);
  const layers = manifest.layers.map((descriptor, index) =>
    blobLayer(reader, descriptor, config.diffIds[index]!, `layer ${index + 1} of ${what}`, options),
  );
  return { ...name, id: manifest.config.digest, config, layers };
}

/** The config decides what an image is for, whatever an index says about it. */
export function checkImageConfig(
  config: Pick<ImageConfig, 'platform' | 'diffIds'>,
  layerCount: number,
  what: string,
  options: ImageOptions,
): void {
  choosePlatform([config], options.platform, what);
  if (config.diffIds.length !== layerCount) {
    throw badImage(`${what} has ${layerCount} layers where its config lists ${config.diffIds.length}`);
  }
}

function blobLayer(
  reader: BlobReader,
  descriptor: Descriptor,
  diffId: Digest,
  what: string,
  options: ImageOptions,
): ImageLayer {
  const { codec, limits } = options;
  const expect = layerCompression(descriptor.mediaType, what);
  return {
    diffId,
    what,
    async *open() {
      let blobMatched = false;
      async function* blob(): AsyncGenerator<Uint8Array> {
        yield* verifyStream(reader.open(descriptor), descriptor, codec, what);
        blobMatched = true;
      }
      const plain = decompress(blob(), { codec, limits: { ...limits, maximumBytes: limits.layerBytes }, what, expect });
      yield* verifyStream(plain, { digest: diffId }, codec, `${what}, uncompressed,`);
      // A decoder that stops at the end of its own format would leave the rest unread and the digest unchecked.
      if (!blobMatched) throw badImage(`${what} has data after the end of its compressed stream`);
    },
  };
}
