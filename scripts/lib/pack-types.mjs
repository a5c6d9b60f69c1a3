/** The declarations of the JavaScript API: those that the compiler writes and src/node-api.ts leads to. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { runStreaming, SetupError } from './run.mjs';
import { PROJECT } from './steps.mjs';

const SPECIFIER = /(?:\bfrom\s*|\bimport\s*\(\s*)['"]([^'"]+)['"]/g;
/** Packages that a user of the API has anyway. */
const ALLOWED = /^node:/;

/** Writes the declarations into a folder of build/package, as tsconfig.types.json says, and removes those that nobody needs. */
export async function packTypes(folder, entry) {
  rmSync(folder, { recursive: true, force: true });
  const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc');
  await runStreaming(process.execPath, [compiler, '-p', 'tsconfig.types.json'], () => {}, { cwd: PROJECT });
  const needed = reachable(join(folder, entry));
  for (const item of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    const path = join(item.parentPath, item.name);
    if (item.isFile() && !needed.has(path)) rmSync(path);
  }
  removeEmptyFolders(folder);
}

function reachable(entry) {
  const found = new Set();
  const queue = [entry];
  while (queue.length > 0) {
    const path = queue.pop();
    if (found.has(path)) continue;
    if (!existsSync(path)) throw new SetupError(`the declarations ${path} are not there: run npm run typecheck`);
    found.add(path);
    for (const [, specifier] of readFileSync(path, 'utf8').matchAll(SPECIFIER)) {
      if (specifier.startsWith('.')) queue.push(resolve(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')));
      else if (!ALLOWED.test(specifier))
        throw new SetupError(
          `${path} imports ${specifier}, which users of the package do not have: hide it from the API`,
        );
    }
  }
  return found;
}

function removeEmptyFolders(folder) {
  for (const item of readdirSync(folder, { withFileTypes: true }))
    if (item.isDirectory()) removeEmptyFolders(join(folder, item.name));
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}
