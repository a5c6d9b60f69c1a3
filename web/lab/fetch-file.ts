/** Fetches small files of a lab. */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { sha256 } from '../../src/worker/web-cache.ts';
import { RangeSource } from '../../src/worker/web-range-source.ts';

export interface FetchOptions {
  readonly bytesMax: number;
  /** In hexadecimal; without it the file is taken as it is. */
  readonly sha256?: string;
  readonly signal: AbortSignal;
}

/** Rejects with NOT_FOUND, NETWORK, LIMIT or DIGEST_MISMATCH, or the signal's reason. */
export async function fetchFile(url: URL, options: FetchOptions): Promise<Uint8Array> {
  const { bytesMax, signal } = options;
  // Names stay the same when a lab is built again, so the browser has to ask whether they are still what they were.
  const bytes = await new RangeSource({ url: url.href, byteCount: bytesMax, signal, cache: 'no-cache' }).document();
  if (options.sha256 !== undefined && (await sha256(bytes)) !== options.sha256)
    throw new VivariumError(
      ErrorCodes.DIGEST_MISMATCH,
      `${url.pathname} is not what the lab was built with; load the page again, or build the lab again`,
    );
  return bytes;
}
