/** Follows a container on this process's streams: `run`, `start --attach` and `attach`. */
import type { ContainerStore } from '../container/lifecycle/node-container-store.ts';
import type { ContainerConfig } from '../container/lifecycle/config.ts';
import type { SupervisorConnection } from '../container/supervisor/node-client.ts';
import type { AttachRequest } from '../container/supervisor/protocol.ts';
import { type AttachSession, type FollowEnd, terminalSize } from './attach-session.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from './detach-keys.ts';
import { ask, findSupervisor } from './supervisor.ts';

export interface FollowFlags {
  /** Our stdin is the container's, if it has one. */
  readonly stdin: boolean;
  readonly detachKeys?: string | undefined;
  /** Our signals are the container's. */
  readonly sigProxy: boolean;
}

/** What to ask for when this container is attached to. */
export function attachRequest(config: ContainerConfig, stdin: boolean): AttachRequest {
  return {
    stdin: stdin && config.openStdin,
    stdout: true,
    stderr: true,
    ...(config.tty ? { terminal: terminalSize() } : {}),
  };
}

/** Follows a container that {@link attachRequest} was asked for. When it is given up, the container is killed. */
export async function followContainer(
  session: AttachSession,
  store: ContainerStore,
  connection: SupervisorConnection,
  config: ContainerConfig,
  request: AttachRequest,
  { detachKeys = DEFAULT_DETACH_KEYS, sigProxy }: FollowFlags,
): Promise<FollowEnd> {
  const { id } = config;
  const order = async (op: 'kill' | 'resize', more: { signal: string } | { size: AttachRequest['terminal'] }) => {
    const other = await findSupervisor(store, config.pod);
    if (other !== undefined) await ask(other, op, { id, ...more } as never);
  };
  const kill = (signal: string): Promise<void> => order('kill', { signal });
  try {
    return await session.follow({
      connection,
      stdin: request.stdin,
      terminal: request.terminal,
      detachKeys: parseDetachKeys(detachKeys),
      kill: sigProxy ? kill : undefined,
      resize: (size) => order('resize', { size }),
    });
  } catch (error) {
    if (session.status !== undefined && sigProxy) await kill('SIGKILL').catch(() => {}); // it may have ended
    throw error;
  } finally {
    connection.close();
  }
}
