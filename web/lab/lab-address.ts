/** Which lab a page's address names. */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { siteBase } from '../site/base.ts';

/**
 * The folder of the lab that `?lab=` names, relative to the site. Throws USAGE where there is none, or it is elsewhere: another site's
 * lab would have what this one's keep in the browser.
 */
export function labAddress(query: URLSearchParams): URL {
  const lab = query.get('lab');
  if (lab === null || lab === '')
    throw new VivariumError(
      ErrorCodes.USAGE,
      'the address does not say which lab: it ends in ?lab= and the folder of one, such as lab.html?lab=labs/first-steps',
    );
  const base = siteBase();
  const folder = lab.endsWith('/') ? lab : `${lab}/`;
  const url = URL.canParse(folder, base) ? new URL(folder, base) : undefined;
  if (url === undefined || url.origin !== base.origin)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the lab ${JSON.stringify(lab)} is not of this site; open it on the site that it is from`,
    );
  return url;
}
