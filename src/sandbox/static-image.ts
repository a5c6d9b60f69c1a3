/** Prepares images that are files of a web server (src/oci/static): their description at once, their layers as they are read. */
import { IDENTITY_NAMES, type IdentityName } from '../container/identity-files.ts';
import { choosePlatform, parsePlatform } from '../oci/platform.ts';
import { parseStaticImage } from '../oci/static/read.ts';
import type { PreparedImage, PrepareImage } from './image.ts';

export interface StaticImagesOptions {
  /** The address of an image's description, image.json. Throws NOT_FOUND when there is no such image. */
  readonly locate: (image: string) => URL;
  /** Fetches a small file. Rejects with NOT_FOUND or NETWORK. */
  readonly fetchBytes: (url: URL, signal: AbortSignal) => Promise<Uint8Array>;
}

/** Throws what locating, fetching and reading a description may: NOT_FOUND, NETWORK, BAD_IMAGE, LIMIT, UNSUPPORTED_PLATFORM. */
export function staticImages({ locate, fetchBytes }: StaticImagesOptions): PrepareImage {
  return async ({ image: name, platform, signal }): Promise<PreparedImage> => {
    const url = locate(name);
    const what = `the image ${JSON.stringify(name)}`;
    const image = parseStaticImage(await fetchBytes(url, signal), what);
    choosePlatform([image], platform === undefined ? undefined : parsePlatform(platform), what);
    const isIdentity = (file: string): file is IdentityName => (IDENTITY_NAMES as readonly string[]).includes(file);
    return {
      ...image,
      takesIdentity: image.takesIdentity.filter(isIdentity),
      layers: image.layers.map(({ file, ...shape }) => ({
        byteCount: shape.byteCount,
        remote: { url: new URL(file, url).href, ...shape },
      })),
    };
  };
}
