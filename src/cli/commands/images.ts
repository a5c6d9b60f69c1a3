/**
 * `viv images`: what the store has (docker images). SIZE is what an image's blobs take in the store, compressed as they came;
 * blobs that images share count for each.
 */
import { Command } from 'commander';
import {
  type ImageName,
  familiarName,
  familiarRepository,
  parseImageName,
  withDefaultTag,
} from '../../oci/image-name.ts';
import { type ImageDetails, imageDetails } from '../../oci/store/details.ts';
import type { ImageStore, StoredImage } from '../../oci/store/image-store.ts';
import { VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { describeError } from '../failure.ts';
import { goTime, humanSize, since } from '../format/human.ts';
import { type ListFormat, formatList } from '../format/table.ts';
import { imageFilter } from '../image-filter.ts';
import { openStore } from '../registry-settings.ts';
import { shortId } from '../transfer-progress.ts';

const SIZE_DIGITS = 3; // as Docker has it
const NONE = '<none>';

/** An image with what its config says. */
export interface ListedImage {
  readonly image: StoredImage;
  readonly details: ImageDetails;
}

interface ImagesFlags {
  readonly all?: boolean;
  readonly digests?: boolean;
  readonly filter: readonly string[];
  readonly format?: string;
  readonly trunc: boolean;
  readonly quiet?: boolean;
}

interface Row {
  readonly listed: ListedImage;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** `name` is `images`, or `ls` below `viv image`. */
export function imagesCommand(name = 'images'): Command {
  return new Command(name)
    .summary('list images')
    .description(
      'Lists the images of the store, newest first. SIZE is what the blobs of an image take in the store, as they came.',
    )
    .usage('[options] [REPOSITORY[:TAG]]')
    .argument('[repository]')
    .option('-a, --all', 'accepted for Docker; there are no intermediate images')
    .option('--digests', 'show digests')
    .option(
      '-f, --filter <filter>',
      'dangling=, label=, before=, since= or reference=',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .option('--no-trunc', 'show whole IDs')
    .option('-q, --quiet', 'show IDs only')
    .addHelpText('after', "\nExample:\n  viv images --filter dangling=true --format '{{.ID}} {{.Size}}'")
    .action(
      action(async (repository: string | undefined, flags: ImagesFlags) => {
        const store = openStore();
        const { images, status } = await listImages(store);
        const isWanted = await imageFilter(store, flags.filter);
        const chosen = images.filter(isWanted);
        const rows = chosen.flatMap((listed) => rowsOf(listed, repository, flags.digests ?? false));
        process.stdout.write(formatList(rows, listFormat(flags), { template: flags.format, quiet: flags.quiet }));
        return status;
      }),
    );
}

/** All images with their configs, newest first. One that is corrupt is told of on stderr, and the others are listed. */
export async function listImages(store: ImageStore): Promise<{ images: ListedImage[]; status: number }> {
  const images: ListedImage[] = [];
  let status = 0;
  for (const image of await store.images()) {
    try {
      images.push({ image, details: await imageDetails(store, image) });
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      process.stderr.write(
        `${describeError(error)}\nviv: the image ${shortId(image.id)} is not listed; run viv doctor\n`,
      );
      status = 1;
    }
  }
  const time = ({ details }: ListedImage): number => Date.parse(details.created ?? '') || 0;
  images.sort((a, b) => time(b) - time(a) || (a.image.id < b.image.id ? -1 : 1));
  return { images, status };
}

/** A row for each tag; one for a digest that has no tag, or for the image that has no name at all. */
function rowsOf(listed: ListedImage, wanted: string | undefined, withDigests: boolean): Row[] {
  const { tags, digests } = listed.image;
  const digestIn = (name: ImageName): string | undefined =>
    digests.find((other) => other.registry === name.registry && other.path === name.path)?.digest;
  const rows = tags
    .filter((name) => matches(name, wanted))
    .map((name) => ({ listed, repository: familiarRepository(name), tag: name.tag!, digest: digestIn(name) ?? NONE }));
  if (tags.length > 0) return rows;
  const untagged = digests.filter((name) => matches({ ...name, digest: undefined }, wanted));
  if (untagged.length === 0)
    return wanted === undefined && digests.length === 0 ? [{ listed, repository: NONE, tag: NONE, digest: NONE }] : [];
  const [first] = untagged;
  return (withDigests ? untagged : [first!]).map((name) => ({
    listed,
    repository: familiarRepository(name),
    tag: NONE,
    digest: name.digest!,
  }));
}

function matches(name: ImageName, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  const { registry, path, tag } = parseImageName(wanted);
  return name.registry === registry && name.path === path && (tag === undefined || name.tag === tag);
}

function listFormat({ digests, trunc }: ImagesFlags): ListFormat<Row> {
  const digestColumn = digests ? '{{.Digest}}\\t' : '';
  return {
    headings: {
      Repository: 'REPOSITORY',
      Tag: 'TAG',
      Digest: 'DIGEST',
      ID: 'IMAGE ID',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      Size: 'SIZE',
    },
    defaultTemplate: `{{.Repository}}\\t{{.Tag}}\\t${digestColumn}{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}`,
    quietTemplate: '{{.ID}}',
    fields: ({ listed: { image, details }, repository, tag, digest }) => ({
      Repository: repository,
      Tag: tag,
      Digest: digest,
      ID: trunc ? shortId(image.id) : image.id,
      CreatedSince: since(details.created, Date.now()),
      CreatedAt: goTime(details.created),
      Size: humanSize(details.size, SIZE_DIGITS),
    }),
  };
}

/** Names as `docker load` and `docker rmi` print them. */
export function showName(name: ImageName): string {
  return familiarName(withDefaultTag(name));
}
