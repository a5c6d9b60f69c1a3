/**
 * Makes the record of a container, for `create` and `run`: finds the image (which may be pulled), completes what the flags say
 * by what the image says, and holds the image.
 */
import { join, resolve } from 'node:path';
import type { ContainerConfig, ContainerImage, ImageDefaults, MachineOptions } from '../container/lifecycle/config.ts';
import { newContainerId, shortContainerId } from '../container/lifecycle/names.ts';
import type { Container, ContainerStore } from '../container/lifecycle/node-container-store.ts';
import type { SupervisorRecord } from '../container/lifecycle/node-pod-store.ts';
import type { Digest } from '../oci/digest.ts';
import { locateImage, openNodeImage } from '../oci/node-image.ts';
import type { ExecutionConfig } from '../oci/spec.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { type FindFlags, findRunImage } from './find-run-image.ts';
import { cacheFolder } from './paths.ts';
import { storeFolder } from './registry-settings.ts';

/** An image that a container can be made of. */
export interface FoundImage {
  readonly image: ContainerImage;
  /** What its config says of running it; what the record keeps of that is `defaults`. */
  readonly execution: ExecutionConfig;
  readonly defaults: ImageDefaults;
}

/** Everything of a configuration that flags decide, perhaps with a look at the image. */
export type ConfigParts = Omit<
  ContainerConfig,
  'version' | 'id' | 'created' | 'image' | 'imageDefaults' | 'hostname' | 'pod'
> & {
  /** Default: the beginning of the ID. */
  readonly hostname?: string | undefined;
};

export interface CreateRequest {
  readonly found: FoundImage;
  readonly parts: ConfigParts;
  readonly name?: string | undefined;
  /** Name or ID of a pod; one that is not there is made. Default: a pod of its own. */
  readonly pod?: string | undefined;
  readonly machine: MachineOptions;
  /** For who needs it before. Default: a new one. */
  readonly id?: string;
  /** Who looks after its own pod from the start. */
  readonly supervisor?: SupervisorRecord | undefined;
}

/** Finds an image by what the user wrote, pulling it if need be. Throws what pulling throws, NOT_FOUND, BAD_IMAGE, … */
export async function findContainerImage(text: string, flags: FindFlags): Promise<FoundImage> {
  const place = absolutePlace(await findRunImage(text, flags));
  const opened = await openNodeImage(place, { cacheFolder: layerFolder(), platform: flags.platform });
  try {
    const { config, id } = opened.image;
    const { os, architecture } = config.platform;
    const { user, env, entrypoint, cmd, workingDir, stopSignal, labels, exposedPorts, volumes } = config.execution;
    const plain = { user, env, entrypoint, cmd, workingDir, stopSignal, exposedPorts, volumes };
    return {
      image: { name: text, id, ...storedManifest(place), place, platform: `${os}/${architecture}` },
      execution: config.execution,
      defaults: { ...plain, labels: Object.fromEntries(labels) },
    };
  } finally {
    opened.close();
  }
}

/** Records a container. Throws what {@link ContainerStore.create} does. */
export async function createContainer(store: ContainerStore, request: CreateRequest): Promise<Container> {
  const { found, parts, name, machine, supervisor, id = newContainerId() } = request;
  const config: ContainerConfig = {
    ...parts,
    version: 1,
    created: store.now(),
    image: found.image,
    imageDefaults: found.defaults,
    labels: { ...found.defaults.labels, ...parts.labels },
    hostname: parts.hostname ?? shortContainerId(id),
    id,
    pod: request.pod === undefined ? id : await podId(store, request.pod, machine),
  };
  return store.create(config, { name, machine, supervisor });
}

async function podId(store: ContainerStore, text: string, machine: MachineOptions): Promise<string> {
  try {
    return await store.pods.resolve(text);
  } catch (error) {
    if (!(error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND)) throw error;
    return (await store.pods.findOrCreate(text, machine)).id;
  }
}

/** Whoever starts the container may be in another folder. */
function absolutePlace(place: string): string {
  const { path, reference } = locateImage(place);
  return reference === undefined ? resolve(path) : `${resolve(path)}:${reference}`;
}

/** Of an image of the store, which {@link findRunImage} names by its digest. */
function storedManifest(place: string): { readonly manifest?: Digest } {
  const prefix = `${resolve(storeFolder())}:`;
  return place.startsWith(prefix) ? { manifest: place.slice(prefix.length) as Digest } : {};
}

function layerFolder(): string {
  return join(cacheFolder(), 'layers');
}
