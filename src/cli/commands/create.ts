/** `viv create` (docker container create): a container that is started later. */
import { join } from 'node:path';
import { Command } from 'commander';
import { newContainerId } from '../../container/lifecycle/names.ts';
import { nodeImages } from '../../sandbox/node-image.ts';
import { action } from '../action.ts';
import { addContainerFlags, type ContainerFlags } from '../container-flags.ts';
import { openContainers } from '../containers.ts';
import { fail } from '../failure.ts';
import { makeContainer, readParts } from '../make-container.ts';
import { cacheFolder } from '../paths.ts';

export function createCommand(): Command {
  return addContainerFlags(
    new Command('create')
      .summary('make a container without starting it')
      .description('Makes a container of an image, for viv start, and prints its ID. The options are those of viv run.')
      .usage('[options] IMAGE [COMMAND] [ARG...]')
      .argument('<image>')
      .argument('[command...]')
      .passThroughOptions(),
  )
    .addHelpText('after', '\nExample:\n  viv create --name web -m 256m localhost:5000/web')
    .action(action(create));
}

/** What flags say wrong is 125, as of an option that is not known; the rest fails as other commands do. */
async function create(image: string, command: readonly string[], flags: ContainerFlags): Promise<number> {
  let parts;
  try {
    parts = readParts(image, flags);
  } catch (error) {
    return fail(error);
  }
  const prepare = nodeImages(join(cacheFolder(), 'layers'));
  const { signal } = new AbortController();
  const { id } = await makeContainer({
    store: openContainers(),
    image,
    command,
    flags,
    parts,
    id: newContainerId(),
    isDetached: false,
    prepareImage: ({ place, platform }) => prepare({ image: place, platform, signal }),
  });
  process.stdout.write(`${id}\n`);
  return 0;
}
