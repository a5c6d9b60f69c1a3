/** Ends containers that are active, for commands that remove them. */
import type { Container, ContainerStore } from '../container/lifecycle/node-container-store.ts';
import { orderIfActive } from './container-order.ts';

/**
 * Kills a container that is active, and waits until its record says that it has ended (or it is gone, if it removes itself). It is
 * the supervisor that does it.
 */
export type EndContainer = (store: ContainerStore, container: Container) => Promise<void>;

const NEVER_MS = -1;

export const endContainer: EndContainer = async (store, container) => {
  // A stop, and not a kill: one that waits to be restarted, or is paused, ends by it too.
  await orderIfActive(store, container, 'stop', { id: container.id, signal: 'SIGKILL', timeoutMs: NEVER_MS });
};
