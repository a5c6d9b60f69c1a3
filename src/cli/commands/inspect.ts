/** `viv inspect`: all about containers, images and pods as JSON (docker inspect). */
import { Command } from 'commander';
import type { ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { openContainers } from '../containers.ts';
import { containerPage } from '../format/container-page.ts';
import { printInspected } from '../inspect-output.ts';
import { openStore } from '../registry-settings.ts';
import { inspectImage } from './image.ts';
import { podPage } from './pod.ts';
import { sizesOf } from './ps.ts';

const TYPES = ['container', 'image', 'pod'] as const;
type InspectType = (typeof TYPES)[number];
export const LOG_FILE = 'container.log';
const DISK_FILE = 'disk.ext4';

interface InspectFlags {
  readonly format?: string;
  readonly size?: boolean;
  readonly type?: string;
}

/** Of `viv`, or of `viv container` when the type is given. */
export function inspectCommand(fixed?: 'container'): Command {
  const what = fixed ?? 'object';
  const command = new Command('inspect')
    .summary(fixed === undefined ? 'tell all about containers, images and pods' : 'tell all about containers')
    .description('Tells all as a JSON list, in the fields that Docker has.')
    .usage(`[options] ${what.toUpperCase()}...`)
    .argument(`<${what}...>`)
    .option('-f, --format <format>', 'json, or a Go template')
    .option('-s, --size', 'tell the sizes of containers too')
    .addHelpText('after', "\nExample:\n  viv inspect --format '{{.State.ExitCode}}' web");
  if (fixed === undefined) command.option('--type <type>', `only things of this type: ${TYPES.join(', ')}`);
  return command.action(
    action(async (words: readonly string[], { format, size = false, type = fixed }: InspectFlags) => {
      if (!isType(type))
        throw new VivariumError(ErrorCodes.USAGE, `unknown type: "${type}": must be one of ${TYPES.join(', ')}`);
      const store = openContainers();
      const images = openStore();
      await store.settle();
      return printInspected(words, format, (word) => inspect({ store, images, size, type }, word));
    }),
  );
}

function isType(type: string | undefined): type is InspectType | undefined {
  return type === undefined || (TYPES as readonly string[]).includes(type);
}

interface Where {
  readonly store: ContainerStore;
  readonly images: ImageStore;
  readonly size: boolean;
  readonly type: InspectType | undefined;
}

async function inspect(where: Where, word: string): Promise<Record<string, unknown>> {
  const { store, images, type } = where;
  if (type === 'container') return inspectContainer(where, word);
  if (type === 'image') return inspectImage(images, word);
  if (type === 'pod') return podPage(store, await store.pods.find(word));
  for (const look of [
    () => inspectContainer(where, word),
    () => inspectImage(images, word),
    async () => podPage(store, await store.pods.find(word)),
  ]) {
    const page = await look().catch((error: unknown) => {
      if (error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND) return undefined;
      throw error;
    });
    if (page !== undefined) return page;
  }
  throw new VivariumError(ErrorCodes.NOT_FOUND, `No such object: ${word}`);
}

async function inspectContainer({ store, images, size }: Where, word: string): Promise<Record<string, unknown>> {
  const container = await store.find(word);
  const { id } = container;
  const paths = { log: store.pathOf(id, LOG_FILE), disk: store.pathOf(id, DISK_FILE) };
  return containerPage(container, paths, size ? await sizesOf(container, store, images) : undefined);
}
