/** See pack-notices.mjs. */
export function npmNotices(): string[];
