/** `viv stop`, `viv restart` and `viv kill` (docker container stop, restart and kill). */
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { signalNumber } from '../../container/signals.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { forEachContainer, order, orderIfActive } from '../container-order.ts';
import { ask, openSupervisor } from '../supervisor.ts';

const MS_PER_SECOND = 1000;

interface StopFlags {
  readonly signal?: string;
  readonly timeout?: string;
  /** As it was called before Docker 28. */
  readonly time?: string;
}

function withStopOptions(command: Command): Command {
  return command
    .argument('<container...>')
    .option('-s, --signal <signal>', 'signal to send instead of the one of its image')
    .option('-t, --timeout <seconds>', 'time until it is killed; -1: never (default: that of the container, or 10)')
    .option('--time <seconds>', 'the same');
}

function stopOptions({ signal, timeout, time }: StopFlags): { signal?: string; timeoutMs?: number } {
  if (signal !== undefined) signalNumber(signal);
  const seconds = timeout ?? time;
  if (seconds !== undefined && !/^-?\d+$/.test(seconds))
    throw new VivariumError(ErrorCodes.USAGE, `the timeout ${JSON.stringify(seconds)} is not a number of seconds`);
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(seconds === undefined ? {} : { timeoutMs: Number(seconds) * MS_PER_SECOND }),
  };
}

export function stopCommand(): Command {
  return withStopOptions(new Command('stop'))
    .summary('stop containers')
    .description(
      'Sends a container the signal that stops it, SIGTERM if its image says nothing else, and later SIGKILL.',
    )
    .usage('[options] CONTAINER...')
    .addHelpText('after', '\nExample:\n  viv stop --timeout 30 web')
    .action(
      action((words: string[], flags: StopFlags) => {
        const options = stopOptions(flags);
        return forEachContainer(words, async (store, container) => {
          await orderIfActive(store, container, 'stop', { id: container.id, ...options });
        });
      }),
    );
}

export function restartCommand(): Command {
  return withStopOptions(new Command('restart'))
    .summary('stop and start containers')
    .description('Stops containers as viv stop does, and starts them again; one that does not run is started.')
    .usage('[options] CONTAINER...')
    .addHelpText('after', '\nExample:\n  viv restart web')
    .action(
      action((words: string[], flags: StopFlags) => {
        const options = stopOptions(flags);
        return forEachContainer(words, async (store, { id, config }) => {
          await ask(await openSupervisor(store, config.pod), 'restart', { id, ...options });
        });
      }),
    );
}

export function killCommand(): Command {
  return new Command('kill')
    .summary('send a signal to containers')
    .description('Sends a signal to the first process of a container; SIGKILL if none is named.')
    .usage('[options] CONTAINER...')
    .argument('<container...>')
    .option('-s, --signal <signal>', 'signal, by name or number', 'SIGKILL')
    .addHelpText('after', '\nExample:\n  viv kill --signal HUP web')
    .action(
      action((words: string[], { signal }: { readonly signal: string }) => {
        signalNumber(signal);
        return forEachContainer(words, (store, container) => kill(store, container, signal));
      }),
    );
}

async function kill(store: ContainerStore, container: Container, signal: string): Promise<void> {
  const { id, name, state } = container;
  const refusal = `cannot kill container: ${name}: container ${id} is not running`;
  if (!isActive(state)) throw new VivariumError(ErrorCodes.CONFLICT, refusal);
  await order(store, container, 'kill', { id, signal }, refusal);
}
