import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, onTestFinished, test } from 'vitest';
import { collectPackages, packageOf, readBundled } from '../../scripts/lib/bundled-packages.mjs';

const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));

test.each([
  ['/app/node_modules/yaml/dist/index.js', 'yaml'],
  ['/app/node_modules/@xterm/xterm/lib/xterm.mjs', '@xterm/xterm'],
  ['/app/node_modules/a/node_modules/@b/c/d.js?inline', '@b/c'],
  ['\0/app/node_modules/tar-js/lib/tar.js?commonjs-module', 'tar-js'],
  ['C:\\app\\node_modules\\yaml\\dist\\index.js', 'yaml'],
  ['/app/src/node_modules.ts', undefined],
  ['\0rolldown/runtime.js', undefined],
])('%j is of %s', (id, name) => {
  expect(packageOf(id)).toBe(name);
});

test('packages that Vite has put into a script or its worker are listed, and none that it left out', async () => {
  const root = mkdtempSync(join(tmpdir(), 'bundled-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const at = (name: string): string => JSON.stringify(join(NODE_MODULES, name));
  writeFileSync(
    join(root, 'main.js'),
    `import { wrap } from ${at('comlink/dist/esm/comlink.mjs')};
    import { lookup } from ${at('mrmime/index.mjs')};
    export const worker = wrap(new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));`,
  );
  writeFileSync(
    join(root, 'worker.js'),
    `import * as mdurl from ${at('mdurl/index.mjs')}; postMessage(mdurl.encode('a'));`,
  );
  const names = new Set<string>();

  await build({
    root,
    configFile: false,
    logLevel: 'silent',
    plugins: [collectPackages(names)],
    worker: { format: 'es', plugins: () => [collectPackages(names)] },
    build: { lib: { entry: 'main.js', formats: ['es'] }, outDir: 'out' },
  });

  expect([...names].sort()).toEqual(['comlink', 'mdurl']);
});

test('a list that was not made stops whoever wants it', () => {
  expect(() => readBundled('nothing')).toThrow('which packages are in nothing is not known');
});
