/** A store's place in memory, with faults on request: what a store may expect of a browser, too. */
import { notFound } from '../../src/oci/fail.ts';
import type { GrowingFile, StoreFiles, StoredFile } from '../../src/oci/store/files.ts';

/** Several of these may share one `MemoryDisk`, as processes share a disk. */
export class MemoryDisk {
  readonly files = new Map<string, { bytes: Uint8Array; modifiedMs: number }>();
  readonly living = new Set<string>();
  nowMs = 1_000_000;
  counter = 0;
  lock: Promise<unknown> = Promise.resolve();
}

export class MemoryStoreFiles implements StoreFiles {
  readonly what = '"memory"';
  readonly owner: string;
  /** Called before each change; what it throws comes out of the change. */
  onChange: (what: string, path: string) => void = () => {};
  readonly disk: MemoryDisk;

  constructor(disk = new MemoryDisk()) {
    this.disk = disk;
    this.owner = `owner-${++disk.counter}`;
    disk.living.add(this.owner);
  }

  /** As if its process had been killed. */
  kill(): void {
    this.disk.living.delete(this.owner);
  }

  list(folder: string): Promise<readonly StoredFile[]> {
    const prefix = `${folder}/`;
    const names = [...this.disk.files.keys()].filter(
      (path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
    );
    return Promise.resolve(names.map((path) => this.#info(path)!));
  }

  stat(path: string): Promise<StoredFile | undefined> {
    return Promise.resolve(this.#info(path));
  }

  async *read(path: string, offset = 0): AsyncGenerator<Uint8Array> {
    const file = this.disk.files.get(path);
    if (file === undefined) throw notFound(`"memory" has no "${path}"`);
    yield file.bytes.slice(offset);
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.#change('write', path, () => this.#put(path, bytes.slice()));
  }

  async grow(path: string): Promise<GrowingFile> {
    await this.#change('grow', path, () => {
      if (!this.disk.files.has(path)) this.#put(path, new Uint8Array(0));
    });
    const bytes = (): Uint8Array => this.disk.files.get(path)!.bytes;
    return {
      get size() {
        return bytes().length;
      },
      append: (more) => this.#change('append', path, () => this.#put(path, Buffer.concat([bytes(), more]))),
      reset: () => this.#change('reset', path, () => this.#put(path, new Uint8Array(0))),
      sync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', to, () => {
      this.disk.files.set(to, this.disk.files.get(from)!);
      this.disk.files.delete(from);
    });
  }

  remove(path: string): Promise<void> {
    return this.#change('remove', path, () => this.disk.files.delete(path));
  }

  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.disk.lock.then(action);
    this.disk.lock = result.catch(() => {});
    return result;
  }

  isAlive(owner: string): Promise<boolean> {
    return Promise.resolve(this.disk.living.has(owner));
  }

  uniqueName(): string {
    return String(++this.disk.counter);
  }

  nowMs(): number {
    return this.disk.nowMs;
  }

  async sleep(_milliseconds: number, signal?: AbortSignal): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
    signal?.throwIfAborted();
  }

  #info(path: string): StoredFile | undefined {
    const file = this.disk.files.get(path);
    return (
      file && { name: path.slice(path.lastIndexOf('/') + 1), size: file.bytes.length, modifiedMs: file.modifiedMs }
    );
  }

  #put(path: string, bytes: Uint8Array): void {
    this.disk.files.set(path, { bytes, modifiedMs: this.disk.nowMs });
  }

  async #change(what: string, path: string, change: () => unknown): Promise<void> {
    this.onChange(what, path);
    change();
  }
}
