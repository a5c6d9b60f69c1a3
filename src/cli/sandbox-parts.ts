/** What a sandbox is made of, as the set-up built it and in the places that the command line knows. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import type { ComputerParts } from '../sandbox/computer-options.ts';
import { nodeImages } from '../sandbox/node-image.ts';
import type { SandboxParts } from '../sandbox/sandbox.ts';
import type { SnapshotStore } from '../sandbox/start-guest.ts';
import { startNodeMachine } from '../worker/node.ts';
import { guestPaths, readGuest } from './assets.ts';
import { FileHashes } from './file-hashes.ts';
import { nodeKeptDisks } from './kept-disks.ts';
import { cacheFolder, dataFolder, readCore } from './paths.ts';
import { SnapshotCache } from './snapshot-cache.ts';
import { isBundled, workerScript } from './worker-script.ts';

export interface PartsOptions {
  /** Whether guests go on from a booted one in the cache. Default: unless VIVARIUM_WARM is 0. */
  readonly warm?: boolean | undefined;
  /** Is told, in one line, when a booted guest can't be used or kept. */
  readonly notice?: (text: string) => void;
}

let earlyWorker: Worker | undefined;

/** The first machine takes this worker, which has been loading since before we were. */
export function useWorker(worker: Worker | undefined): void {
  earlyWorker = worker;
}

/** Throws NOT_BUILT. */
export function sandboxParts({
  warm = process.env['VIVARIUM_WARM'] !== '0',
  notice = () => {},
}: PartsOptions = {}): SandboxParts {
  const core = readCore();
  return {
    startMachine: (start) => {
      const script = earlyWorker ?? workerScript();
      earlyWorker = undefined;
      return startNodeMachine({ script, ...start });
    },
    core,
    readGuest,
    prepareImage: nodeImages(join(cacheFolder(), 'layers')),
    scratchFolder: join(cacheFolder(), 'scratch'),
    // Modules of their own change one at a time while somebody works on them, and nobody would notice.
    snapshots: warm && isBundled() ? snapshots(core, notice) : undefined,
  };
}

/** The same for computers, whose disks are kept with the user's data. Throws NOT_BUILT. */
export function computerParts(options: PartsOptions = {}): ComputerParts {
  return { ...sandboxParts(options), kept: nodeKeptDisks(join(dataFolder(), 'computers')) };
}

/** Undefined where there is no cache to keep them in. */
function snapshots(core: Uint8Array, notice: (text: string) => void): SnapshotStore | undefined {
  const folder = join(cacheFolder(), 'snapshots');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    return undefined;
  }
  const hashes = new FileHashes(join(folder, 'hashes.json'));
  const { kernel, initramfs } = guestPaths();
  const parts = {
    core: sha256(core),
    devices: sha256(readFileSync(workerScript())),
    kernel: hashes.sha256(kernel),
    initramfs: hashes.sha256(initramfs),
  };
  return new SnapshotCache({ folder, parts, notice });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
