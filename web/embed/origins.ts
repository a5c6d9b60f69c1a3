/** Which pages may talk to the embed page. */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';

const META = 'meta[name=vivarium-embed-origins]';

/**
 * The origins of the site's list (a meta element of the page), and where that is empty, those that the address names by `origin=`.
 * Those of the address must be on a list that is not. Throws USAGE for what is no origin.
 */
export function allowedOrigins(query: URLSearchParams, page: Document): ReadonlySet<string> {
  const listed = (page.querySelector<HTMLMetaElement>(META)?.content ?? '').split(/\s+/).filter((word) => word !== '');
  const named = query.getAll('origin');
  for (const origin of [...listed, ...named]) checkOrigin(origin);
  if (listed.length === 0) return new Set(named);
  return new Set(named.length === 0 ? listed : named.filter((origin) => listed.includes(origin)));
}

function checkOrigin(origin: string): void {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return;
  throw new VivariumError(
    ErrorCodes.USAGE,
    `${JSON.stringify(origin)} is not the origin of a page; write one such as https://course.example`,
  );
}
