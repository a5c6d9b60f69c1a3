/** `--filter` for images (docker images reference, "Filtering"): several of one kind are alternatives, except labels. */
import { familiarName, familiarRepository } from '../oci/image-name.ts';
import { imageDetails } from '../oci/store/details.ts';
import type { ImageStore } from '../oci/store/image-store.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { ListedImage } from './commands/images.ts';

export type ImagePredicate = (listed: ListedImage) => boolean;

const KNOWN = ['dangling', 'label', 'before', 'since', 'reference', 'until'] as const;
type Kind = (typeof KNOWN)[number];

/** What all of these filters let through. Throws USAGE, or NOT_FOUND for before= and since=. */
export async function imageFilter(
  store: ImageStore,
  texts: readonly string[],
  allowed: readonly Kind[] = KNOWN.slice(0, 5),
): Promise<ImagePredicate> {
  const predicates: ImagePredicate[] = [];
  const references: ImagePredicate[] = [];
  for (const text of texts) {
    const equals = text.indexOf('=');
    const kind = text.slice(0, equals) as Kind;
    if (equals <= 0 || !allowed.includes(kind))
      throw new VivariumError(
        ErrorCodes.USAGE,
        `${JSON.stringify(text)} is no filter for images; there is ${allowed.map((name) => `${name}=`).join(', ')}`,
      );
    const predicate = await makeFilter(store, kind, text.slice(equals + 1));
    (kind === 'reference' ? references : predicates).push(predicate);
  }
  return (listed) =>
    predicates.every((predicate) => predicate(listed)) &&
    (references.length === 0 || references.some((predicate) => predicate(listed)));
}

async function makeFilter(store: ImageStore, kind: Kind, value: string): Promise<ImagePredicate> {
  switch (kind) {
    case 'dangling': {
      const wanted = parseBoolean(value);
      return ({ image }) => (image.tags.length === 0) === wanted;
    }
    case 'label': {
      const equals = value.indexOf('=');
      const key = equals < 0 ? value : value.slice(0, equals);
      return ({ details }) => {
        const label = details.config.execution.labels.get(key);
        return label !== undefined && (equals < 0 || label === value.slice(equals + 1));
      };
    }
    case 'before':
    case 'since': {
      const other = Date.parse((await imageDetails(store, await store.find(value))).created ?? '');
      return ({ details }) => {
        const created = Date.parse(details.created ?? '');
        return kind === 'before' ? created < other : created > other;
      };
    }
    case 'until': {
      const limitMs = parseUntil(value);
      return ({ details }) => Date.parse(details.created ?? '') <= limitMs;
    }
    case 'reference': {
      const pattern = globPattern(value);
      return ({ image }) =>
        [...image.tags, ...image.digests].some((name) =>
          [familiarName(name), familiarRepository(name)].some((text) => pattern.test(text)),
        );
    }
  }
}

function parseBoolean(text: string): boolean {
  if (['1', 't', 'true'].includes(text.toLowerCase())) return true;
  if (['0', 'f', 'false'].includes(text.toLowerCase())) return false;
  throw new VivariumError(ErrorCodes.USAGE, `dangling can be true or false, not ${JSON.stringify(text)}`);
}

const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/;

/** A time, or how long ago: `24h`, `1h30m`. */
function parseUntil(text: string): number {
  const match = text === '' ? null : DURATION.exec(text);
  if (match) {
    const [hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
    return Date.now() - ((hours! * 60 + minutes!) * 60 + seconds!) * 1000;
  }
  const at = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isNaN(at))
    throw new VivariumError(ErrorCodes.USAGE, `${JSON.stringify(text)} is neither a time nor a duration like 24h`);
  return at;
}

/** Go's path.Match: `*` and `?` stop at a slash. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]');
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw new VivariumError(
      ErrorCodes.USAGE,
      `${JSON.stringify(glob)} is not a pattern for references; write one like debian:*`,
    );
  }
}
