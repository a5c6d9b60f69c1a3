/** `viv image`: the commands about images under their long names, and those that have no other (docker image). */
import { Command } from 'commander';
import { familiarName } from '../../oci/image-name.ts';
import { pruneImages } from '../../oci/store/collect.ts';
import { imageDetails } from '../../oci/store/details.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { action, confirm } from '../action.ts';
import { imageConfigPage } from '../format/image-page.ts';
import { humanSize } from '../format/human.ts';
import { tellImage } from '../image-events.ts';
import { imageFilter } from '../image-filter.ts';
import { printInspected } from '../inspect-output.ts';
import { openStore } from '../registry-settings.ts';
import { historyCommand } from './history.ts';
import { imagesCommand } from './images.ts';
import { pullCommand } from './pull.ts';
import { pushCommand } from './push.ts';
import { describeRemoved, rmiCommand } from './rmi.ts';
import { loadCommand, saveCommand } from './save.ts';
import { tagCommand } from './tag.ts';

export function imageCommand(): Command {
  return new Command('image')
    .summary('commands about images')
    .description('Commands about images; most are there without "image" too.')
    .addCommand(imagesCommand('ls').alias('list'))
    .addCommand(pullCommand())
    .addCommand(pushCommand())
    .addCommand(rmiCommand('rm'))
    .addCommand(tagCommand())
    .addCommand(saveCommand())
    .addCommand(loadCommand())
    .addCommand(historyCommand())
    .addCommand(inspectCommand())
    .addCommand(pruneCommand());
}

function inspectCommand(): Command {
  return new Command('inspect')
    .summary('tell all about images')
    .description('Tells all about images as a JSON list, in the fields that Docker has.')
    .usage('[options] IMAGE...')
    .argument('<image...>')
    .option('-f, --format <format>', 'json, or a Go template')
    .addHelpText('after', '\nExample:\n  viv image inspect --format \'{{join .Config.Cmd " "}}\' busybox')
    .action(
      action((images: readonly string[], { format }: { readonly format?: string }) => {
        const store = openStore();
        return printInspected(images, format, (text) => inspectImage(store, text));
      }),
    );
}

/** What `docker image inspect` says of an image, as far as there is such a thing here. */
export async function inspectImage(store: ImageStore, text: string): Promise<Record<string, unknown>> {
  const image = await store.find(text);
  const { config, created, author, history, rawConfig, size } = await imageDetails(store, image);
  const { os, architecture, variant } = config.platform;
  return {
    Id: image.id,
    RepoTags: image.tags.map(familiarName),
    RepoDigests: image.digests.map(familiarName),
    Parent: '',
    Comment: history.at(-1)?.comment ?? '',
    Created: created ?? '',
    Author: author,
    Config: imageConfigPage(rawConfig),
    Architecture: architecture,
    ...(variant === undefined ? {} : { Variant: variant }),
    Os: os,
    Size: size,
    RootFS: { Type: 'layers', Layers: config.diffIds },
    Descriptor: { mediaType: image.manifest.mediaType, digest: image.manifest.digest, size: image.manifest.size },
  };
}

export interface PruneFlags {
  readonly all?: boolean;
  readonly force?: boolean;
  readonly filter: readonly string[];
}

/** The options of every command that prunes images. */
export function withPruneOptions(command: Command): Command {
  const collect = (value: string, all: readonly string[]): string[] => [...all, value];
  return command
    .option('-a, --all', 'remove tagged images too')
    .option('--filter <filter>', 'only images with label= or until=', collect, [])
    .option('-f, --force', 'do not ask');
}

/** Which images go, in Docker's words. */
export function describePruned(all: boolean): string {
  return all ? 'all images without at least one container associated to them' : 'all dangling images';
}

function pruneCommand(): Command {
  return withPruneOptions(new Command('prune'))
    .summary('remove images that nobody uses')
    .description('Removes images without a tag; with --all every image that no container uses.')
    .addHelpText('after', '\nExample:\n  viv image prune --force --filter label=stage=build')
    .action(
      action(async ({ all = false, force, filter }: PruneFlags) => {
        const warning = `WARNING! This will remove ${describePruned(all)}.\nAre you sure you want to continue?`;
        if (!force && !(await confirm(warning))) return;
        process.stdout.write(await pruneAndDescribe(openStore(), all, filter));
      }),
    );
}

/** Removes images and says so in Docker's words. */
export async function pruneAndDescribe(
  store: ImageStore,
  all: boolean,
  filter: readonly string[],
  moreBytes = 0,
): Promise<string> {
  const isWanted = await imageFilter(store, filter, ['label', 'until']);
  const removed = await pruneImages(store, {
    all,
    keep: async (image) => filter.length > 0 && !isWanted({ image, details: await imageDetails(store, image) }),
  });
  for (const id of removed.deleted) await tellImage('delete', id, { name: id });
  const list = describeRemoved(removed, ['untagged', 'deleted']);
  const heading = list === '' ? '' : `Deleted Images:\n${list}\n`;
  return `${heading}Total reclaimed space: ${humanSize(removed.bytes + moreBytes)}\n`;
}
