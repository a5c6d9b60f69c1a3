/** The files of a container that a user names, through the supervisor of its pod. */
import { RemoteFiles } from '../container/supervisor/remote-files.ts';
import type { OpenContainerFiles } from './container-files.ts';
import { findContainer, orderIfActive } from './container-order.ts';
import { openContainers } from './containers.ts';
import { openSupervisor } from './supervisor.ts';

export const openContainerFiles: OpenContainerFiles = async (name) => {
  const store = openContainers();
  const container = await findContainer(store, name);
  const { id, config } = container;
  const connect = () => openSupervisor(store, config.pod);
  const hold = await connect();
  try {
    await hold.request('hold', { id });
  } catch (error) {
    hold.close();
    throw error;
  }
  return {
    files: new RemoteFiles(connect, id),
    config,
    paused: async (work) => {
      if ((await store.readState(id)).status !== 'running') return work();
      // It goes on when we go, however that comes about.
      const still = await connect();
      try {
        await still.request('still', { id });
        const result = await work();
        await orderIfActive(store, container, 'unpause', { id });
        return result;
      } finally {
        still.close();
      }
    },
    close: async () => hold.close(),
  };
};
