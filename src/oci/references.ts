/**
 * Names of images in a layout or archive (image-spec v1.1, annotations.md `org.opencontainers.image.ref.name`; docker's
 * RepoTags), and choosing by one of them.
 */
import { badImage, notFound, quote } from './fail.ts';
import { DEFAULT_REGISTRY, DEFAULT_TAG } from './image-name.ts';

const DOCKER_DOMAIN = `${DEFAULT_REGISTRY}/`;
const DOCKER_FOLDER = 'library/';
const SHOWN_NAMES = 12;

/** Names of one image, the first of them to be shown. */
export interface Named {
  readonly names: readonly string[];
}

/** `docker.io/library/x` and `x:latest` as docker abbreviates them. */
function familiar(name: string): string {
  let short = name;
  if (short.startsWith(DOCKER_DOMAIN)) short = short.slice(DOCKER_DOMAIN.length);
  if (short.startsWith(DOCKER_FOLDER)) short = short.slice(DOCKER_FOLDER.length);
  const suffix = `:${DEFAULT_TAG}`;
  return short.endsWith(suffix) ? short.slice(0, -suffix.length) : short;
}

function answersTo(item: Named, reference: string): boolean {
  return item.names.some((name) => name === reference || familiar(name) === familiar(reference));
}

/**
 * The items that a reference means: several only when they share a name, as the platforms of one image may. Without a
 * reference there must be one name, or one called `latest`.
 */
export function chooseByReference<T extends Named>(
  items: readonly T[],
  reference: string | undefined,
  what: string,
): T[] {
  if (items.length === 0) throw badImage(`${what} holds no image`);
  const known = [...new Set(items.flatMap((item) => item.names))];
  const shown = known.slice(0, SHOWN_NAMES).map(quote).join(', ') || 'none with a name';
  if (reference !== undefined) {
    const chosen = items.filter((item) => answersTo(item, reference));
    if (chosen.length === 0) throw notFound(`${what} has no image ${quote(reference)}; there is ${shown}`);
    return chosen;
  }
  if (new Set(items.map((item) => item.names[0] ?? '')).size === 1) return [...items];
  const latest = items.filter((item) => item.names.includes(DEFAULT_TAG));
  if (latest.length > 0) return latest;
  throw notFound(`${what} has several images, so say which one as PATH:NAME; there is ${shown}`);
}
