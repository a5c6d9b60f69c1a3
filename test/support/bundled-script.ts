/** Makes one file of a script in TypeScript, for tests that run it as processes of their own. Node only. */
import { build } from 'vite';

/** Resolves to nothing; `folder/NAME.mjs` is there then. */
export async function bundleScript(entry: string, folder: string, name: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: entry,
      outDir: folder,
      emptyOutDir: false,
      target: 'node20',
      minify: false,
      rolldownOptions: { output: { entryFileNames: `${name}.mjs`, codeSplitting: false } },
    },
  });
}
