/**
 * The list of images in a store: the `index.json` of an OCI layout (image-spec v1.1, image-layout.md "index.json file"), so that
 * the store's folder can be read by every tool that reads layouts. A record is one name of one image: with a tag, or
 * `REPOSITORY@DIGEST` as the registry knew it. An image without any name has one record without.
 */
import type { Digest } from '../digest.ts';
import { parseDigest } from '../digest.ts';
import { formatImageName, parseImageName } from '../image-name.ts';
import { type ImageLimits, limitsWith } from '../limits.ts';
import { Annotations, type Descriptor, MediaTypes, parseIndex } from '../spec.ts';

/** Digest of the image's config, which is what Docker calls the image's ID; spares reading every manifest for a list. */
const ID_ANNOTATION = 'vivarium.image.id';
/** Our own list may be longer than what a stranger may give us. */
const INDEX_LIMITS: ImageLimits = limitsWith({ jsonBytes: 256 * 1024 * 1024, manifests: 1_000_000 });

export interface IndexRecord {
  /** In full, `docker.io/library/busybox:latest` or `…@sha256:…`. */
  readonly name: string | undefined;
  /** The image's ID: the digest of its config. */
  readonly id: Digest;
  /** Of the manifest for one platform, never of an index. */
  readonly manifest: Descriptor;
}

/** Throws BAD_IMAGE, LIMIT or, for a name that is none, USAGE. */
export function parseRecords(bytes: Uint8Array, what: string): IndexRecord[] {
  return parseIndex(bytes, what, INDEX_LIMITS).manifests.map((descriptor) => {
    const name = descriptor.annotations.get(Annotations.refName);
    return {
      name: name === undefined ? undefined : formatImageName(parseImageName(name)),
      id: parseDigest(descriptor.annotations.get(ID_ANNOTATION) ?? '', `${what}: annotation ${ID_ANNOTATION}`),
      manifest: descriptor,
    };
  });
}

export function serializeRecords(records: readonly IndexRecord[]): Uint8Array {
  const manifests = records.map(({ name, id, manifest: { mediaType, digest, size, platform } }) => ({
    mediaType,
    digest,
    size,
    platform,
    annotations: { ...(name === undefined ? {} : { [Annotations.refName]: name }), [ID_ANNOTATION]: id },
  }));
  const index = { schemaVersion: 2, mediaType: MediaTypes.index, manifests };
  return new TextEncoder().encode(JSON.stringify(index, null, 1));
}

/** A record more, replacing the one with its name. An image that would be without any record gets one without a name. */
export function withRecord(records: readonly IndexRecord[], added: IndexRecord): IndexRecord[] {
  const displaced = records.filter((record) => added.name !== undefined && record.name === added.name);
  const others = records.filter(
    (record) => !displaced.includes(record) && !(record.name === undefined && record.id === added.id),
  );
  const orphans = displaced.filter(({ id }) => id !== added.id && others.every((record) => record.id !== id));
  const isKnown = added.name === undefined && others.some((record) => record.id === added.id);
  return [...others, ...orphans.map((record) => ({ ...record, name: undefined })), ...(isKnown ? [] : [added])];
}
