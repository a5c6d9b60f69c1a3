/**
 * What `cp`, `diff`, `commit` and `export` need of a container's files, wherever the container is: guest-files.ts has it for a
 * guest at hand. Paths are the container's, absolute; links in them are followed as in the container, and never out of it.
 */

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Nanoseconds since the epoch. */
  readonly mtimeNs: bigint;
  /** Of a symbolic link: its target as written, and the path where it leads, if there is something. */
  readonly target: string;
  readonly resolved: string | undefined;
}

/** A line of `docker diff`. */
export interface ContainerChange {
  /** New, changed or gone. */
  readonly kind: 'A' | 'C' | 'D';
  readonly path: string;
}

export interface FilesOptions {
  /** Is told, in one line each, what is left out or not as it was. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Every method may throw NOT_FOUND (no such path), NO_SPACE, CONFLICT (a folder where there should be none, or the other way
 * round) or FILES. A stream that its reader gives up ends the work.
 */
export interface ContainerFiles {
  /** Of the last name itself, if it is a symbolic link; of where it leads, if the path ends in a slash. */
  stat(path: string): Promise<FileStat>;
  /** A tar archive (PAX) of a file or tree that is called `name` in it, or `.`; with extended attributes. */
  readTar(path: string, name: string, options?: FilesOptions): AsyncIterable<Uint8Array>;
  /**
   * Unpacks an archive as `readTar` and rewriteTar make it into a folder that is there. What is in the way is replaced, but no
   * folder by something else.
   */
  writeTar(folder: string, tar: AsyncIterable<Uint8Array>, options?: FilesOptions): Promise<void>;
  /** What the container changed of its image. A folder comes before what is in it. */
  changes(): Promise<ContainerChange[]>;
  /** The same as an image layer (image-spec v1.1, layer.md). */
  layerTar(options?: FilesOptions): AsyncIterable<Uint8Array>;
  /** A tar archive of the whole root filesystem. */
  exportTar(options?: FilesOptions): AsyncIterable<Uint8Array>;
}

/** What is in a folder. */
export interface FileEntry extends FileStat {
  readonly name: string;
}

/**
 * Files one at a time, as somebody works with them who is root there. Paths as above. Every method may
 * throw NOT_FOUND (no such path), NO_SPACE, CONFLICT (a folder where there should be none, or the other way round; a
 * folder that is not empty) or FILES.
 */
export interface EditableFiles {
  /** The whole file. Throws LIMIT when it is longer than `bytesMax`, by default 16 MiB. */
  read(path: string, options?: { readonly bytesMax?: number }): Promise<Uint8Array>;
  /**
   * Writes a file, in a folder that is there. One that is there keeps its owner and, unless `mode` is given, its mode;
   * a new one is root's, with mode 0644.
   */
  write(path: string, bytes: Uint8Array, options?: { readonly mode?: number }): Promise<void>;
  /** In the order of their names' bytes. */
  list(path: string): Promise<FileEntry[]>;
  /** As {@link ContainerFiles.stat}. */
  stat(path: string): Promise<FileStat>;
  /** Makes a folder, and those above it that are not there; nothing when it is there. Mode 0755. */
  mkdir(path: string, options?: { readonly mode?: number }): Promise<void>;
  /** Removes a file or an empty folder, or with `recursive` a folder with all that is in it; a link, not where it leads. */
  remove(path: string, options?: { readonly recursive?: boolean }): Promise<void>;
  /** As rename(2): what is at `to` is replaced, if it is no folder with something in it. */
  rename(from: string, to: string): Promise<void>;
}
