/** `cp` in both directions, on a container's files and the host's (docker cp reference). */
import { lstat, realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { posix } from 'node:path';
import type { ContainerFiles, FileStat } from '../../container/container-files.ts';
import { collect } from '../../oci/blob.ts';
import { decompress } from '../../oci/decompress.ts';
import { DEFAULT_LIMITS } from '../../oci/limits.ts';
import { nodeCodec } from '../../oci/node-codec.ts';
import { describe } from '../../oci/node-content.ts';
import { rewriteTar, streamTar } from '../../oci/tar-stream.ts';
import { resolveUser } from '../../oci/user.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { packTree } from './pack.ts';
import { assertsFolder, cleanPath, containerPath, type CopyDestination, namesContents, placeCopy } from './place.ts';
import { unpackTree } from './unpack.ts';

/** Of /etc/passwd and /etc/group. */
const ACCOUNTS_BYTES_MAX = 4 * 2 ** 20;

export interface CopyOptions {
  /** Copy what a link leads to, not the link. */
  readonly followLink: boolean;
  /** Keep owners; into a container, give all to the container's user. */
  readonly archive: boolean;
  readonly onNote: (text: string) => void;
}

/** The container as messages name it, and whom it runs as. */
export interface CopyContainer {
  readonly name: string;
  readonly files: ContainerFiles;
  readonly user: string;
}

/** How many bytes of tar went over, and where to. */
export interface Copied {
  readonly byteCount: number;
  readonly destination: string;
}

/** Counts what passes. */
class Counted {
  byteCount = 0;

  async *count(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      this.byteCount += chunk.length;
      yield chunk;
    }
  }
}

const isMissing = (error: unknown): boolean => error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND;

async function statInContainer({ name, files }: CopyContainer, path: string): Promise<FileStat> {
  return files.stat(path).catch((error: unknown) => {
    if (!isMissing(error)) throw error;
    throw notInContainer(name, path, error);
  });
}

function notInContainer(name: string, path: string, cause: unknown): VivariumError {
  return new VivariumError(ErrorCodes.NOT_FOUND, `could not find the file ${path} in container ${name}`, { cause });
}

/** What a link of the container stands for, with the slash or dot that ended the path. */
function followed(path: string, { target, resolved }: FileStat): string {
  const end = /\/\.?$/.exec(path)?.[0] ?? '';
  const place = resolved ?? posix.resolve(posix.dirname(cleanPath(path)), target);
  return place === '/' ? place : place + end;
}

/** The archive of a path in a container, called by its last name; `-` as a destination. */
export async function copyToStream(
  container: CopyContainer,
  source: string,
  options: CopyOptions,
): Promise<AsyncIterable<Uint8Array>> {
  const { path, name } = await sourceInContainer(container, source, options);
  return container.files.readTar(path, namesContents(source) ? '.' : name, options);
}

async function sourceInContainer(
  container: CopyContainer,
  source: string,
  { followLink }: CopyOptions,
): Promise<{ path: string; name: string; isFolder: boolean }> {
  let path = containerPath(source);
  const name = posix.basename(cleanPath(path)) || '.';
  let info = await statInContainer(container, path);
  if (followLink && info.kind === 'symlink') {
    path = followed(path, info);
    info = await statInContainer(container, path);
  }
  return { path, name, isFolder: info.kind === 'directory' };
}

/** Copies a file or folder of a container to the host. */
export async function copyToHost(
  container: CopyContainer,
  source: string,
  destination: string,
  options: CopyOptions,
): Promise<Copied> {
  const parent = dirname(resolve(destination));
  if (!(await stat(parent).catch(() => undefined))?.isDirectory())
    throw new VivariumError(
      ErrorCodes.NOT_FOUND,
      `invalid output path: the directory ${JSON.stringify(parent)} does not exist`,
    );
  const { path, name, isFolder } = await sourceInContainer(container, source, options);
  const place = placeCopy(
    { isFolder, name, contentsOnly: isFolder && namesContents(source) },
    await destinationOnHost(destination),
  );
  const counted = new Counted();
  const tar = counted.count(container.files.readTar(path, place.name, options));
  await unpackTree(tar, place.folder, {
    limits: DEFAULT_LIMITS,
    what: `the archive of ${container.name}:${source}`,
    archive: options.archive,
    onNote: options.onNote,
  });
  return { byteCount: counted.byteCount, destination: resolve(destination) };
}

async function destinationOnHost(path: string): Promise<CopyDestination> {
  const end = assertsFolder(path) ? '/' : '';
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return { path: resolve(path) + end, exists: false, isFolder: false };
  const info = await stat(real);
  if (!info.isDirectory() && end !== '')
    throw new VivariumError(ErrorCodes.USAGE, `no such directory: ${JSON.stringify(path)}`);
  if (!info.isDirectory() && !info.isFile())
    throw new VivariumError(ErrorCodes.USAGE, `the destination ${JSON.stringify(path)} must be a directory or a file`);
  return { path: real, exists: true, isFolder: info.isDirectory() };
}

async function destinationInContainer(container: CopyContainer, text: string): Promise<CopyDestination> {
  let path = containerPath(text);
  try {
    let info = await container.files.stat(path);
    if (info.kind === 'symlink') {
      path = followed(path, info);
      info = await container.files.stat(path);
    }
    if (info.kind !== 'directory' && info.kind !== 'file')
      throw new VivariumError(
        ErrorCodes.USAGE,
        `the destination ${container.name}:${path} must be a directory or a file`,
      );
    return { path, exists: true, isFolder: info.kind === 'directory' };
  } catch (error) {
    if (!isMissing(error)) throw error;
    return { path, exists: false, isFolder: false };
  }
}

/** Copies a file or folder of the host into a container. */
export async function copyToContainer(
  source: string,
  container: CopyContainer,
  destination: string,
  options: CopyOptions,
): Promise<Copied> {
  const isContents = namesContents(source);
  const { path, isFolder } = await sourceOnHost(source, options);
  const name = basename(resolve(source)) || '.';
  const place = placeCopy(
    { isFolder, name, contentsOnly: isFolder && isContents },
    await destinationInContainer(container, destination),
  );
  const owner = options.archive ? await ownerInContainer(container) : undefined;
  const counted = new Counted();
  const tar = counted.count(packTree(path, place.name, { owner, onNote: options.onNote }));
  await writeInto(container, place.folder, tar, options);
  return { byteCount: counted.byteCount, destination: `${container.name}:${destination}` };
}

async function sourceOnHost(source: string, { followLink }: CopyOptions): Promise<{ path: string; isFolder: boolean }> {
  try {
    // A slash at the end follows a link anyway.
    const path = followLink || assertsFolder(source) ? await realpath(source) : source;
    const isFolder = (await lstat(path)).isDirectory();
    if (!isFolder && assertsFolder(source)) throw Object.assign(new Error('it is no folder'), { code: 'ENOTFOLDER' });
    return { path, isFolder };
  } catch (cause) {
    throw new VivariumError(ErrorCodes.NOT_FOUND, `can't read ${JSON.stringify(source)}: ${describe(cause)}`, {
      cause,
    });
  }
}

/** Unpacks an archive, compressed or not, that the user gives, into a folder of a container. */
export async function copyStream(
  stream: AsyncIterable<Uint8Array>,
  container: CopyContainer,
  destination: string,
  options: CopyOptions,
): Promise<Copied> {
  const place = await destinationInContainer(container, destination);
  if (!place.isFolder)
    throw new VivariumError(ErrorCodes.USAGE, `destination "${container.name}:${destination}" must be a directory`);
  const what = 'the archive on stdin';
  const limits = { ...DEFAULT_LIMITS, maximumBytes: DEFAULT_LIMITS.archiveBytes };
  const plain = decompress(stream, { codec: nodeCodec, what, limits });
  const owner = options.archive ? await ownerInContainer(container) : undefined;
  const counted = new Counted();
  const tar = rewriteTar(streamTar(counted.count(plain), { what, limits: DEFAULT_LIMITS }), owner);
  await writeInto(container, place.path, tar, options);
  return { byteCount: counted.byteCount, destination: `${container.name}:${destination}` };
}

async function writeInto(
  container: CopyContainer,
  folder: string,
  tar: AsyncIterable<Uint8Array>,
  options: CopyOptions,
): Promise<void> {
  try {
    await container.files.writeTar(folder, tar, options);
  } catch (error) {
    throw isMissing(error) && (error as VivariumError).message.includes('find')
      ? notInContainer(container.name, folder, error)
      : error;
  }
}

/** The container's user; undefined for one that runs as root by default, as with Docker: then files keep their owners. */
async function ownerInContainer({ files, user }: CopyContainer): Promise<{ uid: number; gid: number } | undefined> {
  if (user === '') return undefined;
  const accounts = new Map<string, Uint8Array>();
  for (const path of ['/etc/passwd', '/etc/group']) {
    try {
      for await (const { entry, data } of streamTar(files.readTar(path, 'x'), { what: path, limits: DEFAULT_LIMITS }))
        if (entry.type === 'file') accounts.set(path, await collect(data, ACCOUNTS_BYTES_MAX, path));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  const { uid, gid } = resolveUser(user, (path) => accounts.get(path));
  return { uid, gid };
}
