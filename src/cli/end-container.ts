/** Ends containers that are active, for commands that remove them. */
import type { Container, ContainerStore } from '../container/lifecycle/node-container-store.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

/**
 * Kills a container that is active, and waits until its record says that it has ended (or it is gone, if it removes itself). It is
 * the supervisor that does it.
 */
export type EndContainer = (store: ContainerStore, container: Container) => Promise<void>;

export const endContainer: EndContainer = (_, { name, state }) =>
  Promise.reject(
    new VivariumError(
      ErrorCodes.CONFLICT,
      `cannot remove container ${JSON.stringify(`/${name}`)}: container is ${state.status}: stop the container before removing`,
    ),
  );
