/** `viv ps`: containers (docker ps, docker container ls). SIZE is what the writable disk takes on this host. */
import { stat } from 'node:fs/promises';
import { Command } from 'commander';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { shortContainerId } from '../../container/lifecycle/names.ts';
import { imageDetails } from '../../oci/store/details.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { SystemClock } from '../../container/lifecycle/node-clock.ts';
import { action } from '../action.ts';
import { type FilterContext, containerFilter } from '../container-filter.ts';
import { openContainers } from '../containers.ts';
import { describeError } from '../failure.ts';
import { commandText, statusText } from '../format/container-text.ts';
import { goTime, humanSize, since } from '../format/human.ts';
import { type ListFormat, formatList } from '../format/table.ts';
import { openStore } from '../registry-settings.ts';
import { shortId } from '../transfer-progress.ts';

const SHOWN_COMMAND_LENGTH = 20; // as Docker has it
const SHOWN_MOUNT_LENGTH = 15;
const SIZE_DIGITS = 3;
const BLOCK_BYTES = 512; // st_blocks, stat(2)
const DISK_FILE = 'disk.ext4';

interface PsFlags {
  readonly all?: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly last?: string;
  readonly latest?: boolean;
  readonly trunc: boolean;
  readonly quiet?: boolean;
  readonly size?: boolean;
}

/** A container with what is looked up elsewhere. */
export interface PsRow {
  readonly container: Container;
  /** As it is shown: the name that the user gave, or the image's ID if that name means another now. */
  readonly image: string;
  /** Bytes of its disk on this host, and with the image; undefined: nobody asked. */
  readonly size?: { readonly own: number; readonly virtual: number } | undefined;
}

/** `name` is `ps`, or `ls` below `viv container`. */
export function psCommand(name = 'ps'): Command {
  return new Command(name)
    .summary('list containers')
    .description(
      'Lists the containers that run, newest first. SIZE is what the disk of a container takes on this host.',
    )
    .option('-a, --all', 'show all containers, not just those that run')
    .option(
      '-f, --filter <filter>',
      'ancestor=, exited=, health=, id=, label=, name=, pod=, status=, before=, since=, volume= or network=',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .option('-n, --last <count>', 'show the last containers that were made, in any state')
    .option('-l, --latest', 'show the last container that was made, in any state')
    .option('--no-trunc', 'show whole IDs and commands')
    .option('-q, --quiet', 'show IDs only')
    .option('-s, --size', 'show sizes')
    .addHelpText('after', "\nExample:\n  viv ps --filter status=exited --format '{{.Names}}: {{.Status}}'")
    .action(
      action(async (flags: PsFlags) => {
        const store = openContainers();
        await store.settle();
        const { containers, status } = await listContainers(store);
        const rows = await rowsOf(await choose(store, containers, flags), store, flags);
        const options = { template: flags.format, quiet: flags.quiet };
        process.stdout.write(formatList(rows, psFormat(flags, Date.now()), options));
        return status;
      }),
    );
}

/** All that can be read, newest first; what can't is told of on stderr. */
export async function listContainers(
  store: ContainerStore,
): Promise<{ containers: readonly Container[]; status: number }> {
  const { containers, problems } = await store.list();
  for (const problem of problems) process.stderr.write(`${describeError(problem)}\n`);
  return { containers, status: problems.length > 0 ? 1 : 0 };
}

async function choose(
  store: ContainerStore,
  containers: readonly Container[],
  { all = false, filter, last, latest = false }: PsFlags,
): Promise<Container[]> {
  const count = latest ? 1 : last === undefined ? -1 : parseCount(last);
  const { isWanted, wantsAll } = await containerFilter(filter, filterContext(store));
  const isShown = (container: Container): boolean => all || wantsAll || count > 0 || isActive(container.state);
  const chosen = containers.filter((container) => isShown(container) && isWanted(container));
  return count > 0 ? chosen.slice(0, count) : chosen;
}

function parseCount(text: string): number {
  if (!/^-?\d+$/.test(text))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `invalid argument ${JSON.stringify(text)} for "-n, --last": it is no number`,
    );
  return Number(text);
}

/** What filters look up. */
export function filterContext(store: ContainerStore): FilterContext {
  return {
    find: (text) => store.find(text),
    imageIds: async (text) => {
      const image = await openStore().findIfThere(text);
      return image === undefined ? [] : [image.id];
    },
    podId: (text) => store.pods.resolve(text),
    nowNs: () => new SystemClock().nowNs(),
  };
}

async function rowsOf(
  containers: readonly Container[],
  store: ContainerStore,
  { trunc, size = false, format = '' }: PsFlags,
): Promise<PsRow[]> {
  const images = openStore();
  const shown = new Map<string, string>();
  const isSizeWanted = size || format.includes('.Size');
  const rows: PsRow[] = [];
  for (const container of containers) {
    const { image } = container.config;
    const key = `${image.name} ${image.id}`;
    if (!shown.has(key)) shown.set(key, await shownImage(images, container, trunc));
    const sizes = isSizeWanted ? await sizesOf(container, store, images) : undefined;
    rows.push({ container, image: shown.get(key)!, size: sizes });
  }
  return rows;
}

async function shownImage(images: ImageStore, { config: { image } }: Container, trunc: boolean): Promise<string> {
  if (image.manifest === undefined) return image.name; // a folder, an archive, or built in
  const named = await images.findIfThere(image.name);
  if (named?.id === image.id) return image.name;
  return trunc ? shortId(image.id) : image.id;
}

/** Of the writable disk on this host, and with the image as the store has it. */
export async function sizesOf(
  { id, config }: Container,
  store: ContainerStore,
  images: ImageStore,
): Promise<{ own: number; virtual: number }> {
  const own = await stat(store.pathOf(id, DISK_FILE)).then(
    ({ blocks }) => blocks * BLOCK_BYTES,
    () => 0, // never started
  );
  const image = config.image.manifest === undefined ? undefined : await images.findIfThere(config.image.id);
  return { own, virtual: own + (image === undefined ? 0 : (await imageDetails(images, image)).size) };
}

/** How lists show containers. */
export function psFormat({ size, trunc }: Pick<PsFlags, 'size' | 'trunc'>, nowMs: number): ListFormat<PsRow> {
  return {
    headings: {
      ID: 'CONTAINER ID',
      Image: 'IMAGE',
      Command: 'COMMAND',
      CreatedAt: 'CREATED AT',
      RunningFor: 'CREATED',
      Status: 'STATUS',
      State: 'STATE',
      Ports: 'PORTS',
      Names: 'NAMES',
      Size: 'SIZE',
      Labels: 'LABELS',
      Mounts: 'MOUNTS',
      LocalVolumes: 'LOCAL VOLUMES',
      Networks: 'NETWORKS',
      Pod: 'POD',
      Label: (key) => String(key).split('.').at(-1)!.replace(/[-_]/g, ' '),
    },
    defaultTemplate: `{{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Ports}}\\t{{.Names}}${size ? '\\t{{.Size}}' : ''}`,
    quietTemplate: '{{.ID}}',
    fields: (row) => fieldsOf(row, trunc, nowMs),
  };
}

function fieldsOf({ container, image, size }: PsRow, trunc: boolean, nowMs: number): Record<string, unknown> {
  const { id, name, config, state } = container;
  const mounts = config.volumes.map(({ hostPath }) => (trunc ? cut(hostPath, SHOWN_MOUNT_LENGTH) : hostPath));
  const command = commandText(config);
  return {
    Command: JSON.stringify(trunc ? cut(command, SHOWN_COMMAND_LENGTH) : command),
    CreatedAt: goTime(config.created),
    ID: trunc ? shortContainerId(id) : id,
    Image: image,
    Labels: Object.entries(config.labels)
      .map(([key, value]) => `${key}=${value}`)
      .sort()
      .join(','),
    LocalVolumes: '0',
    Mounts: mounts.join(','),
    Names: name,
    Networks: config.isolation.network,
    Pod: trunc ? shortContainerId(config.pod) : config.pod,
    Ports: '',
    RunningFor: since(config.created, nowMs),
    Size:
      size === undefined
        ? '0B'
        : `${humanSize(size.own, SIZE_DIGITS)} (virtual ${humanSize(size.virtual, SIZE_DIGITS)})`,
    State: state.status,
    Status: statusText(state, nowMs),
    Label: (key: unknown) => (Object.hasOwn(config.labels, String(key)) ? config.labels[String(key)] : ''),
  };
}

function cut(text: string, length: number): string {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : text;
}
