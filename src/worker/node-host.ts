/** The platform of a machine on a Node thread. Node only. */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import type { MachineHost } from '../machine/host.ts';

const NS_PER_MS = 1e6;

// Translated code says which of its branches are rare (src/core/translator.ts). Engines of today want to be told to listen.
setFlagsFromString('--experimental-wasm-branch-hinting');

/** Time, randomness and scheduling of the thread that this runs on. */
export function nodeHost(): MachineHost {
  const never = new Int32Array(new SharedArrayBuffer(4));
  return {
    monotonicNs: () => performance.now() * NS_PER_MS,
    unixMs: () => Date.now(),
    fillRandom: (target) => {
      globalThis.crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
    },
    soon: (callback) => {
      setImmediate(callback);
    },
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    pause: (delayMs) => {
      Atomics.wait(never, 0, 0, delayMs);
    },
  };
}
