/** Where the script of the machine's worker thread is: beside this file, compiled as it is. */

export function workerScript(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './machine-worker.ts' : './machine-worker.js', import.meta.url);
}

/** Whether the worker's script is one file, as scripts/bundle.mjs makes it, and its hash that of all its code. */
export function isBundled(): boolean {
  return new URL('.', import.meta.url).pathname.endsWith('/bundle/');
}
