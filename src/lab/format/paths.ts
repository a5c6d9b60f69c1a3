/** Paths that a lab names: of its own folder, which they never leave, and of its machines. */

/** A path of a lab's folder from a file in it, as links have it. Undefined when it is absolute or leads out of the folder. */
export function resolveLabPath(fromFile: string, path: string): string | undefined {
  if (!isPlain(path) || path.startsWith('/')) return undefined;
  const names = fromFile.split('/').slice(0, -1);
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined) return undefined;
  }
  return names.length === 0 ? undefined : names.join('/');
}

/** The same from the folder itself. */
export function labPath(path: string): string | undefined {
  return resolveLabPath('', path);
}

/** Whether it is an absolute path of a machine that says where a file goes, without `..`. */
export function isMachinePath(path: string): boolean {
  return isPlain(path) && /^\/./.test(path) && !path.endsWith('/') && !path.split('/').includes('..');
}

/** No backslash, which would separate folders on some hosts, no drive, nothing that can't be seen. */
function isPlain(path: string): boolean {
  return path !== '' && !/[\\\u0000-\u001f\u007f]/.test(path) && !/^[A-Za-z]:/.test(path);
}
