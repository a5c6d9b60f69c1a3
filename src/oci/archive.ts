/**
 * The files inside a tar archive of an image, uncompressed and readable at any offset. Symbolic and hard links inside the
 * archive are followed (docker used to store a repeated layer so) and never lead anywhere else.
 */
import { type ClosableContent, type ContentSource, sliceContent, streamContent } from './content.ts';
import { badImage, notFound, overLimit, quote } from './fail.ts';
import type { ImageFiles } from './files.ts';
import type { ImageLimits } from './limits.ts';
import { readTar } from './tar.ts';

const MAX_LINKS = 8;

type ArchiveFile = { readonly content: ContentSource } | { readonly link: string | undefined };

/** A path without `.` and `..`, or `undefined` when it is absolute or leaves the archive. */
export function normalizeArchivePath(path: string): string | undefined {
  if (path.startsWith('/')) return undefined;
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') {
      if (names.pop() === undefined) return undefined;
    } else if (name !== '' && name !== '.') {
      names.push(name);
    }
  }
  return names.join('/');
}

/** Indexes the archive. Throws BAD_IMAGE or LIMIT. On success the result owns `content`; on failure the caller still does. */
export function openArchive(content: ClosableContent, what: string, limits: ImageLimits): ImageFiles {
  const files = new Map<string, ArchiveFile>();
  let count = 0;
  for (const entry of readTar(content, { what, limits, requireEnd: true })) {
    if (++count > limits.archiveEntries) throw overLimit(`${what} holds more than ${limits.archiveEntries} files`);
    const path = normalizeArchivePath(entry.path);
    if (path === undefined) throw badImage(`${what} holds ${quote(entry.path)}, a path that leaves the archive`);
    if (entry.type === 'file') {
      files.set(path, { content: sliceContent(content, entry.offset, entry.size) });
    } else if (entry.type === 'symlink' || entry.type === 'hardlink') {
      const folder = entry.type === 'symlink' ? path.slice(0, path.lastIndexOf('/') + 1) : '';
      files.set(path, {
        link: entry.linkPath.startsWith('/') ? undefined : normalizeArchivePath(folder + entry.linkPath),
      });
    }
    // Folders show in their files' paths; devices and pipes are nothing that an image is made of.
  }
  return new ArchiveFiles(files, content, what);
}

class ArchiveFiles implements ImageFiles {
  readonly what: string;
  readonly #files: ReadonlyMap<string, ArchiveFile>;
  readonly #content: ClosableContent;

  constructor(files: ReadonlyMap<string, ArchiveFile>, content: ClosableContent, what: string) {
    this.#files = files;
    this.#content = content;
    this.what = what;
  }

  #find(path: string): ContentSource | undefined {
    let at: string | undefined = normalizeArchivePath(path);
    for (let links = 0; at !== undefined && links <= MAX_LINKS; links++) {
      const file = this.#files.get(at);
      if (file === undefined) return undefined;
      if ('content' in file) return file.content;
      at = file.link;
    }
    throw badImage(`${this.what} holds ${quote(path)} as a link that leads nowhere`);
  }

  size(path: string): Promise<number | undefined> {
    return Promise.resolve().then(() => this.#find(path)?.size);
  }

  async *open(path: string): AsyncGenerator<Uint8Array> {
    const content = this.#find(path);
    if (content === undefined) throw notFound(`${this.what} has no ${quote(path)}; the image is incomplete`);
    yield* streamContent(content);
  }

  close(): void {
    this.#content.close();
  }
}
