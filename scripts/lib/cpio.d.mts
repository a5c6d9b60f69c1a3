/** See cpio.mjs. */
export interface CpioEntry {
  /** No leading slash. */
  path: string;
  /** With the file type's bits. */
  mode: number;
  data?: Buffer;
  device?: [major: number, minor: number];
}
export function cpio(entries: readonly CpioEntry[]): Buffer;
