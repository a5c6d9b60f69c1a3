/**
 * Where `cp` puts what it copies: the rules for files and folders that are or are not there (docker cp reference,
 * "Description"), the same in both directions.
 */
import { posix } from 'node:path';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

/** `CONTAINER:PATH`, a path of the host, or `-` for a tar archive on stdin or stdout. */
export type CopyWord =
  | { readonly kind: 'container'; readonly container: string; readonly path: string }
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'stream' };

/** A path with a colon in it is the host's if it begins with `/` or `.`. */
export function parseCopyWord(text: string): CopyWord {
  if (text === '-') return { kind: 'stream' };
  const colon = text.indexOf(':');
  if (colon < 1 || text.startsWith('/') || text.startsWith('.')) return { kind: 'host', path: text };
  return { kind: 'container', container: text.slice(0, colon), path: text.slice(colon + 1) };
}

export interface CopySource {
  readonly isFolder: boolean;
  /** Its last name. */
  readonly name: string;
  /** What is in the folder, not the folder itself: the path ends in `/.`. */
  readonly contentsOnly: boolean;
}

export interface CopyDestination {
  /** As it is written, or where the link leads that it is. */
  readonly path: string;
  readonly exists: boolean;
  readonly isFolder: boolean;
}

/** Into which folder, and under what name; `.` for what is in a folder. */
export interface CopyPlace {
  readonly folder: string;
  readonly name: string;
}

/** Throws USAGE when the two don't fit. */
export function placeCopy(source: CopySource, { path, exists, isFolder }: CopyDestination): CopyPlace {
  if (exists && isFolder) return { folder: path, name: source.contentsOnly ? '.' : source.name };
  if (exists && source.isFolder)
    throw new VivariumError(ErrorCodes.USAGE, `cannot copy a directory to the file ${JSON.stringify(path)}`);
  if (!exists && !source.isFolder && assertsFolder(path))
    throw new VivariumError(ErrorCodes.USAGE, `no such directory: ${JSON.stringify(path)}`);
  const plain = cleanPath(path);
  return { folder: posix.dirname(plain), name: posix.basename(plain) };
}

/** Whether a path can only mean a folder. */
export function assertsFolder(path: string): boolean {
  return path.endsWith('/') || namesContents(path);
}

/** Whether a path means what is in a folder: its last name is a dot, or it is the root. */
export function namesContents(path: string): boolean {
  return /(?:^|\/)\.$/.test(path) || cleanPath(path) === '/';
}

/** Without `.`, `..`, doubled slashes and a slash at the end. */
export function cleanPath(path: string): string {
  const plain = posix.normalize(path);
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}

/** A path of a container: from its root, with a slash or a dot at the end kept. */
export function containerPath(path: string): string {
  const plain = cleanPath(`/${path}`);
  const end = /(?:^|\/)\.$/.test(path) ? '/.' : path.endsWith('/') ? '/' : '';
  return plain === '/' ? plain : plain + end;
}
