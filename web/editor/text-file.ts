/** A guest's file as text, so that saving what was not changed writes the same bytes. Knows no DOM. */
import type { FileStat } from '../../src/container/container-files.ts';
import type { ComputerFiles } from '../../src/sandbox/computer-options.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';

const TEXT_BYTES_MAX = 1 << 20;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface TextFile {
  readonly path: string;
  readonly text: string;
  /** Between lines; where a file mixes them, carriage returns are characters like any other. */
  readonly lineSeparator: '\n' | '\r\n';
  /** To see whether it has changed. */
  readonly version: string;
}

/** Throws FILES for what is no text, LIMIT for one that is too long, and what ComputerFiles does. */
export async function readTextFile(files: ComputerFiles, path: string): Promise<TextFile> {
  const stat = await files.stat(`${path}`);
  if (stat.kind === 'symlink' && stat.resolved !== undefined) return readTextFile(files, stat.resolved);
  if (stat.kind !== 'file') throw refused(`${path} is no file of text, and can't be edited`);
  if (stat.size > TEXT_BYTES_MAX)
    throw new VivariumError(
      ErrorCodes.LIMIT,
      `${path} has ${(stat.size / (1 << 20)).toFixed(1)} MiB, and files of up to 1 MiB can be edited here; use less or vi in the terminal`,
    );
  const bytes = await files.read(path, { bytesMax: TEXT_BYTES_MAX });
  if (bytes.includes(0)) throw binary(path);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw binary(path);
  }
  const isDos = text.includes('\r\n') && !/(^|[^\r])\n|\r(?!\n)/.test(text);
  return { path, text, lineSeparator: isDos ? '\r\n' : '\n', version: versionOf(stat) };
}

/** Writes it, and gives its version. Throws what ComputerFiles does. */
export async function writeTextFile(files: ComputerFiles, path: string, text: string): Promise<string> {
  await files.write(path, new TextEncoder().encode(text));
  return versionOf(await files.stat(path));
}

/** Undefined for a file that is gone. Rejects when the machine can't be asked. */
export async function versionNow(files: ComputerFiles, path: string): Promise<string | undefined> {
  try {
    return versionOf(await files.stat(path));
  } catch (error) {
    if (error instanceof VivariumError && error.code === ErrorCodes.NOT_FOUND) return undefined;
    throw error;
  }
}

function versionOf({ mtimeNs, size }: FileStat): string {
  return `${mtimeNs}-${size}`;
}

function binary(path: string): VivariumError {
  return refused(
    `${path} is not text, but the bytes of a program or a picture, and can't be edited here; try "hexdump -C" in the terminal`,
  );
}

function refused(message: string): VivariumError {
  return new VivariumError(ErrorCodes.FILES, message);
}
