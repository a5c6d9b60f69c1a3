/** Types of cache.mjs, for tests. */
export function cacheDir(): string;
export function hashParts(...parts: (string | Uint8Array)[]): string;
export function temporaryFolder(kind: string): string;
