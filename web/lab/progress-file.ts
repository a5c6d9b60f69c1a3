/** Progress of a lab as a file that the student takes along. */
import type { Lab } from '../../src/lab/format/lab.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { download } from '../ui/download.ts';

const BYTES_MAX = 1 << 20;

export function downloadProgress({ id }: Lab, text: string): void {
  download(`${id}-progress.json`, new TextEncoder().encode(text), 'application/json');
}

/** Throws BAD_STATE for a file that is far too long; whether it is progress, whoever takes it over says. */
export async function readProgressFile(file: File): Promise<string> {
  if (file.size > BYTES_MAX)
    throw new VivariumError(
      ErrorCodes.BAD_STATE,
      "this is no file of a lab's progress; choose one that a lab has exported",
    );
  return file.text();
}
