/** Archives that commands write: to stdout, or to a file that has its name only when it is whole. */
import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe } from '../oci/node-content.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { writeTo } from './streams.ts';

const PRIVATE_FILE_MODE = 0o600;

/** Throws USAGE when the archive would go to a terminal. */
export function refuseTerminal(output: string | undefined): void {
  if (output === undefined && process.stdout.isTTY)
    throw new VivariumError(
      ErrorCodes.USAGE,
      'an archive is not written to a terminal; use -o FILE, or redirect stdout',
    );
}

/** Writes it to the file, or to stdout without one. */
export async function writeArchive(output: string | undefined, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  if (output === undefined) await writeStdout(chunks);
  else await writeFile(output, chunks);
}

async function writeStdout(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const write = writeTo(process.stdout);
  for await (const chunk of chunks) {
    await write(chunk).catch((cause: unknown) => {
      const message = `the archive can't be written to stdout: ${describe(cause)}`;
      throw new VivariumError(ErrorCodes.NOT_FOUND, message, { cause });
    });
  }
}

/** The file has its name only when it is whole. */
async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const draft = join(dirname(path), `.${basename(path)}-${randomUUID()}`);
  try {
    const file = await open(draft, 'wx', PRIVATE_FILE_MODE);
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (cause) {
    if (cause instanceof VivariumError) throw cause;
    const isFull = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    throw new VivariumError(
      isFull ? ErrorCodes.NO_SPACE : ErrorCodes.NOT_FOUND,
      `can't write ${path}: ${describe(cause)}; ${isFull ? 'free some room' : 'give another file with -o'}`,
      { cause },
    );
  } finally {
    await rm(draft, { force: true });
  }
}
