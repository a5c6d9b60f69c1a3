/** `viv pod`: machines that containers share. `viv run --pod NAME` makes one; one without a name goes with its container. */
import { Command } from 'commander';
import { shortContainerId } from '../../container/lifecycle/names.ts';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import type { PodConfig } from '../../container/lifecycle/node-pod-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { action, forEach } from '../action.ts';
import { openContainers } from '../containers.ts';
import type { EndContainer } from '../end-container.ts';
import { describeError } from '../failure.ts';
import { goTime, humanSize, since } from '../format/human.ts';
import { type ListFormat, formatList } from '../format/table.ts';
import { printInspected } from '../inspect-output.ts';
import { removeContainer } from './rm.ts';

export function podCommand(end: EndContainer): Command {
  return new Command('pod')
    .summary('commands about pods')
    .description('Commands about pods, which are machines that containers share; viv run --pod NAME makes one.')
    .addCommand(listCommand())
    .addCommand(inspectCommand())
    .addCommand(removeCommand(end));
}

interface Row {
  readonly pod: PodConfig;
  readonly containers: readonly Container[];
}

interface ListFlags {
  readonly format?: string;
  readonly trunc: boolean;
  readonly quiet?: boolean;
}

function listCommand(): Command {
  return new Command('ls')
    .alias('list')
    .summary('list pods')
    .description('Lists pods, newest first, also those that containers have for themselves.')
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .option('--no-trunc', 'show whole IDs')
    .option('-q, --quiet', 'show IDs only')
    .addHelpText('after', "\nExample:\n  viv pod ls --format '{{.Name}}: {{.Containers}} containers'")
    .action(
      action(async (flags: ListFlags) => {
        const store = openContainers();
        await store.settle();
        const { pods, problems } = await store.pods.list();
        for (const problem of problems) process.stderr.write(`${describeError(problem)}\n`);
        const { containers } = await store.list();
        const rows = pods.map((pod) => ({
          pod,
          containers: containers.filter(({ config }) => config.pod === pod.id),
        }));
        process.stdout.write(formatList(rows, listFormat(flags), { template: flags.format, quiet: flags.quiet }));
        return problems.length > 0 ? 1 : 0;
      }),
    );
}

function listFormat({ trunc }: ListFlags): ListFormat<Row> {
  return {
    headings: {
      ID: 'POD ID',
      Name: 'NAME',
      Status: 'STATUS',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      Containers: 'CONTAINERS',
      Memory: 'MEMORY',
    },
    defaultTemplate: '{{.ID}}\\t{{.Name}}\\t{{.Status}}\\t{{.CreatedSince}}\\t{{.Containers}}\\t{{.Memory}}',
    quietTemplate: '{{.ID}}',
    fields: ({ pod, containers }) => ({
      ID: trunc ? shortContainerId(pod.id) : pod.id,
      Name: pod.name ?? containers.find(({ id }) => id === pod.id)?.name ?? '',
      Status: statusOf(containers),
      CreatedSince: since(pod.created, Date.now()),
      CreatedAt: goTime(pod.created),
      Containers: String(containers.length),
      Memory: humanSize(pod.machine.memoryBytes),
    }),
  };
}

function statusOf(containers: readonly Container[]): string {
  if (containers.some(({ state }) => isActive(state))) return 'Running';
  return containers.length === 0 ? 'Empty' : 'Stopped';
}

function inspectCommand(): Command {
  return new Command('inspect')
    .summary('tell all about pods')
    .description('Tells all about pods as a JSON list.')
    .usage('[options] POD...')
    .argument('<pod...>')
    .option('-f, --format <format>', 'json, or a Go template')
    .addHelpText('after', "\nExample:\n  viv pod inspect --format '{{.Machine.Memory}}' build")
    .action(
      action(async (words: readonly string[], { format }: { readonly format?: string }) => {
        const store = openContainers();
        await store.settle();
        return printInspected(words, format, async (word) => podPage(store, await store.pods.find(word)));
      }),
    );
}

/** A pod with its containers, for people. */
export async function podPage(
  store: ContainerStore,
  { id, name, created, machine }: PodConfig,
): Promise<Record<string, unknown>> {
  const containers = await store.inPod(id);
  const supervisor = await store.pods.supervisor(id);
  return {
    Id: id,
    Name: name ?? '',
    Created: created,
    Status: statusOf(containers),
    Machine: { Memory: machine.memoryBytes, Tier: machine.tier ?? '', Warm: machine.warm },
    Supervisor: supervisor === undefined ? null : { Socket: supervisor.socket },
    Containers: containers.map((container) => ({
      Id: container.id,
      Name: container.name,
      State: container.state.status,
    })),
  };
}

function removeCommand(end: EndContainer): Command {
  return new Command('rm')
    .summary('remove pods')
    .description('Removes pods that no container is in.')
    .usage('[options] POD...')
    .argument('<pod...>')
    .option('-f, --force', 'remove their containers too, also those that run')
    .addHelpText('after', '\nExample:\n  viv pod rm --force build')
    .action(
      action(async (words: readonly string[], { force = false }: { readonly force?: boolean }) => {
        const store = openContainers();
        await store.settle();
        return forEach(words, async (word) => {
          const id = await store.pods.resolve(word);
          if (force) for (const container of await store.inPod(id)) await removeContainer(store, container.id, end);
          // One without a name went with its last container.
          if (!force || (await store.pods.has(id))) await store.pods.remove(id);
          process.stdout.write(`${word}\n`);
        });
      }),
    );
}
