/**
 * Images that we put together of layers: what a container changed on top of its image (`commit`), or a root filesystem from a
 * tar archive (`import`). The config and the manifest are OCI's (image-spec v1.1, config.md and manifest.md), whatever the base's are.
 */
import { decompress } from '../decompress.ts';
import { type ClosableContent, streamContent } from '../content.ts';
import { type Digest, makeDigest } from '../digest.ts';
import { badImage } from '../fail.ts';
import type { ImageName } from '../image-name.ts';
import type { JsonValue } from '../json.ts';
import { readLayer } from '../layers.ts';
import { type Compression, MediaTypes, type Platform, layerCompression } from '../spec.ts';
import type { Lease } from './claims.ts';
import { imageDetails } from './details.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import type { RunConfig } from './run-config.ts';

export const LAYER_TYPES: Record<Compression, string> = {
  none: MediaTypes.layerTar,
  gzip: MediaTypes.layerGzip,
  zstd: MediaTypes.layerZstd,
};
/** Of Docker's own configs, what is about how the image was built on some machine. */
const LEFT_OUT: readonly string[] = ['container', 'container_config', 'docker_version', 'id', 'parent', 'parent_id'];

/** Holds a stream on the host until it is closed. */
export type Spool = (stream: AsyncIterable<Uint8Array>) => Promise<ClosableContent>;

/** What an image is made on. */
export interface BaseImage {
  readonly layers: readonly { readonly mediaType: string; readonly digest: Digest; readonly size: number }[];
  readonly diffIds: readonly Digest[];
  /** The whole config as JSON. */
  readonly config: { readonly [key: string]: JsonValue };
  readonly runConfig: RunConfig;
  readonly platform: Platform;
}

export interface ComposeRequest {
  readonly base: BaseImage | undefined;
  /** The new layer: a tar, compressed or not. */
  readonly layer: AsyncIterable<Uint8Array>;
  /** Names the layer in errors. */
  readonly what: string;
  readonly runConfig: RunConfig;
  readonly platform: Platform;
  /** RFC 3339. */
  readonly created: string;
  readonly createdBy?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** A name with a tag; without, the image is known by its ID. */
  readonly name?: ImageName | undefined;
}

/** Reads what an image of the store is, to make another one on it. */
export async function readBase(store: ImageStore, image: Pick<StoredImage, 'manifest'>): Promise<BaseImage> {
  const { manifest, config, raw, rawConfig } = await imageDetails(store, image);
  return {
    layers: manifest.layers.map(({ mediaType, digest, size }) => ({
      mediaType: LAYER_TYPES[layerCompression(mediaType, `manifest ${image.manifest.digest}`)],
      digest,
      size,
    })),
    diffIds: config.diffIds,
    config: raw,
    runConfig: (typeof rawConfig === 'object' && rawConfig !== null && !Array.isArray(rawConfig)
      ? rawConfig
      : {}) as RunConfig,
    platform: config.platform,
  };
}

/** Adds the image to the store. Throws BAD_IMAGE or LIMIT when the layer is none that can be used. Gives its ID. */
export async function composeImage(store: ImageStore, request: ComposeRequest, spool: Spool): Promise<Digest> {
  const { base, platform, created, author, comment, createdBy, runConfig } = request;
  const lease = store.lease();
  try {
    await lease.protect(base?.layers.map(({ digest }) => digest) ?? []);
    for (const layer of base?.layers ?? [])
      if (!(await store.has(layer)))
        throw badImage(`layer ${layer.digest} of the image is not in ${store.what} any more; pull the image again`);
    const layer = await addLayer(store, request, lease, spool);
    const history = [
      ...pastOf(base),
      { created, created_by: createdBy || undefined, author: author || undefined, comment: comment || undefined },
    ];
    const kept = Object.entries(base?.config ?? {}).filter(([key]) => !LEFT_OUT.includes(key));
    const config = {
      ...Object.fromEntries(kept),
      created,
      author: author || undefined,
      architecture: platform.architecture,
      variant: platform.variant,
      os: platform.os,
      config: runConfig,
      rootfs: { type: 'layers', diff_ids: [...(base?.diffIds ?? []), layer.diffId] },
      history,
    };
    const configBlob = await store.addDocument(json(config), lease);
    const { diffId: _, ...descriptor } = layer;
    const manifest = {
      schemaVersion: 2,
      mediaType: MediaTypes.manifest,
      config: { mediaType: MediaTypes.config, ...configBlob },
      layers: [...(base?.layers ?? []), descriptor],
    };
    const manifestBlob = await store.addDocument(json(manifest), lease);
    await store.addName(
      configBlob.digest,
      { mediaType: MediaTypes.manifest, ...manifestBlob, platform, annotations: new Map() },
      request.name,
    );
    return configBlob.digest;
  } finally {
    await lease.release();
  }
}

const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** The base's history, with an empty step for each layer that it does not tell of, so that the steps fit the layers. */
function pastOf(base: BaseImage | undefined): JsonValue[] {
  if (base === undefined) return [];
  const past = Array.isArray(base.config['history']) ? base.config['history'] : [];
  const told = past.filter((step) => (step as { empty_layer?: JsonValue } | null)?.empty_layer !== true).length;
  return [...past, ...Array.from({ length: Math.max(0, base.diffIds.length - told) }, () => ({}))];
}

interface NewLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly diffId: Digest;
}

/** Looks at the whole layer before any of it is kept, then keeps it with gzip. */
async function addLayer(
  store: ImageStore,
  { layer, what }: ComposeRequest,
  lease: Lease,
  spool: Spool,
): Promise<NewLayer> {
  const { codec, limits } = store;
  const plain = decompress(layer, { codec, what, limits: { ...limits, maximumBytes: limits.layerBytes } });
  const content = await spool(plain);
  try {
    readLayer(content, { what, limits, requireEnd: true });
    const hash = codec.createHash('sha256');
    async function* hashed(): AsyncGenerator<Uint8Array> {
      for await (const chunk of streamContent(content)) {
        hash.update(chunk);
        yield chunk;
      }
    }
    const blob = await store.addBlob(codec.gzip(hashed()), lease);
    return { mediaType: MediaTypes.layerGzip, ...blob, diffId: makeDigest('sha256', await hash.hex()) };
  } finally {
    content.close();
  }
}
