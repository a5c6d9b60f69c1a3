/**
 * Named files of an image layout or archive, wherever they are: a folder (node-folder.ts) or a tar (archive.ts).
 */

export interface ImageFiles {
  /** Names the place in messages. */
  readonly what: string;
  /** Size of a regular file in bytes, or `undefined` when there is none. `path` is relative, with `/`, without `..`. */
  size(path: string): Promise<number | undefined>;
  /** Its bytes. Throws NOT_FOUND when there is none. */
  open(path: string): AsyncIterable<Uint8Array>;
  close(): void;
}
