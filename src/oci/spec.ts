/**
 * The documents of an image: OCI image-spec v1.1 (descriptor.md, image-index.md, manifest.md, config.md) and the Docker
 * schema 2 twins that carry the same fields under other media types. Parsing checks every field that is used; fields
 * that nothing reads are left out.
 */
import { type Digest, parseDigest } from './digest.ts';
import { badImage, overLimit, quote } from './fail.ts';
import { JsonObject, parseJson } from './json.ts';
import type { ImageLimits } from './limits.ts';

/** Media types of OCI (media-types.md) and Docker (image manifest V2, schema 2). */
export const MediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layerTar: 'application/vnd.oci.image.layer.v1.tar',
  layerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  layerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
} as const;

export const Annotations = {
  /** image-spec annotations.md */
  refName: 'org.opencontainers.image.ref.name',
  /** containerd's and docker's full name of an image in an archive */
  containerdName: 'io.containerd.image.name',
  /** BuildKit marks what is not an image but a statement about one */
  dockerReferenceType: 'vnd.docker.reference.type',
} as const;

export type Compression = 'none' | 'gzip' | 'zstd';

const LAYER_COMPRESSIONS: ReadonlyMap<string, Compression> = new Map([
  [MediaTypes.layerTar, 'none'],
  [MediaTypes.layerGzip, 'gzip'],
  [MediaTypes.layerZstd, 'zstd'],
  // Deprecated in v1.1, still to be read.
  ['application/vnd.oci.image.layer.nondistributable.v1.tar', 'none'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'gzip'],
  ['application/vnd.oci.image.layer.nondistributable.v1.tar+zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
  ['application/vnd.docker.image.rootfs.diff.tar.zstd', 'zstd'],
  ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'gzip'],
]);

export function isIndexMediaType(mediaType: string): boolean {
  return mediaType === MediaTypes.index || mediaType === MediaTypes.dockerManifestList;
}

export function isManifestMediaType(mediaType: string): boolean {
  return mediaType === MediaTypes.manifest || mediaType === MediaTypes.dockerManifest;
}

/** The compression that a layer's media type states; throws BAD_IMAGE when it is no layer type. */
export function layerCompression(mediaType: string, what: string): Compression {
  const compression = LAYER_COMPRESSIONS.get(mediaType);
  if (compression === undefined) throw badImage(`${what}: ${quote(mediaType)} is not a layer type that vivarium reads`);
  return compression;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Size of the blob in bytes. */
  readonly size: number;
  readonly annotations: ReadonlyMap<string, string>;
  readonly platform?: Platform;
  readonly artifactType?: string;
}

export interface ImageIndex {
  readonly manifests: readonly Descriptor[];
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The part of a config that says how to run (config.md "Properties", field `config`). */
export interface ExecutionConfig {
  readonly user: string;
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly healthCheck?: ImageHealthCheck;
}

/** Docker's `Healthcheck` of an image (Docker Image Specification v1.3). What is left out, or 0, is the default. */
export interface ImageHealthCheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', text]` */
  readonly test?: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export interface ImageConfig {
  readonly platform: Platform;
  /** Digests of the uncompressed layers, lowest first. */
  readonly diffIds: readonly Digest[];
  readonly execution: ExecutionConfig;
}

/** One image of a `docker save` archive (its manifest.json is a list of these). */
export interface DockerSaveEntry {
  readonly config: string;
  readonly repoTags: readonly string[];
  /** Paths of the layers in the archive, lowest first. */
  readonly layers: readonly string[];
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

/** Reads a platform (image-index.md "platform"). Throws BAD_IMAGE. */
export function readPlatform(object: JsonObject): Platform {
  return {
    os: object.string('os'),
    architecture: object.string('architecture'),
    ...optional('variant', object.optionalString('variant')),
  };
}

function readDescriptor(object: JsonObject, what: string): Descriptor {
  const platform = object.optionalObject('platform');
  return {
    mediaType: object.string('mediaType'),
    digest: parseDigest(object.string('digest'), what),
    size: object.size('size'),
    annotations: object.stringMap('annotations'),
    ...optional('platform', platform && readPlatform(platform)),
    ...optional('artifactType', object.optionalString('artifactType')),
  };
}

const SCHEMA_VERSION = 2;

function readVersioned(
  bytes: Uint8Array,
  what: string,
  limits: ImageLimits,
  accepts: (mediaType: string) => boolean,
): JsonObject {
  const object = new JsonObject(parseJson(bytes, what, limits), what);
  if (object.size('schemaVersion') !== SCHEMA_VERSION)
    throw badImage(`${what} does not have schemaVersion 2, the only one that vivarium reads`);
  const mediaType = object.optionalString('mediaType');
  if (mediaType !== undefined && !accepts(mediaType))
    throw badImage(`${what} says that it is ${quote(mediaType)}, which does not fit its place`);
  return object;
}

/** Parses an OCI index or a Docker manifest list. */
export function parseIndex(bytes: Uint8Array, what: string, limits: ImageLimits): ImageIndex {
  const object = readVersioned(bytes, what, limits, isIndexMediaType);
  const manifests = object.objects('manifests');
  if (manifests.length > limits.manifests) throw overLimit(`${what} lists more than ${limits.manifests} manifests`);
  return { manifests: manifests.map((descriptor) => readDescriptor(descriptor, what)) };
}

/** Parses an OCI or Docker image manifest. */
export function parseManifest(bytes: Uint8Array, what: string, limits: ImageLimits): ImageManifest {
  const object = readVersioned(bytes, what, limits, isManifestMediaType);
  const layers = object.objects('layers');
  if (layers.length > limits.layers) throw overLimit(`${what} has more than ${limits.layers} layers`);
  const config = readDescriptor(object.object('config'), what);
  if (config.mediaType !== MediaTypes.config && config.mediaType !== MediaTypes.dockerConfig) {
    throw badImage(`${what} holds ${quote(config.mediaType)}, which is not a container image`);
  }
  return { config, layers: layers.map((descriptor) => readDescriptor(descriptor, what)) };
}

/** Reads the field `config` of a config. Throws BAD_IMAGE. */
export function readExecution(object: JsonObject | undefined): ExecutionConfig {
  return {
    user: object?.optionalString('User') ?? '',
    env: object?.optionalStrings('Env') ?? [],
    entrypoint: object?.optionalStrings('Entrypoint') ?? [],
    cmd: object?.optionalStrings('Cmd') ?? [],
    workingDir: object?.optionalString('WorkingDir') ?? '',
    stopSignal: object?.optionalString('StopSignal') ?? '',
    labels: object?.stringMap('Labels') ?? new Map(),
    exposedPorts: object?.keys('ExposedPorts') ?? [],
    volumes: object?.keys('Volumes') ?? [],
    ...optional('healthCheck', readHealthCheck(object?.optionalObject('Healthcheck'))),
  };
}

const NANOSECONDS_PER_MS = 1e6;

function readHealthCheck(object: JsonObject | undefined): ImageHealthCheck | undefined {
  if (object === undefined) return undefined;
  const milliseconds = <K extends keyof ImageHealthCheck>(key: K, field: string) =>
    optional(key, object.has(field) ? object.size(field) / NANOSECONDS_PER_MS : undefined);
  return {
    ...optional('test', object.optionalStrings('Test')),
    ...milliseconds('intervalMs', 'Interval'),
    ...milliseconds('timeoutMs', 'Timeout'),
    ...milliseconds('startPeriodMs', 'StartPeriod'),
    ...milliseconds('startIntervalMs', 'StartInterval'),
    ...optional('retries', object.has('Retries') ? object.size('Retries') : undefined),
  };
}

/** Parses an image config. */
export function parseConfig(bytes: Uint8Array, what: string, limits: ImageLimits): ImageConfig {
  const object = new JsonObject(parseJson(bytes, what, limits), what);
  const rootfs = object.object('rootfs');
  if (rootfs.string('type') !== 'layers') throw badImage(`${what}: rootfs.type is not "layers"`);
  const diffIds = rootfs.optionalStrings('diff_ids') ?? []; // `null` for an image without layers
  if (diffIds.length > limits.layers) throw overLimit(`${what} has more than ${limits.layers} layers`);
  return {
    platform: readPlatform(object),
    diffIds: diffIds.map((diffId) => parseDigest(diffId, `${what}: rootfs.diff_ids`)),
    execution: readExecution(object.optionalObject('config')),
  };
}

/** Parses the manifest.json of a `docker save` archive. */
export function parseDockerSave(bytes: Uint8Array, what: string, limits: ImageLimits): DockerSaveEntry[] {
  const list = new JsonObject({ images: parseJson(bytes, what, limits) }, what).objects('images');
  if (list.length > limits.manifests) throw overLimit(`${what} lists more than ${limits.manifests} images`);
  return list.map((object) => {
    const layers = object.optionalStrings('Layers') ?? [];
    if (layers.length > limits.layers) throw overLimit(`${what} has an image with more than ${limits.layers} layers`);
    return { config: object.string('Config'), repoTags: object.optionalStrings('RepoTags') ?? [], layers };
  });
}

/** The version file of a layout (image-layout.md "oci-layout file"). */
export function checkLayoutVersion(bytes: Uint8Array, what: string, limits: ImageLimits): void {
  const version = new JsonObject(parseJson(bytes, what, limits), what).string('imageLayoutVersion');
  if (!/^1\.\d+\.\d+$/.test(version))
    throw badImage(`${what} states layout version ${quote(version)}; vivarium reads 1.x`);
}
