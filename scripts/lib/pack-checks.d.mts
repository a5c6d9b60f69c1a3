/** See pack-checks.mjs. */
export interface Promises {
  files: readonly string[];
  bin: Readonly<Record<string, string>>;
  exports: { '.': Readonly<Record<string, string>> };
}
export function checkPromises(manifest: Promises, exists: (path: string) => boolean): void;
export function checkDependencies(manifest: { dependencies?: Readonly<Record<string, string>> }): void;
