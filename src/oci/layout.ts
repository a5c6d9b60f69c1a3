/**
 * Reads an OCI image layout (image-spec v1.1, image-layout.md), and any index or manifest by its descriptor: choosing by
 * name, then by platform through nested indexes. Attestations and artifacts in an index are passed over.
 */
import { type BlobReader, collect, readDocument } from './blob.ts';
import { type Digest, blobPath, isDigest } from './digest.ts';
import { badImage, notFound, overLimit } from './fail.ts';
import type { ImageFiles } from './files.ts';
import { type Image, type ImageOptions, imageFromManifest } from './image.ts';
import { JsonObject, parseJson } from './json.ts';
import type { ImageLimits } from './limits.ts';
import { choosePlatform, isUnknownPlatform } from './platform.ts';
import { chooseByReference } from './references.ts';
import {
  Annotations,
  type Descriptor,
  type ImageManifest,
  MediaTypes,
  type Platform,
  checkLayoutVersion,
  isIndexMediaType,
  isManifestMediaType,
  parseConfig,
  parseIndex,
  parseManifest,
} from './spec.ts';

export const LAYOUT_FILE = 'oci-layout';
export const INDEX_FILE = 'index.json';

/** The blobs of a layout. */
export function layoutBlobs(files: ImageFiles): BlobReader {
  return {
    async *open({ digest }) {
      const path = blobPath(digest);
      if ((await files.size(path)) === undefined)
        throw notFound(`${files.what} has no blob ${digest}; the image is incomplete`);
      yield* files.open(path);
    },
  };
}

/** What a layout lists: those entries that may be images. */
export async function readLayoutIndex(
  files: ImageFiles,
  { limits }: ImageOptions,
): Promise<{ readonly images: readonly Descriptor[] }> {
  const index = `${INDEX_FILE} of ${files.what}`;
  await checkLayoutFile(files, limits);
  const { manifests } = parseIndex(await collect(files.open(INDEX_FILE), limits.jsonBytes, index), index, limits);
  return { images: manifests.filter(mayBeImage) };
}

async function checkLayoutFile(files: ImageFiles, limits: ImageLimits): Promise<void> {
  const what = `${LAYOUT_FILE} of ${files.what}`;
  if ((await files.size(LAYOUT_FILE)) === undefined)
    throw badImage(`${files.what} has an ${INDEX_FILE} but no ${LAYOUT_FILE} file, so it is not an OCI layout`);
  checkLayoutVersion(await collect(files.open(LAYOUT_FILE), limits.jsonBytes, what), what, limits);
}

/** Opens the image called `reference` in a layout; a digest means that manifest or index, whether it is listed or not. */
export async function openLayout(
  files: ImageFiles,
  reference: string | undefined,
  options: ImageOptions,
): Promise<Image> {
  if (reference !== undefined && isDigest(reference)) {
    await checkLayoutFile(files, options.limits);
    const descriptor = await describeBlob(files, reference, options);
    return resolveImage(layoutBlobs(files), [descriptor], reference, files.what, options);
  }
  const { images } = await readLayoutIndex(files, options);
  const named = images.map((descriptor) => ({ descriptor, names: namesOf(descriptor) }));
  const chosen = chooseByReference(named, reference, files.what);
  return resolveImage(
    layoutBlobs(files),
    chosen.map(({ descriptor }) => descriptor),
    reference ?? chosen[0]!.names[0],
    files.what,
    options,
  );
}

/** A manifest or index by its digest alone. What it is, it says itself; a manifest need not. */
async function describeBlob(files: ImageFiles, digest: Digest, { limits }: ImageOptions): Promise<Descriptor> {
  const what = `${digest} of ${files.what}`;
  const size = await files.size(blobPath(digest));
  if (size === undefined) throw notFound(`${files.what} has no blob ${digest}`);
  const bytes = await collect(files.open(blobPath(digest)), limits.jsonBytes, what);
  const mediaType = new JsonObject(parseJson(bytes, what, limits), what).optionalString('mediaType');
  return { mediaType: mediaType ?? MediaTypes.manifest, digest, size, annotations: new Map() };
}

function namesOf({ annotations }: Descriptor): string[] {
  const names = [annotations.get(Annotations.refName), annotations.get(Annotations.containerdName)];
  return names.filter((name) => name !== undefined);
}

/** An index also lists what is about an image, or of a type from the future. */
function mayBeImage(descriptor: Descriptor): boolean {
  if (isIndexMediaType(descriptor.mediaType)) return true;
  if (!isManifestMediaType(descriptor.mediaType)) return false;
  if (descriptor.artifactType !== undefined || descriptor.annotations.has(Annotations.dockerReferenceType))
    return false;
  return descriptor.platform === undefined || !isUnknownPlatform(descriptor.platform);
}

interface Candidate {
  readonly descriptor: Descriptor;
  readonly platform: Platform;
}

/**
 * Picks the image for our platform among manifests and indexes, given by descriptor, and opens it. This is the way in for
 * every {@link BlobReader}.
 */
export async function resolveImage(
  reader: BlobReader,
  descriptors: readonly Descriptor[],
  reference: string | undefined,
  what: string,
  options: ImageOptions,
): Promise<Image> {
  const descriptor = await chooseManifest(reader, descriptors, what, options);
  const manifest = await readManifest(reader, descriptor, what, options);
  return imageFromManifest(reader, manifest, { reference, digest: descriptor.digest }, what, options);
}

/** The manifest for our platform among manifests and indexes, given by descriptor. Throws UNSUPPORTED_PLATFORM. */
export async function chooseManifest(
  reader: BlobReader,
  descriptors: readonly Descriptor[],
  what: string,
  options: ImageOptions,
): Promise<Descriptor> {
  const candidates: Candidate[] = [];
  await new CandidateFinder(reader, what, options).find(descriptors, 0, candidates);
  return choosePlatform(candidates, options.platform, what).descriptor;
}

async function readManifest(
  reader: BlobReader,
  descriptor: Descriptor,
  what: string,
  { codec, limits }: ImageOptions,
): Promise<ImageManifest> {
  const name = `manifest of ${what}`;
  return parseManifest(await readDocument(reader, descriptor, name, codec, limits), name, limits);
}

/** Walks indexes. The same index may be listed many times over, so what is looked at is counted, not what is there. */
class CandidateFinder {
  readonly #reader: BlobReader;
  readonly #what: string;
  readonly #options: ImageOptions;
  #looked = 0;

  constructor(reader: BlobReader, what: string, options: ImageOptions) {
    this.#reader = reader;
    this.#what = what;
    this.#options = options;
  }

  async find(descriptors: readonly Descriptor[], depth: number, candidates: Candidate[]): Promise<void> {
    const { codec, limits } = this.#options;
    if (depth > limits.indexDepth)
      throw overLimit(`${this.#what} nests indexes deeper than ${limits.indexDepth} levels`);
    for (const descriptor of descriptors) {
      if (!mayBeImage(descriptor)) continue;
      if (++this.#looked > limits.manifests)
        throw overLimit(`${this.#what} lists more than ${limits.manifests} manifests`);
      if (isIndexMediaType(descriptor.mediaType)) {
        const name = `index of ${this.#what}`;
        const index = parseIndex(await readDocument(this.#reader, descriptor, name, codec, limits), name, limits);
        await this.find(index.manifests, depth + 1, candidates);
      } else {
        candidates.push({ descriptor, platform: descriptor.platform ?? (await this.#platformOf(descriptor)) });
      }
    }
  }

  /** An index need not say what a manifest is for; its config does. */
  async #platformOf(descriptor: Descriptor): Promise<Platform> {
    const { codec, limits } = this.#options;
    const manifest = await readManifest(this.#reader, descriptor, this.#what, this.#options);
    const name = `config of ${this.#what}`;
    return parseConfig(await readDocument(this.#reader, manifest.config, name, codec, limits), name, limits).platform;
  }
}
