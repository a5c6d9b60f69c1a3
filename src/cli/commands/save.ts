/** `viv save` and `viv load`: images as an archive (docker save, docker load). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { familiarName, parseImageName, sameRepository } from '../../oci/image-name.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { openArchiveContent, openImageFiles } from '../../oci/node-image.ts';
import { spool } from '../../oci/node-layer-cache.ts';
import { type ExportedImage, exportImages } from '../../oci/store/export.ts';
import { importImages } from '../../oci/store/import.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, interruptible } from '../action.ts';
import { cacheFolder } from '../paths.ts';
import { tellImage } from '../image-events.ts';
import { openStore } from '../registry-settings.ts';
import { refuseTerminal, writeArchive } from '../write-archive.ts';

export function saveCommand(): Command {
  return new Command('save')
    .summary('write images to an archive')
    .description('Writes images to a tar archive that is an OCI layout and one for docker load at once.')
    .usage('[options] IMAGE...')
    .argument('<image...>')
    .option('-o, --output <file>', 'write there, instead of to stdout')
    .addHelpText('after', '\nExample:\n  viv save debian:bookworm | gzip > debian.tar.gz')
    .action(
      action(async (names: readonly string[], { output }: { readonly output?: string }) => {
        refuseTerminal(output);
        const store = openStore();
        const exported = await Promise.all(names.map((text) => findToSave(store, text)));
        await writeArchive(output, exportImages(store, exported));
        for (const { image } of exported) await tellImage('save', image.id, { name: image.id });
      }),
    );
}

/** A name with a tag gives that tag; without, all of its repository's; an ID gives none. */
async function findToSave(store: ImageStore, text: string): Promise<ExportedImage> {
  let name: ReturnType<typeof parseImageName> | undefined;
  try {
    name = parseImageName(text);
  } catch {
    name = undefined; // an ID
  }
  const sameTag = (await store.images()).find((image) =>
    image.tags.some(
      (tag) => name !== undefined && sameRepository(tag, name) && (name.tag === undefined || tag.tag === name.tag),
    ),
  );
  const image = await store.find(text).catch((error: unknown) => {
    if (sameTag !== undefined && name?.digest === undefined) return sameTag; // some tag, though not `latest`
    throw error;
  });
  const tags = image.tags.filter(
    (tag) => name !== undefined && sameRepository(tag, name) && (name.tag === undefined || tag.tag === name.tag),
  );
  return { image, tags: name?.digest === undefined ? tags : [] };
}

export function loadCommand(): Command {
  return new Command('load')
    .summary('read images from an archive')
    .description(
      'Reads all images of an archive into the store: of docker save or an OCI layout, plain or compressed; a layout folder will do too.',
    )
    .usage('[options]')
    .option('-i, --input <file>', 'read that, instead of stdin')
    .option('-q, --quiet', 'accepted for Docker; there is no progress to leave out')
    .option('--platform <os/architecture>', 'take this platform of images for several')
    .addHelpText('after', '\nExample:\n  gzip -d <debian.tar.gz | viv load')
    .action(
      action(async ({ input, platform }: { readonly input?: string; readonly platform?: string }) => {
        if (input === undefined && process.stdin.isTTY)
          throw new VivariumError(
            ErrorCodes.USAGE,
            'an archive is not read from a terminal; use -i FILE, or redirect stdin',
          );
        const store = openStore();
        const loaded = await interruptible(async (signal) => {
          const layers = join(cacheFolder(), 'layers');
          if (input !== undefined && !existsSync(input))
            throw new VivariumError(
              ErrorCodes.NOT_FOUND,
              `there is no archive ${JSON.stringify(input)}; check the path`,
            );
          const files =
            input === undefined
              ? await openArchiveContent(await spool(layers, process.stdin), 'stdin', layers, store.limits, signal)
              : await openImageFiles(input, layers, store.limits, signal);
          try {
            return await importImages(
              store,
              files,
              platform === undefined ? {} : { platform: parsePlatform(platform) },
            );
          } finally {
            files.close();
          }
        });
        for (const { id, names } of loaded) {
          await tellImage('load', id, { name: names.length === 0 ? id : familiarName(names[0]!) });
          if (names.length === 0) process.stdout.write(`Loaded image ID: ${id}\n`);
          for (const name of names) process.stdout.write(`Loaded image: ${familiarName(name)}\n`);
        }
      }),
    );
}
