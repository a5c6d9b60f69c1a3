/** What a sandbox is made of, as the set-up built it and in the places that the command line knows. */
import { join } from 'node:path';
import { nodeImages } from '../sandbox/node-image.ts';
import type { SandboxParts } from '../sandbox/sandbox.ts';
import { startNodeMachine } from '../worker/node.ts';
import { readGuest } from './assets.ts';
import { cacheFolder, readCore } from './paths.ts';
import { workerScript } from './worker-script.ts';

/** Throws NOT_BUILT. */
export function sandboxParts(): SandboxParts {
  return {
    startMachine: (start) => startNodeMachine({ script: workerScript(), ...start }),
    core: readCore(),
    ...readGuest(),
    prepareImage: nodeImages(join(cacheFolder(), 'layers')),
    scratchFolder: join(cacheFolder(), 'scratch'),
  };
}
