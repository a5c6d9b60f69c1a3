/** Values for placeholders in the definitions of commands, by the placeholder's name. What can't be read is not offered. */
import { shortContainerId } from '../../container/lifecycle/names.ts';
import { familiarName } from '../../oci/image-name.ts';
import { VivariumError } from '../../util/errors.ts';
import { BUILT_IN_IMAGES } from '../assets.ts';
import { openContainers } from '../containers.ts';
import { openStore } from '../registry-settings.ts';
import { shortId } from '../transfer-progress.ts';
import type { ValueSources } from './complete.ts';

const PLATFORMS = ['linux/amd64', 'linux/386'];
const list =
  (...values: readonly string[]) =>
  () =>
    Promise.resolve(values);

export const VALUE_SOURCES: ValueSources = {
  image: () => quietly(async () => [...new Set([...(await imageNames()), ...BUILT_IN_IMAGES])]),
  repository: () => quietly(imageNames),
  container: () => quietly(containerNames),
  pod: () => quietly(podNames),
  object: () =>
    quietly(async () => [...new Set([...(await containerNames()), ...(await imageNames()), ...(await podNames())])]),
  'os/architecture': list(...PLATFORMS),
  format: list('json', 'table'),
  file: 'files',
  source: 'files',
  destination: 'files',
  'file[,ro]': 'files',
  'host:guest[:ro]': 'files',
};

/** Names, and the IDs of images that have none. */
async function imageNames(): Promise<string[]> {
  return (await openStore().images()).flatMap(({ id, tags, digests }) => {
    if (tags.length > 0) return tags.map(familiarName);
    return digests.length > 0 ? digests.map(familiarName) : [shortId(id)];
  });
}

/** As in Docker, no IDs: each container has a name. */
async function containerNames(): Promise<string[]> {
  return (await openContainers().list()).containers.map(({ name }) => name);
}

/** One that was not given a name is its container's, and goes by that one's ID. */
async function podNames(): Promise<string[]> {
  return (await openContainers().pods.list()).pods.map(({ id, name }) => name ?? shortContainerId(id));
}

/** Nobody wants an error in the middle of a line; the command itself will tell it. */
async function quietly(read: () => Promise<string[]>): Promise<string[]> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof VivariumError) return [];
    throw error;
  }
}
