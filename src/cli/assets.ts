/** What the set-up has built for guests: kernel, initramfs and images, as build/assets.json names them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { packageRoot } from './paths.ts';

const LIST = 'build/assets.json';

interface Assets {
  readonly kernel: string;
  readonly initramfs: string;
  /** Folder of an image's layout by the image's name. */
  readonly images: Readonly<Record<string, string>>;
}

/** Images that the set-up makes. */
const BUILT_IN_IMAGES: readonly string[] = ['busybox'];
const LATEST = ':latest';

function readAssets(): Assets {
  const path = join(packageRoot(), LIST);
  if (!existsSync(path)) throw notBuilt('the guest');
  return JSON.parse(readFileSync(path, 'utf8')) as Assets;
}

/** Where kernel and initramfs of our guest are. Throws NOT_BUILT. */
export function guestPaths(): { kernel: string; initramfs: string } {
  return readAssets();
}

/** Kernel and initramfs of our guest. Throws NOT_BUILT. */
export function readGuest(): { kernel: Uint8Array; initramfs: Uint8Array } {
  const { kernel, initramfs } = readAssets();
  return { kernel: readBuilt(kernel, 'the guest kernel'), initramfs: readBuilt(initramfs, "the guest's initramfs") };
}

/** Where an image is: a built-in one by its name, anything else as it was given. Throws NOT_BUILT. */
export function findImage(text: string): string {
  const name = text.endsWith(LATEST) ? text.slice(0, -LATEST.length) : text;
  if (!BUILT_IN_IMAGES.includes(name)) return text;
  const folder = readAssets().images[name];
  if (folder === undefined || !existsSync(folder)) throw notBuilt(`the image ${name}`);
  return folder;
}

function readBuilt(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw notBuilt(what, error);
  }
}

function notBuilt(what: string, cause?: unknown): VivariumError {
  return new VivariumError(ErrorCodes.NOT_BUILT, `${what} is not built yet; run npm start once`, { cause });
}
