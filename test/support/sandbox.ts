/** A sandbox on our own machine, as the command line puts it together. Needs the build. Node only. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { nodeImages } from '../../src/sandbox/node-image.ts';
import type { SandboxParts } from '../../src/sandbox/sandbox.ts';
import { startNodeMachine } from '../../src/worker/node.ts';
import { CORE_PATH } from './core-module.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const WORKER_SCRIPT = pathToFileURL(join(PROJECT, 'dist/src/cli/machine-worker.js'));

interface Assets {
  kernel: string;
  initramfs: string;
  images: { busybox: string };
}

/** What the set-up has built. */
export function builtAssets(): Assets {
  return JSON.parse(readFileSync(join(PROJECT, 'build/assets.json'), 'utf8')) as Assets;
}

/** What a test has instead of what was built. */
export interface Changes extends Partial<SandboxParts> {
  readonly kernel?: Uint8Array;
  readonly initramfs?: Uint8Array;
}

export function sandboxParts(cache: string, { kernel, initramfs, ...change }: Changes = {}): SandboxParts {
  const built = builtAssets();
  return {
    startMachine: (start) => startNodeMachine({ script: WORKER_SCRIPT, ...start }),
    core: readFileSync(CORE_PATH),
    readGuest: () => ({
      kernel: kernel ?? readFileSync(built.kernel),
      initramfs: initramfs ?? readFileSync(built.initramfs),
    }),
    prepareImage: nodeImages(join(cache, 'layers')),
    scratchFolder: join(cache, 'scratch'),
    ...change,
  };
}
