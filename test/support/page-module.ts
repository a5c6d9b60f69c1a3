/** A module of ours with all that it imports as one script, which makes what it exports a global of a page. Node only. */
import { fileURLToPath } from 'node:url';
import { build, type Rolldown } from 'vite';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export async function bundledModule(path: string, name: string): Promise<string> {
  const built = (await build({
    root: PROJECT,
    configFile: false,
    logLevel: 'warn',
    build: { write: false, minify: false, lib: { entry: path, formats: ['iife'], name, fileName: 'module' } },
  })) as Rolldown.RolldownOutput[];
  return built[0]!.output[0].code;
}
