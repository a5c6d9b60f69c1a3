/**
 * How the site is built and served while it is worked on. What pages fetch, guest, core and images, is in build/site, where
 * scripts/build-site.mjs puts it: the dev server serves it, a build copies it. The npm package has less.
 */
import { fileURLToPath } from 'node:url';
import type { BuildEnvironmentOptions, UserConfig } from 'vite';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
/** Without these a page gets no SharedArrayBuffer and coarse clocks (HTML, "Cross-origin isolation"); all works without them too. */
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'cross-origin',
};
const PAGES = ['index', 'lab', 'embed', 'bench', 'docs'];
/** The others speak of the project, and measure with an image that an installed package does not have. */
const LAB_PAGES = ['lab', 'embed'];
/** Scripts that keep their names: the one for pages of other sites, and the one that browsers look for changes of. */
const FIXED = ['viv', 'service-worker'];

function scriptsOf(pages: readonly string[]): NonNullable<BuildEnvironmentOptions['rolldownOptions']> {
  return {
    input: {
      ...Object.fromEntries(pages.map((page) => [page, `${PROJECT}web/${page}.html`])),
      ...Object.fromEntries(FIXED.map((name) => [name, `${PROJECT}web/${name}.ts`])),
    },
    preserveEntrySignatures: 'exports-only',
    output: { entryFileNames: ({ name }) => (FIXED.includes(name) ? '[name].js' : 'assets/[name]-[hash].js') },
  };
}

export const siteConfig: UserConfig = {
  root: `${PROJECT}web`,
  // The site may be in any folder of a server.
  base: './',
  publicDir: `${PROJECT}build/site`,
  cacheDir: `${PROJECT}build/vite`,
  server: { headers: ISOLATION },
  preview: { headers: ISOLATION },
  worker: { format: 'es' },
  build: {
    outDir: `${PROJECT}dist/site`,
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    // Of the packages that are in the scripts; they want to go along.
    license: { fileName: 'licenses.md' },
    rolldownOptions: scriptsOf(PAGES),
  },
};

/** What of the site an npm package has (scripts/lib/pack-pages.mjs): what pages fetch is made where it is installed, licences are its own. */
export const packedSiteConfig: UserConfig = {
  ...siteConfig,
  publicDir: false,
  build: {
    ...siteConfig.build,
    outDir: `${PROJECT}build/package/site`,
    sourcemap: false,
    license: false,
    rolldownOptions: scriptsOf(LAB_PAGES),
  },
};
