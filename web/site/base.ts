/** The folder of the site that this script is of, also when the page is of another one. */
import workerUrl from '../machine-worker.ts?worker&url';

/** Scripts are in a folder of the site, except while it is worked on. */
const UP = import.meta.env.PROD ? '../' : './';

export function siteBase(): URL {
  // Of the worker's script the bundler knows where it is, whichever chunk this becomes part of.
  return new URL(UP, new URL(workerUrl, import.meta.url));
}
