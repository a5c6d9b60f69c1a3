/** What this is: version, core, guest kernel, and what runs us. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { VivariumError } from '../util/errors.ts';
import { packageRoot, readCore } from './paths.ts';

const SHOWN_HASH_LENGTH = 12;

export interface Versions {
  readonly version: string;
  /** Oldest Node that package.json allows, as `20.19.0`. */
  readonly oldestNode: string;
}

export function packageVersions(): Versions {
  const { version, engines } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
    engines: { node: string };
  };
  return { version, oldestNode: engines.node.replace(/^>=/, '') };
}

/** The first twelve digits of the SHA-256 of core.wasm. Throws NOT_BUILT. */
export function coreHash(): string {
  return createHash('sha256').update(readCore()).digest('hex').slice(0, SHOWN_HASH_LENGTH);
}

/** What `read` gives, or why there is nothing, for pages that tell of many things. */
export function orReason(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (error instanceof VivariumError) return `not there (${error.code})`;
    throw error;
  }
}
