/**
 * A container's files through its guest, by viv-files (file-tool.ts). The container may run, stand still or have ended; its root
 * filesystem is mounted.
 */
import { collect } from '../oci/blob.ts';
import type { ContainerChange, ContainerFiles, FilesOptions, FileStat } from './container-files.ts';
import { feedTool, parseStat, readTool, splitFields, type ToolClient } from './file-tool.ts';

const STAT_BYTES_MAX = 65536;
/** Some hundred thousand paths; nobody reads more. */
const CHANGES_BYTES_MAX = 64 * 2 ** 20;

/** Where a container's files are in its guest; a RootfsPlan has the first three. */
export interface FilesPlace {
  /** The root filesystem, or `/proc/PID/root` of a process of the container, which sees volumes too. */
  readonly path: string;
  readonly upper: string;
  /** The topmost first. */
  readonly lowers: readonly string[];
  /**
   * Paths of the container on which its runtime mounts something: it makes them where the image has none, so what is empty
   * there is not the container's doing.
   */
  readonly mountPoints?: readonly string[];
}

export class GuestFiles implements ContainerFiles {
  readonly #client: ToolClient;
  readonly #place: FilesPlace;

  constructor(client: ToolClient, place: FilesPlace) {
    this.#client = client;
    this.#place = place;
  }

  async stat(path: string): Promise<FileStat> {
    const bytes = await collect(
      this.#read(['stat', this.#place.path, path]),
      STAT_BYTES_MAX,
      `what is known of ${path}`,
    );
    return parseStat(splitFields(bytes));
  }

  readTar(path: string, name: string, options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['tar', this.#place.path, path, name], options);
  }

  writeTar(folder: string, tar: AsyncIterable<Uint8Array>, options?: FilesOptions): Promise<void> {
    return feedTool(this.#client, ['untar', this.#place.path, folder], tar, options);
  }

  async changes(): Promise<ContainerChange[]> {
    const words = ['changes', this.#place.upper, ...this.#omitted(), ...this.#place.lowers];
    const bytes = await collect(this.#read(words), CHANGES_BYTES_MAX, 'the list of changes');
    return splitFields(bytes).map((record) => ({ kind: record[0] as ContainerChange['kind'], path: record.slice(1) }));
  }

  layerTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['layer', this.#place.upper, ...this.#omitted()], options);
  }

  exportTar(options?: FilesOptions): AsyncIterable<Uint8Array> {
    return this.#read(['export', this.#place.path], options);
  }

  #omitted(): string[] {
    return (this.#place.mountPoints ?? []).flatMap((path) => ['-o', path]);
  }

  #read(words: string[], options?: FilesOptions): AsyncGenerator<Uint8Array> {
    return readTool(this.#client, words, options);
  }
}
