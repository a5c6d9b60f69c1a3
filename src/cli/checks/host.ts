/** Checks of the host for `viv doctor`: Node, WebAssembly, memory, room on disks. */
import { humanSize } from '../format/human.ts';
import { freeSpace, type HostMemory, hostMemory } from '../host.ts';
import { cacheFolder, dataFolder } from '../paths.ts';
import { packageVersions } from '../versions.ts';
import { type WasmFeature, wasmFeatures } from '../wasm-features.ts';
import type { Finding } from './finding.ts';

/** A guest of the default size, and the process around it. */
const MEMORY_WANTED = 768 * 2 ** 20;
/** A booted guest of the default size, and the layers of a small image. */
const SPACE_WANTED = 512 * 2 ** 20;

export function checkNode(): Finding {
  return judgeNode(process.versions.node, packageVersions().oldestNode);
}

/** Versions are as in `20.19.0`. */
export function judgeNode(version: string, oldest: string): Finding {
  const [have, want] = [version, oldest].map((text) => text.split('.').map(Number));
  const [first] = want!.map((part, index) => (have![index] ?? 0) - part).filter((difference) => difference !== 0);
  if ((first ?? 0) < 0)
    return { problems: [`Node ${version} is too old; install Node ${oldest} or newer, from nodejs.org for instance`] };
  return { ok: [`Node ${version}`] };
}

export function checkWebAssembly(): Finding {
  return judgeWebAssembly(wasmFeatures(), typeof SharedArrayBuffer === 'function');
}

export function judgeWebAssembly(features: Readonly<Record<WasmFeature, boolean>>, hasSharedMemory: boolean): Finding {
  const all = { ...features, SharedArrayBuffer: hasSharedMemory };
  const missing = Object.entries(all).flatMap(([name, isThere]) => (isThere ? [] : [name]));
  if (missing.length === 0) return { ok: [`WebAssembly with ${Object.keys(all).join(', ')}`] };
  const remedy = 'start Node without options that switch it off (NODE_OPTIONS), or install a newer one';
  return { problems: [`WebAssembly here lacks ${missing.join(', ')}; ${remedy}`] };
}

export function checkMemory(): Finding {
  return judgeMemory(hostMemory());
}

export function judgeMemory({ total, available }: HostMemory): Finding {
  const line = `memory: ${humanSize(available)} of ${humanSize(total)} are free`;
  if (available >= MEMORY_WANTED) return { ok: [line] };
  const remedy = `a container takes up to ${humanSize(MEMORY_WANTED)}: end other programs, or give it less with --memory`;
  return { warnings: [`${line}; ${remedy}`] };
}

export function checkSpace(): Finding {
  const folders = [
    {
      what: 'the image store',
      folder: dataFolder(),
      remedy: 'remove images with viv system prune, or set VIVARIUM_HOME',
    },
    { what: 'the cache', folder: cacheFolder(), remedy: 'remove files in it, or set VIVARIUM_CACHE' },
  ];
  const findings = folders.map(({ what, folder, remedy }) => {
    try {
      return judgeSpace(`${what} ${folder}`, freeSpace(folder), remedy);
    } catch (error) {
      const why = (error as Error).message;
      return { problems: [`the room for ${what} ${folder} can't be told: ${why}; check the folder`] };
    }
  });
  return {
    ok: findings.flatMap(({ ok = [] }: Finding) => ok),
    warnings: findings.flatMap(({ warnings = [] }: Finding) => warnings),
    problems: findings.flatMap(({ problems = [] }: Finding) => problems),
  };
}

export function judgeSpace(what: string, bytes: number, remedy: string): Finding {
  const line = `disk: ${humanSize(bytes)} are free for ${what}`;
  return bytes >= SPACE_WANTED ? { ok: [line] } : { warnings: [`${line}; ${remedy}`] };
}
