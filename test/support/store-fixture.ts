/** Stores with images in them, in memory or on disk. */
import { ImageStore } from '../../src/oci/store/image-store.ts';
import type { StoreFiles } from '../../src/oci/store/files.ts';
import { type ImageName, parseImageName } from '../../src/oci/image-name.ts';
import type { Descriptor } from '../../src/oci/spec.ts';
import { webCodec } from '../../src/oci/web-codec.ts';
import { type LayerInput, LayoutBuilder } from './image-builder.ts';
import { file, tar } from './tar-builder.ts';

export const LAYER = tar(file('a', 'x'));
export const OTHER_LAYER = tar(file('b', 'y'.repeat(2000)));

export function storeOn(files: StoreFiles): ImageStore {
  return new ImageStore({ files, codec: webCodec });
}

export async function* chunks(...parts: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

export const name = (text: string): ImageName => parseImageName(text);

/** An image's blobs and its manifest; `rest` is what its config says besides, platform included. */
export function smallImage(
  layers: LayerInput[] = [{ tar: LAYER }],
  config: object = {},
  rest?: object,
): { builder: LayoutBuilder; manifest: Descriptor; id: string } {
  const builder = new LayoutBuilder();
  const { digest, mediaType, size } = builder.manifest(layers, config, rest);
  const manifest = { mediaType, size, digest: digest as Descriptor['digest'], annotations: new Map<string, string>() };
  const bytes = builder.files.get(`blobs/${digest.replace(':', '/')}`)!;
  const { config: configDescriptor } = JSON.parse(new TextDecoder().decode(bytes)) as { config: { digest: string } };
  return { builder, manifest, id: configDescriptor.digest };
}

/** Adds an image under names. */
export async function addImage(
  store: ImageStore,
  names: string[],
  ...image: Parameters<typeof smallImage>
): Promise<{ id: string; manifest: Descriptor }> {
  const { builder, manifest, id } = smallImage(...image);
  const lease = store.lease();
  for (const [path, bytes] of builder.files) if (path.startsWith('blobs/')) await store.addBlob(chunks(bytes), lease);
  for (const text of names) await store.addName(id as Descriptor['digest'], manifest, name(text));
  if (names.length === 0) await store.addName(id as Descriptor['digest'], manifest, undefined);
  await lease.release();
  return { id, manifest };
}
