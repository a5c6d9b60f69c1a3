/** See bundled-packages.mjs. */
import type { Plugin } from 'vite';

export function packageOf(moduleId: string): string | undefined;
export function collectPackages(names: Set<string>): Plugin;
export function writeBundled(name: string, packages: Iterable<string>): void;
export function readBundled(...lists: string[]): string[];
