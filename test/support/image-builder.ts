/** Makes image layouts and `docker save` archives from layers, wrong ones on request. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { webCodec } from '../../src/oci/web-codec.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import type { ImageFiles } from '../../src/oci/files.ts';
import { openArchive } from '../../src/oci/archive.ts';
import { type Image, type ImageOptions } from '../../src/oci/image.ts';
import { type ImageLimits, limitsWith } from '../../src/oci/limits.ts';
import { openImage } from '../../src/oci/open-image.ts';
import { parsePlatform } from '../../src/oci/platform.ts';
import { file, tar } from './tar-builder.ts';

export interface JsonDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform?: object;
  annotations?: Record<string, string>;
  artifactType?: string;
}

export interface LayerInput {
  tar: Uint8Array;
  /** Media type after `application/vnd.oci.image.layer.v1.`; decides nothing but the label. */
  type?: string;
  /** What is stored; the tar itself when left out. */
  stored?: Uint8Array;
  /** What the config says. */
  diffId?: string;
}

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

export function gzipLayer(tarBytes: Uint8Array): LayerInput {
  return { tar: tarBytes, stored: gzipSync(tarBytes), type: 'tar+gzip' };
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';

/** Files of a layout as they grow. */
export class LayoutBuilder {
  readonly files = new Map<string, Uint8Array>();
  readonly roots: JsonDescriptor[] = [];

  constructor() {
    this.put('oci-layout', { imageLayoutVersion: '1.0.0' });
  }

  put(path: string, content: object | Uint8Array): void {
    this.files.set(path, content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content)));
  }

  blob(content: object | Uint8Array, mediaType: string): JsonDescriptor {
    const bytes = content instanceof Uint8Array ? content : new TextEncoder().encode(JSON.stringify(content));
    const digest = sha256(bytes);
    this.files.set(`blobs/${digest.replace(':', '/')}`, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  config(
    layers: LayerInput[],
    config: object = {},
    platform: object = { os: 'linux', architecture: 'amd64' },
  ): JsonDescriptor {
    const diffIds = layers.map((layer) => layer.diffId ?? sha256(layer.tar));
    return this.blob({ ...platform, config, rootfs: { type: 'layers', diff_ids: diffIds } }, CONFIG);
  }

  manifest(layers: LayerInput[], config: object = {}, platform?: object): JsonDescriptor {
    const layerDescriptors = layers.map((layer) =>
      this.blob(layer.stored ?? layer.tar, `application/vnd.oci.image.layer.v1.${layer.type ?? 'tar'}`),
    );
    return this.blob(
      {
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: this.config(layers, config, platform),
        layers: layerDescriptors,
      },
      MANIFEST,
    );
  }

  index(manifests: JsonDescriptor[]): JsonDescriptor {
    return this.blob({ schemaVersion: 2, mediaType: INDEX, manifests }, INDEX);
  }

  /** Lists an image in index.json. */
  root(descriptor: JsonDescriptor, name?: string): this {
    this.roots.push(
      name === undefined ? descriptor : { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } },
    );
    this.put('index.json', { schemaVersion: 2, mediaType: INDEX, manifests: this.roots });
    return this;
  }

  open(options: OpenOptions = {}): Promise<Image> {
    return openImage(this.archive(), options.reference, imageOptions(options));
  }

  archive(): ImageFiles {
    return openArchive(new MemoryContent([this.tar()]), 'image.tar', limitsWith());
  }

  tar(): Uint8Array {
    return tar(...[...this.files].map(([path, bytes]) => longFile(path, bytes)));
  }
}

/** Blob paths of sha512 do not fit a plain header. */
function longFile(path: string, bytes: Uint8Array): ReturnType<typeof file> {
  return path.length > 100 ? file('long', bytes, { gnuName: path }) : file(path, bytes);
}

export interface OpenOptions {
  reference?: string;
  platform?: string;
  limits?: Partial<ImageLimits>;
}

/** With the browser's codec, which Node has too. */
export function imageOptions({ platform, limits }: OpenOptions = {}): ImageOptions {
  return {
    codec: webCodec,
    limits: limitsWith(limits),
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  };
}

/** One image with these layers. */
export function imageOf(...layers: Array<LayerInput | Uint8Array>): LayoutBuilder {
  const builder = new LayoutBuilder();
  return builder.root(builder.manifest(layers.map((layer) => (layer instanceof Uint8Array ? { tar: layer } : layer))));
}

export interface DockerSaveInput {
  layers: Array<{ path: string; tar: Uint8Array }>;
  tags?: string[];
  configPath?: string;
  platform?: object;
}

/** The files of a `docker save` archive. */
export function dockerSaveFiles(...images: DockerSaveInput[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const manifest = images.map((image) => {
    const config = {
      os: 'linux',
      architecture: 'amd64',
      ...image.platform,
      config: { Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => sha256(layer.tar)) },
    };
    const bytes = new TextEncoder().encode(JSON.stringify(config));
    const configPath = image.configPath ?? `${sha256(bytes).slice('sha256:'.length)}.json`;
    files.set(configPath, bytes);
    image.layers.forEach((layer) => files.set(layer.path, layer.tar));
    return { Config: configPath, RepoTags: image.tags ?? null, Layers: image.layers.map((layer) => layer.path) };
  });
  files.set('manifest.json', new TextEncoder().encode(JSON.stringify(manifest)));
  return files;
}
