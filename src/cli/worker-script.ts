/** Where the script of the machine's worker thread is: beside this file, compiled as it is. */

export function workerScript(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './machine-worker.ts' : './machine-worker.js', import.meta.url);
}
