/** Who is who in a container as it is now: its /etc/passwd and /etc/group, which programs in it may have changed. */
import { collect } from '../../oci/blob.ts';
import { DEFAULT_LIMITS } from '../../oci/limits.ts';
import { streamTar } from '../../oci/tar-stream.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ContainerFiles } from '../container-files.ts';

const FILES = ['/etc/passwd', '/etc/group'];
/** More than any system has, and little enough to read at once. */
const FILE_BYTES_MAX = 4 << 20;

/** The files that it has, by path. Throws what reading a container's files may. */
export async function readAccounts(files: ContainerFiles): Promise<ReadonlyMap<string, Uint8Array>> {
  const accounts = new Map<string, Uint8Array>();
  for (const path of FILES) {
    try {
      // It may be a link to a file elsewhere in the container.
      const { resolved } = await files.stat(path);
      const content = await readFile(files, resolved ?? path);
      if (content !== undefined) accounts.set(path, content);
    } catch (error) {
      if (!(error instanceof VivariumError) || error.code !== ErrorCodes.NOT_FOUND) throw error;
    }
  }
  return accounts;
}

async function readFile(files: ContainerFiles, path: string): Promise<Uint8Array | undefined> {
  let content: Uint8Array | undefined;
  for await (const { entry, data } of streamTar(files.readTar(path, 'file'), { what: path, limits: DEFAULT_LIMITS })) {
    if (entry.type === 'file' && content === undefined) content = await collect(data, FILE_BYTES_MAX, path);
  }
  return content;
}
