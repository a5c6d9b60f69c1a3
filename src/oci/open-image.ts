/** Tells by content what kind of image a place holds, and opens it. */
import { DOCKER_MANIFEST_FILE, openDockerSave } from './docker-save.ts';
import { badImage } from './fail.ts';
import type { ImageFiles } from './files.ts';
import type { Image, ImageOptions } from './image.ts';
import { INDEX_FILE, LAYOUT_FILE, openLayout } from './layout.ts';

/**
 * Opens one image of a layout or archive; `reference` is needed when there are several. Nothing of the layers is read
 * yet. Throws BAD_IMAGE, DIGEST_MISMATCH, UNSUPPORTED_PLATFORM, LIMIT or NOT_FOUND.
 */
export async function openImage(
  files: ImageFiles,
  reference: string | undefined,
  options: ImageOptions,
): Promise<Image> {
  // Since docker 25 an archive is both; the layout says more.
  if ((await files.size(INDEX_FILE)) !== undefined) return openLayout(files, reference, options);
  if ((await files.size(DOCKER_MANIFEST_FILE)) !== undefined) return openDockerSave(files, reference, options);
  throw badImage(
    `${files.what} is not an image: it has neither ${INDEX_FILE} and ${LAYOUT_FILE} (OCI) nor ${DOCKER_MANIFEST_FILE} (docker save)`,
  );
}
