/** When nothing is packed: what package.json promises must be there, and nothing that it does not bring may be needed. */
import { SetupError } from './run.mjs';

/** Stops unless everything that package.json names exists. */
export function checkPromises({ files, bin, exports: { '.': api } }, exists) {
  const missing = [...files, ...Object.values(bin), ...Object.values(api)].filter((path) => !exists(path));
  if (missing.length > 0)
    throw new SetupError(
      `not built, so nothing is packed: ${missing.join(', ')}; remove the folder dist, then run npm run build`,
    );
}

/** Stops if installing the package would take others along. */
export function checkDependencies({ dependencies = {} }) {
  const names = Object.keys(dependencies);
  if (names.length > 0)
    throw new SetupError(
      `the bundles have their packages inside: list ${names.join(', ')} under devDependencies (docs/dependencies.md)`,
    );
}
