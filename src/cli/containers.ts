/** The records of this user's containers. */
import { ContainerStore } from '../container/lifecycle/node-container-store.ts';
import { describeError } from './failure.ts';
import { dataFolder } from './paths.ts';
import { openStore } from './registry-settings.ts';

export function openContainers(): ContainerStore {
  return new ContainerStore({
    home: dataFolder(),
    images: openStore(),
    onEventError: (error) => void process.stderr.write(`${describeError(error)}\n`),
  });
}
