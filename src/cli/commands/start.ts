/** `viv start` and `viv attach` (docker container start and attach). */
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { AttachSession, type FollowEnd, tellNotices } from '../attach-session.ts';
import { findContainer, forEachContainer, startContainer } from '../container-order.ts';
import { openContainers } from '../containers.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.ts';
import { attachRequest, type FollowFlags, followContainer } from '../follow-container.ts';
import { findSupervisor, openSupervisor } from '../supervisor.ts';

const EXIT_FAILED = 1;

interface StartFlags {
  readonly attach?: boolean;
  readonly interactive?: boolean;
  readonly detachKeys: string;
}

export function startCommand(): Command {
  return new Command('start')
    .summary('start containers that have stopped')
    .description('Starts containers. With --attach, its output is shown and its exit code is the status.')
    .usage('[options] CONTAINER...')
    .argument('<container...>')
    .option('-a, --attach', 'show the output, and pass signals on')
    .option('-i, --interactive', "connect the container's stdin too")
    .option('--detach-keys <keys>', 'keys that leave the container', DEFAULT_DETACH_KEYS)
    .addHelpText('after', '\nExample:\n  viv start --attach --interactive work')
    .action(
      action(async (words: string[], { attach = false, interactive = false, detachKeys }: StartFlags) => {
        parseDetachKeys(detachKeys);
        if (!attach && !interactive) return forEachContainer(words, startContainer);
        if (words.length > 1)
          throw new VivariumError(ErrorCodes.USAGE, 'you cannot start and attach multiple containers at once');
        const store = openContainers();
        const container = await findContainer(store, words[0]!);
        if (container.state.status === 'paused')
          throw new VivariumError(ErrorCodes.CONFLICT, 'cannot start a paused container, try unpause instead');
        const end = await startAttached(store, container, {
          stdin: interactive,
          detachKeys,
          sigProxy: !container.config.tty,
        });
        return end.kind === 'exited' ? end.exitCode : 0;
      }),
    );
}

async function startAttached(store: ContainerStore, { id, config }: Container, flags: FollowFlags): Promise<FollowEnd> {
  const session = new AttachSession();
  try {
    const connection = await openSupervisor(store, config.pod);
    const request = attachRequest(config, flags.stdin);
    const leave = (): void => connection.close();
    session.signal.addEventListener('abort', leave, { once: true });
    tellNotices((await connection.request('start', { id, attach: request })).notices);
    session.signal.removeEventListener('abort', leave);
    return await followContainer(session, store, connection, config, request, flags);
  } catch (error) {
    if (session.status !== undefined) return { kind: 'exited', exitCode: session.status, error: '' };
    throw error;
  } finally {
    session.close();
  }
}

interface AttachFlags {
  readonly stdin: boolean;
  readonly sigProxy: 'true' | 'false';
  readonly detachKeys: string;
}

export function attachCommand(): Command {
  return new Command('attach')
    .summary('connect to a container that runs')
    .description(
      'Connects our streams to those of a container that runs. Several may be connected at once. On a terminal, the detach\n' +
        'keys leave it running; else its exit code is the status.',
    )
    .usage('[options] CONTAINER')
    .argument('<container>')
    .option('--no-stdin', 'do not connect stdin')
    .option('--sig-proxy <true|false>', 'pass signals on', 'true')
    .option('--detach-keys <keys>', 'keys that leave the container', DEFAULT_DETACH_KEYS)
    .addHelpText('after', '\nExample:\n  viv attach --detach-keys ctrl-x web')
    .action(
      action(async (word: string, { stdin, sigProxy, detachKeys }: AttachFlags) => {
        parseDetachKeys(detachKeys);
        const store = openContainers();
        const container = await findContainer(store, word);
        const { tty } = container.config;
        const end = await attach(store, container, { stdin, detachKeys, sigProxy: sigProxy === 'true' && !tty });
        if (end.kind === 'exited') return end.exitCode;
        process.stderr.write('read escape sequence\n');
        return EXIT_FAILED;
      }),
    );
}

async function attach(store: ContainerStore, { id, config, state }: Container, flags: FollowFlags): Promise<FollowEnd> {
  const connection = isActive(state) ? await findSupervisor(store, config.pod) : undefined;
  if (connection === undefined)
    throw new VivariumError(ErrorCodes.CONFLICT, 'You cannot attach to a stopped container, start it first');
  const session = new AttachSession();
  try {
    const request = attachRequest(config, flags.stdin);
    await connection.request('attach', { id, attach: request });
    return await followContainer(session, store, connection, config, request, flags);
  } catch (error) {
    if (session.status !== undefined) return { kind: 'exited', exitCode: session.status, error: '' };
    throw error;
  } finally {
    connection.close();
    session.close();
  }
}
