/**
 * Which image a word of `viv run` means: one of the store by name or ID, a built-in one, a folder or archive, or one to be
 * pulled, in this order. What begins like a path is one. The answer is a place for openNodeImage; an image of the store is
 * named by its digest, so that it stays the same if its tag moves.
 */
import { locateImage } from '../oci/node-image.ts';
import { parseImageName } from '../oci/image-name.ts';
import { parsePlatform } from '../oci/platform.ts';
import type { StoredImage } from '../oci/store/image-store.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { interruptible } from './action.ts';
import { findImage } from './assets.ts';
import { pull } from './commands/pull.ts';
import { openStore, storeFolder } from './registry-settings.ts';

export type PullPolicy = 'missing' | 'always' | 'never';

export interface FindFlags {
  readonly platform?: string | undefined;
  readonly pull: PullPolicy;
  /** Say nothing while pulling. */
  readonly quiet?: boolean;
}

/** Throws what pulling throws, or NOT_FOUND. */
export async function findRunImage(
  text: string,
  { platform, pull: policy, quiet = false }: FindFlags,
): Promise<string> {
  if (/^\.{0,2}\//.test(text)) return text;
  if (policy !== 'always') {
    const stored = await openStore().findIfThere(text);
    if (stored !== undefined && isFor(stored, platform)) return placeOf(stored);
    const builtIn = findImage(text);
    if (builtIn !== text || isPlace(text)) return builtIn;
  }
  if (policy === 'never')
    throw new VivariumError(
      ErrorCodes.NOT_FOUND,
      `there is no image ${JSON.stringify(text)} here; get it with viv pull, or give a layout folder or an image archive`,
    );
  const name = parseImageName(text);
  if (policy === 'missing' && !quiet)
    process.stderr.write(`viv: there is no image ${JSON.stringify(text)} here, so it is pulled\n`);
  await interruptible((signal) => pull(name, { platform, quiet, signal }));
  return placeOf(await openStore().find(text));
}

function isFor({ manifest }: StoredImage, platform: string | undefined): boolean {
  if (platform === undefined || manifest.platform === undefined) return true;
  const { os, architecture } = parsePlatform(platform);
  return manifest.platform.os === os && manifest.platform.architecture === architecture;
}

function isPlace(text: string): boolean {
  try {
    locateImage(text);
    return true;
  } catch {
    return false;
  }
}

function placeOf({ manifest }: StoredImage): string {
  return `${storeFolder()}:${manifest.digest}`;
}
