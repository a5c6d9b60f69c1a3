/**
 * What commands tell about a stored image besides how to run it: image-spec v1.1, config.md, the fields `created`, `author`,
 * `history`, and `config` as it is.
 */
import { JsonObject, type JsonValue, parseJson } from '../json.ts';
import { type ImageConfig, type ImageManifest, parseConfig } from '../spec.ts';
import type { ImageStore, StoredImage } from './image-store.ts';

export interface HistoryEntry {
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Made no layer. */
  readonly isEmpty: boolean;
}

export interface ImageDetails {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  /** RFC 3339; `undefined` when the image does not say. */
  readonly created: string | undefined;
  readonly author: string;
  /** Oldest first. */
  readonly history: readonly HistoryEntry[];
  /** The whole config as JSON. */
  readonly raw: { readonly [key: string]: JsonValue };
  /** The object `config` of the config, field by field as the image has it. */
  readonly rawConfig: JsonValue;
  /** What manifest, config and layers take in the store, in bytes. */
  readonly size: number;
}

/** Reads manifest and config of an image, both checked. */
export async function imageDetails(store: ImageStore, image: Pick<StoredImage, 'manifest'>): Promise<ImageDetails> {
  const manifest = await store.manifest(image);
  const bytes = await store.configBytes(manifest);
  const what = `config ${manifest.config.digest}`;
  const value = parseJson(bytes, what, store.limits);
  const object = new JsonObject(value, what);
  return {
    manifest,
    config: parseConfig(bytes, what, store.limits),
    created: object.optionalString('created'),
    author: object.optionalString('author') ?? '',
    history: object.has('history') ? object.objects('history').map(readHistory) : [],
    raw: value as { [key: string]: JsonValue },
    rawConfig: (value as { [key: string]: JsonValue })['config'] ?? {},
    size: [manifest.config, ...manifest.layers].reduce((sum, { size }) => sum + size, image.manifest.size),
  };
}

function readHistory(entry: JsonObject): HistoryEntry {
  return {
    created: entry.optionalString('created'),
    createdBy: entry.optionalString('created_by') ?? '',
    comment: entry.optionalString('comment') ?? '',
    isEmpty: entry.optionalBoolean('empty_layer') ?? false,
  };
}
