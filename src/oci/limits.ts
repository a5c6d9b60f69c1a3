/**
 * What an image may cost. Archives, layers and manifests come from strangers, so every size and count that they
 * state or expand to has a ceiling here. Each default can be raised by the caller; none can be switched off by an image.
 */

/** Ceilings for reading an image. All sizes in bytes. */
export interface ImageLimits {
  /** One JSON document: index, manifest or config. The distribution spec (v1.1, "Pushing Manifests") asks for 4 MiB. */
  readonly jsonBytes: number;
  /** Nesting of arrays and objects in a JSON document. */
  readonly jsonDepth: number;
  /** Indexes and manifests looked at while choosing a platform. */
  readonly manifests: number;
  /** Nesting of indexes inside indexes. */
  readonly indexDepth: number;
  /** Layers of one image: as many as a disk has partitions for (disk/gpt.ts). */
  readonly layers: number;
  /** One layer after decompression. */
  readonly layerBytes: number;
  /** The disk images of all layers of an image. */
  readonly imageBytes: number;
  /** A compressed archive of a whole image, after decompression. */
  readonly archiveBytes: number;
  /** Files in an archive of a whole image. */
  readonly archiveEntries: number;
  /** Output bytes per input byte of a decompression, looked at once `compressionGraceBytes` have come out. */
  readonly compressionRatio: number;
  readonly compressionGraceBytes: number;
  /** Tar entries of one layer. */
  readonly entries: number;
  /** Length of a path (Linux PATH_MAX) and of one component (NAME_MAX), in bytes of UTF-8. */
  readonly pathBytes: number;
  readonly nameBytes: number;
  /** Directory depth of the root filesystem. */
  readonly pathDepth: number;
  /** PAX extended header or GNU long name of one tar entry. */
  readonly tarExtensionBytes: number;
  /** Value of one extended attribute (Linux XATTR_SIZE_MAX) and how many one inode may have. */
  readonly xattrBytes: number;
  readonly xattrsPerInode: number;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;

export const DEFAULT_LIMITS: ImageLimits = {
  jsonBytes: 4 * MiB,
  jsonDepth: 64,
  manifests: 1000,
  indexDepth: 4,
  layers: 128,
  layerBytes: 8 * GiB,
  imageBytes: 16 * GiB,
  archiveBytes: 16 * GiB,
  archiveEntries: 100_000,
  compressionRatio: 250,
  compressionGraceBytes: 64 * MiB,
  entries: 1_000_000,
  pathBytes: 4096,
  nameBytes: 255,
  pathDepth: 512,
  tarExtensionBytes: 1 * MiB,
  xattrBytes: 64 * KiB,
  xattrsPerInode: 64,
};

/** The defaults with some of them replaced. */
export function limitsWith(overrides: Partial<ImageLimits> = {}): ImageLimits {
  return { ...DEFAULT_LIMITS, ...overrides };
}
