/** `viv system`: what takes room, and getting rid of it (docker system df, docker system prune). */
import { join } from 'node:path';
import { Command } from 'commander';
import type { Digest } from '../../oci/digest.ts';
import { readHolds } from '../../oci/store/claims.ts';
import { blobsOf, collectGarbage, idlePartials, listBlobs } from '../../oci/store/collect.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { isActive } from '../../container/lifecycle/state.ts';
import { action, confirm } from '../action.ts';
import { openContainers } from '../containers.ts';
import { humanSize } from '../format/human.ts';
import { type ListFormat, formatList } from '../format/table.ts';
import { folderUsage } from '../host.ts';
import { cacheFolder } from '../paths.ts';
import { openStore } from '../registry-settings.ts';
import { describePruned as describePrunedContainers, pruneContainers } from './container.ts';
import { infoCommand } from './info.ts';
import { type PruneFlags, describePruned, pruneAndDescribe, withPruneOptions } from './image.ts';
import { sizesOf } from './ps.ts';

export function systemCommand(): Command {
  return new Command('system')
    .summary('commands about the room that things take')
    .description('Commands about the room that images and what is made of them take on disk.')
    .addCommand(dfCommand())
    .addCommand(infoCommand())
    .addCommand(pruneCommand());
}

interface Usage {
  readonly type: string;
  readonly total: number;
  readonly active: number;
  readonly size: number;
  readonly reclaimable: number;
}

const DF_FORMAT: ListFormat<Usage> = {
  headings: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  defaultTemplate: '{{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}',
  fields: ({ type, total, active, size, reclaimable }) => ({
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size),
    Reclaimable:
      size > 0 ? `${humanSize(reclaimable)} (${Math.floor((100 * reclaimable) / size)}%)` : humanSize(reclaimable),
  }),
};

function dfCommand(): Command {
  return new Command('df')
    .summary('show what takes room')
    .description(
      'Shows how much room images and containers take, how many are in use, and how much could be had back. Downloads are\n' +
        'what an interrupted pull goes on with; the layer cache is made of images, and made again when needed.',
    )
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .addHelpText('after', "\nExample:\n  viv system df --format '{{.Type}}: {{.Reclaimable}}'")
    .action(
      action(async ({ format }: { readonly format?: string }) => {
        const store = openStore();
        const rows = [
          await imageUsage(store),
          await containerUsage(store),
          await partialUsage(store),
          await cacheUsage(),
        ];
        process.stdout.write(formatList(rows, DF_FORMAT, { template: format }));
      }),
    );
}

async function imageUsage(store: ImageStore): Promise<Usage> {
  const [images, records, held] = [await store.images(), await store.records(), await readHolds(store.files)];
  const heldIds = new Set(records.filter(({ manifest }) => held.has(manifest.digest)).map(({ id }) => id));
  const needed = new Set<Digest>();
  for (const image of images.filter(({ id }) => heldIds.has(id)))
    (await blobsOf(store, image)).forEach(({ digest }) => needed.add(digest));
  const blobs = await listBlobs(store);
  const sum = (all: readonly { readonly size: number }[]): number => all.reduce((total, { size }) => total + size, 0);
  return {
    type: 'Images',
    total: images.length,
    active: heldIds.size,
    size: sum(blobs),
    reclaimable: sum(blobs.filter(({ digest }) => !needed.has(digest))),
  };
}

async function containerUsage(images: ImageStore): Promise<Usage> {
  const store = openContainers();
  await store.settle();
  const { containers } = await store.list();
  let [size, reclaimable] = [0, 0];
  for (const container of containers) {
    const { own } = await sizesOf(container, store, images);
    size += own;
    if (!isActive(container.state)) reclaimable += own;
  }
  const active = containers.filter(({ state }) => isActive(state)).length;
  return { type: 'Containers', total: containers.length, active, size, reclaimable };
}

async function partialUsage(store: ImageStore): Promise<Usage> {
  const partials = await idlePartials(store);
  const size = partials.reduce((total, partial) => total + partial.size, 0);
  return { type: 'Downloads', total: partials.length, active: 0, size, reclaimable: size };
}

async function cacheUsage(): Promise<Usage> {
  const { count, size } = await folderUsage(join(cacheFolder(), 'layers'));
  return { type: 'Layer cache', total: count, active: 0, size, reclaimable: size };
}

function pruneCommand(): Command {
  return withPruneOptions(new Command('prune'))
    .summary('remove what nobody uses')
    .description(
      'Removes containers that do not run, images without a tag (with --all every image that no container uses) and\n' +
        'interrupted downloads.',
    )
    .addHelpText('after', '\nExample:\n  viv system prune --all --force --filter until=24h')
    .action(
      action(async ({ all = false, force, filter }: PruneFlags) => {
        const list = `  - all stopped containers\n  - ${describePruned(all)}\n  - all interrupted downloads\n`;
        const warning = `WARNING! This will remove:\n${list}\nAre you sure you want to continue?`;
        if (!force && !(await confirm(warning))) return 0;
        const pruned = await pruneContainers(openContainers(), filter);
        process.stdout.write(describePrunedContainers(pruned.ids));
        const store = openStore();
        const { bytes } = await collectGarbage(store, true);
        process.stdout.write(await pruneAndDescribe(store, all, filter, bytes + pruned.bytes));
        return pruned.status;
      }),
    );
}
