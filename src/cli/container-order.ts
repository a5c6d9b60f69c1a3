/** What commands say to the supervisors of containers that already are. */
import type { Container, ContainerStore } from '../container/lifecycle/node-container-store.ts';
import { isActive } from '../container/lifecycle/state.ts';
import type { OperationName, Operations } from '../container/supervisor/protocol.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { forEach } from './action.ts';
import { tellNotices } from './attach-session.ts';
import { openContainers } from './containers.ts';
import { ask, findSupervisor, openSupervisor } from './supervisor.ts';

/** A container by its name or ID. What dead supervisors have left is settled first. Throws NOT_FOUND or USAGE. */
export async function findContainer(store: ContainerStore, text: string): Promise<Container> {
  await store.settle();
  return store.find(text);
}

/** Does something with each of several containers, and prints the words that named them. */
export function forEachContainer(
  words: readonly string[],
  work: (store: ContainerStore, container: Container) => Promise<void>,
): Promise<number> {
  const store = openContainers();
  return forEach(words, async (word) => {
    await work(store, await findContainer(store, word));
    process.stdout.write(`${word}\n`);
  });
}

/** Asks the supervisor of a container that is active. Undefined when it is not. */
export async function orderIfActive<K extends OperationName>(
  store: ContainerStore,
  { config, state }: Container,
  op: K,
  request: Operations[K]['request'],
): Promise<Operations[K]['result'] | undefined> {
  // One that is just being started is not active yet, but has a supervisor.
  const connection = await findSupervisor(store, config.pod);
  if (connection !== undefined) return ask(connection, op, request);
  if (isActive(state)) await store.settle(); // it ended a moment ago
  return undefined;
}

/** The same for what makes no sense with one that does not run. Throws CONFLICT then. */
export async function order<K extends OperationName>(
  store: ContainerStore,
  container: Container,
  op: K,
  request: Operations[K]['request'],
  refusal = `Container ${container.id} is not running`,
): Promise<Operations[K]['result']> {
  const result = isActive(container.state) ? await orderIfActive(store, container, op, request) : undefined;
  if (result === undefined) throw new VivariumError(ErrorCodes.CONFLICT, refusal);
  return result;
}

/** Starts a container; nothing to do when it runs. */
export async function startContainer(store: ContainerStore, { id, config }: Container): Promise<void> {
  tellNotices((await ask(await openSupervisor(store, config.pod), 'start', { id })).notices);
}
