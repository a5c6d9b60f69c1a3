/** The pages of a site as the npm package has them, without what they fetch: an installed package makes that of its guest. */
import { join } from 'node:path';
import { collectPackages, writeBundled } from './bundled-packages.mjs';
import { PROJECT } from './steps.mjs';

/** Writes build/package/site (web/vite.site.ts), and the list `pages` of packages in it. */
export async function packPages() {
  // A test that packs has another, and pages would look for the site where a development server has it.
  process.env.NODE_ENV = 'production';
  const { build } = await import('vite');
  const packages = new Set();
  await build({
    configFile: join(PROJECT, 'vite.config.ts'),
    mode: 'package',
    logLevel: 'warn',
    plugins: [collectPackages(packages)],
    worker: { plugins: () => [collectPackages(packages)] },
  });
  writeBundled('pages', packages);
}
