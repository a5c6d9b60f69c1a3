/**
 * Guests' parts: kernel, initramfs and images. In a checkout they are what the set-up has built, as build/assets.json names it; an
 * installed package brings its own.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { packedGuest, unpackGuest } from './packed-guest.ts';
import { cachedKernel, packageRoot } from './paths.ts';

const LIST = 'build/assets.json';

interface Assets {
  readonly kernel: string;
  readonly initramfs: string;
  /** Folder of an image's layout by the image's name. */
  readonly images: Readonly<Record<string, string>>;
  /** The same of the images that labs bring; a package has none. */
  readonly labImages?: Readonly<Record<string, string>>;
}

/** Images that the set-up makes. */
export const BUILT_IN_IMAGES: readonly string[] = ['busybox'];
/** Images of the labs, which the set-up makes too, in a checkout. */
export const LAB_IMAGES: readonly string[] = ['lab-shell', 'lab-machine'];
const LATEST = ':latest';

function readAssets(): Assets {
  const path = join(packageRoot(), LIST);
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Assets;
  const packed = packedGuest();
  if (packed === undefined) throw notBuilt('the guest');
  const folder = unpackGuest(packed);
  const at = (name: string): string => join(folder, name);
  return {
    kernel: at(packed.kernel),
    initramfs: at(packed.initramfs),
    images: Object.fromEntries(Object.entries(packed.images).map(([name, inside]) => [name, at(inside)])),
  };
}

/** Whether this is a checkout, whose guest the set-up builds, rather than an installed package. */
export function isCheckout(): boolean {
  return existsSync(join(packageRoot(), LIST)) || packedGuest() === undefined;
}

/** Where kernel and initramfs of our guest are. Throws NOT_BUILT; in a package also NO_SPACE or NOT_FOUND, when it can't be unpacked. */
export function guestPaths(): { kernel: string; initramfs: string } {
  return readAssets();
}

/** Debian's version of the kernel's source. Throws what guestPaths does. */
export function kernelVersion(): string {
  const packed = isCheckout() ? undefined : packedGuest();
  if (packed !== undefined) return packed.kernelVersion;
  const manifest = join(dirname(guestPaths().kernel), 'manifest.json');
  return (JSON.parse(readBuilt(manifest, 'the guest kernel').toString()) as { sourceVersion: string }).sourceVersion;
}

/** The kernel that `viv boot` takes: an installed package's own, else the newest in the cache. Throws what guestPaths does. */
export function defaultKernel(): string {
  return isCheckout() ? cachedKernel() : guestPaths().kernel;
}

/** Kernel and initramfs of our guest. Throws what guestPaths does. */
export function readGuest(): { kernel: Uint8Array; initramfs: Uint8Array } {
  const { kernel, initramfs } = readAssets();
  return { kernel: readBuilt(kernel, 'the guest kernel'), initramfs: readBuilt(initramfs, "the guest's initramfs") };
}

/** Where an image is: a built-in one by its name, anything else as it was given. Throws what guestPaths does. */
export function findImage(text: string): string {
  const name = text.endsWith(LATEST) ? text.slice(0, -LATEST.length) : text;
  const isLabs = LAB_IMAGES.includes(name);
  if (!isLabs && !BUILT_IN_IMAGES.includes(name)) return text;
  const assets = readAssets();
  const folder = isLabs ? assets.labImages?.[name] : assets.images[name];
  if (isLabs && folder === undefined && !isCheckout())
    throw new VivariumError(
      ErrorCodes.NOT_FOUND,
      `the image ${name} is not in the package; use a checkout of Vivarium, or write another image into lab.yaml`,
    );
  if (folder === undefined || !existsSync(folder)) throw notBuilt(`the image ${name}`);
  return folder;
}

function readBuilt(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw notBuilt(what, error);
  }
}

function notBuilt(what: string, cause?: unknown): VivariumError {
  return new VivariumError(ErrorCodes.NOT_BUILT, `${what} is not built yet; run npm start once`, { cause });
}
