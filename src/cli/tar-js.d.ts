/** tar-js has no types of its own; this is the part that we use. */
declare module 'tar-js' {
  export default class Tar {
    /** Adds a file; returns the whole archive so far. A name is ASCII and at most 100 characters long. */
    append(
      name: string,
      content: Uint8Array,
      options: { readonly mode: number; readonly mtime: number; readonly uid?: number },
    ): Uint8Array;
  }
}
