/** `viv stats` (docker container stats): what containers use, again and again or once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { action } from '../action.ts';
import { findContainer, orderIfActive } from '../container-order.ts';
import { openContainers } from '../containers.ts';
import { STATS_FORMAT, type StatsRow, statsRow } from '../format/stats.ts';
import { formatList } from '../format/table.ts';

const INTERVAL_MS = 1000;
/** The first two samples, which one look takes. */
const FIRST_INTERVAL_MS = 300;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

interface StatsFlags {
  readonly all?: boolean;
  readonly stream: boolean;
  readonly trunc: boolean;
  readonly format?: string;
}

export function statsCommand(): Command {
  return new Command('stats')
    .summary('show what containers use')
    .description('Shows how much CPU and memory containers use, once a second: those named, or all that run.')
    .usage('[options] [CONTAINER...]')
    .argument('[container...]')
    .option('-a, --all', 'show those that do not run too')
    .option('--no-stream', 'show it once')
    .option('--no-trunc', 'do not shorten IDs')
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .addHelpText('after', "\nExample:\n  viv stats --no-stream --format '{{.Name}}: {{.MemUsage}}'")
    .action(action(stats));
}

async function stats(words: string[], { all = false, stream, trunc, format }: StatsFlags): Promise<void> {
  formatList([], STATS_FORMAT, { template: format }); // says at once what is wrong with it
  const store = openContainers();
  const seen = new Map<string, StatsRow>();
  for (let first = true; first || stream; first = false) {
    const containers = await chosen(store, words, all);
    if (first) {
      await sample(store, containers, seen, trunc);
      await sleep(FIRST_INTERVAL_MS);
    }
    const rows = await sample(store, containers, seen, trunc);
    const page = formatList(rows, STATS_FORMAT, { template: format });
    process.stdout.write(stream && (format === undefined || format.startsWith('table')) ? CLEAR_SCREEN + page : page);
    if (stream) await sleep(INTERVAL_MS);
  }
}

async function chosen(store: ContainerStore, words: readonly string[], all: boolean): Promise<readonly Container[]> {
  if (words.length > 0) return Promise.all(words.map((word) => findContainer(store, word)));
  await store.settle();
  const { containers } = await store.list();
  return containers.filter(({ state }) => all || isActive(state));
}

async function sample(
  store: ContainerStore,
  containers: readonly Container[],
  seen: Map<string, StatsRow>,
  trunc: boolean,
): Promise<StatsRow[]> {
  const rows = await Promise.all(
    containers.map(async (container) => {
      const { id } = container;
      const now = isActive(container.state) ? await orderIfActive(store, container, 'stats', { id }) : undefined;
      return statsRow(container, now, seen.get(id), trunc);
    }),
  );
  for (const row of rows) seen.set(row.id, row);
  return rows;
}
