/** `viv logs`: what a container has written (docker logs). What went to stderr goes to stderr. */
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { SystemClock } from '../../container/lifecycle/node-clock.ts';
import { type LogQuery, readLog } from '../../container/lifecycle/node-log-reader.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { parseMoment } from '../../container/lifecycle/time-words.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { formatTime } from '../../util/time.ts';
import { action, interruptible } from '../action.ts';
import { openContainers } from '../containers.ts';
import { writeTo } from '../streams.ts';
import { LOG_FILE } from './inspect.ts';

interface LogsFlags {
  readonly follow?: boolean;
  readonly since?: string;
  readonly until?: string;
  readonly tail: string;
  readonly timestamps?: boolean;
}

export function logsCommand(): Command {
  return new Command('logs')
    .summary('show what a container has written')
    .description('Shows what a container has written, to stdout and stderr as it did.')
    .usage('[options] CONTAINER')
    .argument('<container>')
    .option('-f, --follow', 'go on until the container ends')
    .option('--since <time>', 'only what came since a time like 2024-01-02T13:23:37Z, or a duration ago like 42m')
    .option('--until <time>', 'only what came before such a time')
    .option('-n, --tail <lines>', 'so many of the last lines', 'all')
    .option('-t, --timestamps', 'show times')
    .addHelpText('after', '\nExample:\n  viv logs --follow --since 10m web')
    .action(
      action(async (word: string, flags: LogsFlags) => {
        const store = openContainers();
        await store.settle();
        const container = await store.find(word);
        if (container.config.log.driver !== 'json-file')
          throw new VivariumError(ErrorCodes.USAGE, 'configured logging driver does not support reading');
        const query = queryOf(flags, store, container);
        const show = showEntries(store, container, flags.timestamps ?? false);
        return flags.follow === true ? interruptible((signal) => show({ ...query, signal })) : show(query);
      }),
    );
}

/** Throws USAGE. */
function queryOf(
  { follow = false, since, until, tail }: LogsFlags,
  store: ContainerStore,
  { id }: Container,
): LogQuery {
  const clock = new SystemClock();
  const nowNs = clock.nowNs();
  const moment = (text: string | undefined, option: string): bigint | undefined =>
    text === undefined || text === '' ? undefined : parseMoment(text, option, nowNs);
  const untilNs = moment(until, '--until');
  const hasEnded = async (): Promise<boolean> => {
    if (untilNs !== undefined && clock.nowNs() > untilNs) return true;
    return store.readState(id).then(
      (state) => !isActive(state),
      (error: unknown) => {
        if (error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND) return true; // removed
        throw error;
      },
    );
  };
  return {
    tail: parseTail(tail),
    sinceNs: moment(since, '--since'),
    untilNs,
    isOver: follow ? hasEnded : undefined,
  };
}

/** As Docker reads it, a number below zero means all. */
function parseTail(text: string): number | undefined {
  if (text === 'all' || text === '' || /^-\d+$/.test(text)) return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw new VivariumError(ErrorCodes.USAGE, `invalid value ${JSON.stringify(text)} for --tail; give a number, or all`);
}

function showEntries(
  store: ContainerStore,
  { id }: Container,
  withTimes: boolean,
): (query: LogQuery) => Promise<number> {
  return async (query) => {
    const path = store.pathOf(id, LOG_FILE);
    const write = { stdout: writeTo(process.stdout), stderr: writeTo(process.stderr) };
    let corruptCount = 0;
    const entries = readLog(path, { ...query, onCorrupt: () => void corruptCount++ });
    for await (const { stream, log, timeNs } of entries) {
      try {
        await write[stream](Buffer.from(withTimes ? `${formatTime(timeNs)} ${log}` : log));
      } catch {
        return 0; // nobody reads us any more
      }
    }
    if (corruptCount === 0) return 0;
    process.stderr.write(`viv: ${corruptCount} lines of ${path} can't be read\n`);
    return 1;
  };
}
