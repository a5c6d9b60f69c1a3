/**
 * Makes an OCI image from lists of files, one for each layer: the files of its layout (image-spec v1.1, image-layout.md), the
 * same bytes for the same input. Good for images that the project brings itself; it does not build from recipes.
 */
import { concatBytes, digestOf } from './blob.ts';
import type { Codec } from './codec.ts';
import { type Digest, blobPath } from './digest.ts';
import { INDEX_FILE, LAYOUT_FILE } from './layout.ts';
import { formatPlatform } from './platform.ts';
import { Annotations, type ExecutionConfig, MediaTypes, type Platform } from './spec.ts';
import { type TarFile, writeTar } from './tar-writer.ts';

export const LAYOUT_VERSION = '1.0.0'; // image-layout.md "oci-layout file"
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

export interface ImageRecipe {
  /** Content of the root filesystem, every directory before what is in it. */
  readonly files: readonly TarFile[];
  /** Layers below `files`, the lowest first. */
  readonly below?: ReadonlyArray<readonly TarFile[]>;
  readonly platform: Platform;
  readonly execution?: Partial<ExecutionConfig>;
  /** Tag in the layout. */
  readonly reference?: string;
}

interface Blob {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

async function makeBlob(bytes: Uint8Array, codec: Codec): Promise<Blob> {
  return { bytes, digest: await digestOf(bytes, codec) };
}

function json(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** `undefined` fields vanish in JSON, so an empty one is not written. */
function executionJson(execution: Partial<ExecutionConfig>): object {
  const list = (items: readonly string[] | undefined): readonly string[] | undefined =>
    items?.length ? items : undefined;
  const set = (items: readonly string[] | undefined): object | undefined =>
    items?.length ? Object.fromEntries(items.map((item) => [item, {}])) : undefined;
  return {
    User: execution.user || undefined,
    ExposedPorts: set(execution.exposedPorts),
    Env: list(execution.env),
    Entrypoint: list(execution.entrypoint),
    Cmd: list(execution.cmd),
    Volumes: set(execution.volumes),
    WorkingDir: execution.workingDir || undefined,
    Labels: execution.labels?.size ? Object.fromEntries(execution.labels) : undefined,
    StopSignal: execution.stopSignal || undefined,
  };
}

function descriptor(mediaType: string, blob: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType, digest: blob.digest, size: blob.bytes.length };
}

/** The files of the layout: relative paths and contents. */
export async function buildLayout(recipe: ImageRecipe, codec: Codec): Promise<ReadonlyMap<string, Uint8Array>> {
  const { platform, reference } = recipe;
  const layers: Blob[] = [];
  for (const files of [...(recipe.below ?? []), recipe.files])
    layers.push(await makeBlob(concatBytes([...writeTar(files)]), codec));
  const config = await makeBlob(
    json({
      architecture: platform.architecture,
      os: platform.os,
      variant: platform.variant,
      config: executionJson(recipe.execution ?? {}),
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
      history: layers.map(() => ({ comment: `made by vivarium for ${formatPlatform(platform)}` })),
    }),
    codec,
  );
  const manifest = await makeBlob(
    json({
      schemaVersion: 2,
      mediaType: MediaTypes.manifest,
      config: descriptor(MediaTypes.config, config),
      layers: layers.map((layer) => descriptor(MediaTypes.layerTar, layer)),
    }),
    codec,
  );
  const annotations = reference === undefined ? undefined : { [Annotations.refName]: reference };
  const index = json({
    schemaVersion: 2,
    mediaType: MediaTypes.index,
    manifests: [{ ...descriptor(MediaTypes.manifest, manifest), platform, annotations }],
  });
  const files = new Map<string, Uint8Array>([
    [LAYOUT_FILE, json({ imageLayoutVersion: LAYOUT_VERSION })],
    [INDEX_FILE, index],
  ]);
  for (const blob of [manifest, config, ...layers]) files.set(blobPath(blob.digest), blob.bytes);
  return files;
}

/** A layout as an OCI archive. */
export function writeOciArchive(layout: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const folders = ['blobs', 'blobs/sha256'].map((path): TarFile => ({ path, type: 'directory', mode: FOLDER_MODE }));
  const files = [...layout].map(([path, content]): TarFile => ({ path, type: 'file', mode: FILE_MODE, content }));
  return concatBytes([...writeTar([...folders, ...files])]);
}
