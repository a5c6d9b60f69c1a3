/** What is written on an otherwise empty disk. */
export interface DiskPart {
  /** In bytes from the start. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}
