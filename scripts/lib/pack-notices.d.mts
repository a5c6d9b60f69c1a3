/** See pack-notices.mjs. */
export function npmNotices(bundled: readonly string[]): string[];
