/** `viv info`: what there is on this host (docker info, also `viv system info`). Docker's names where it has such a thing. */
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { Status } from '../../container/lifecycle/state.ts';
import { listBlobs } from '../../oci/store/collect.ts';
import { action } from '../action.ts';
import { BUILT_IN_IMAGES, kernelVersion } from '../assets.ts';
import { openContainers } from '../containers.ts';
import { formatPage, type Page } from '../format/page.ts';
import { humanSize } from '../format/human.ts';
import { folderUsage, hostMemory } from '../host.ts';
import { cacheFolder, configFolder, packageRoot } from '../paths.ts';
import { openStore, storeFolder } from '../registry-settings.ts';
import { coreHash, orReason, packageVersions } from '../versions.ts';
import { wasmFeatures } from '../wasm-features.ts';

/** Folders of the cache, and what `viv info` calls them. */
const CACHES = { layers: 'Layers', snapshots: 'Snapshots', 'package-guest': 'Guest', 'site-assets': 'Site' };

export function infoCommand(): Command {
  return new Command('info')
    .summary('show what there is on this host')
    .description(
      'Shows versions, how many containers, pods and images there are, what the image store and the cache have, what of\n' +
        'WebAssembly there is, and the host. Sizes are bytes with --format.',
    )
    .option('-f, --format <format>', 'json, or a Go template')
    .addHelpText('after', "\nExample:\n  viv info --format '{{.Images}} images, {{.MemTotal}} bytes of memory'")
    .action(
      action(async ({ format }: { readonly format?: string }) => {
        const page = await infoPage();
        process.stdout.write(formatPage(format === undefined ? forPeople(page) : page, format));
      }),
    );
}

async function infoPage(): Promise<Page> {
  const store = openStore();
  const blobs = await listBlobs(store);
  const memory = hostMemory();
  const caches: Record<string, Page> = {};
  for (const [name, title] of Object.entries(CACHES)) {
    const { count, size } = await folderUsage(join(cacheFolder(), name));
    caches[title] = { Files: count, Size: size };
  }
  const wasm = wasmFeatures();
  return {
    Version: packageVersions().version,
    Core: orReason(coreHash),
    KernelVersion: orReason(kernelVersion),
    ...(await containerCounts()),
    Images: (await store.images()).length,
    BuiltInImages: BUILT_IN_IMAGES,
    Store: { Folder: storeFolder(), Blobs: blobs.length, Size: blobs.reduce((sum, { size }) => sum + size, 0) },
    Cache: { Folder: cacheFolder(), ...caches },
    ConfigFolder: configFolder(),
    InstallFolder: packageRoot(),
    WebAssembly: Object.entries(wasm)
      .filter(([, isThere]) => isThere)
      .map(([name]) => name),
    SharedArrayBuffer: typeof SharedArrayBuffer === 'function',
    NodeVersion: process.versions.node,
    V8Version: process.versions.v8,
    OSType: process.platform,
    OSRelease: release(),
    Architecture: process.arch,
    NCPU: availableParallelism(),
    MemTotal: memory.total,
    MemAvailable: memory.available,
  };
}

/** Docker's: what waits to be started again counts as stopped. */
async function containerCounts(): Promise<Page> {
  const store = openContainers();
  await store.settle();
  const { containers } = await store.list();
  const count = (status: Status): number => containers.filter(({ state }) => state.status === status).length;
  const [running, paused] = [count('running'), count('paused')];
  return {
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running - paused,
    Pods: (await store.pods.list()).pods.length,
  };
}

const SIZES = ['Size', 'MemTotal', 'MemAvailable'];

function forPeople(page: Page): Page {
  return Object.fromEntries(
    Object.entries(page).map(([name, value]) => {
      if (SIZES.includes(name)) return [name, humanSize(value as number)];
      const isNested = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [name, isNested ? forPeople(value as Page) : value];
    }),
  );
}
