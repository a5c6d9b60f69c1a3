/** Short constructors for the errors of this room; see src/util/errors.ts for the codes. */
import { VivariumError } from '../util/errors.ts';

/** The image is broken or hostile. */
export function badImage(message: string, cause?: unknown): VivariumError {
  return new VivariumError('BAD_IMAGE', message, cause === undefined ? undefined : { cause });
}

/** A stated limit is exceeded. */
export function overLimit(message: string): VivariumError {
  return new VivariumError('LIMIT', message);
}

/** Something that the image or the user names is not there. */
export function notFound(message: string, cause?: unknown): VivariumError {
  return new VivariumError('NOT_FOUND', message, cause === undefined ? undefined : { cause });
}

const SHOWN_NAME_LENGTH = 120;

/** A name from an image as it may appear in a message: control characters escaped, cut when long. */
export function quote(name: string): string {
  const cut = name.length > SHOWN_NAME_LENGTH ? `${name.slice(0, SHOWN_NAME_LENGTH)}…` : name;
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
}

/** A byte count for a message. */
export function showBytes(byteCount: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = byteCount;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${units[unit]}`;
}
