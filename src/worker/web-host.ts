/** The platform of a machine in a browser's worker. */
import type { MachineHost } from '../machine/host.ts';

const NS_PER_MS = 1e6;

/** Time, randomness and scheduling of the worker that this runs in. A page that is not isolated has no short sleep. */
export function webHost(): MachineHost {
  // A message to oneself comes after what waits, and unlike setTimeout is not slowed down to 4 ms.
  const { port1, port2 } = new MessageChannel();
  const callbacks: (() => void)[] = [];
  port1.onmessage = () => callbacks.shift()?.();
  return {
    monotonicNs: () => performance.now() * NS_PER_MS,
    unixMs: () => Date.now(),
    fillRandom: (target) => {
      crypto.getRandomValues(target as Uint8Array<ArrayBuffer>);
    },
    soon: (callback) => {
      callbacks.push(callback);
      port2.postMessage(null);
    },
    after: (delayMs, callback) => {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    ...shortSleep(),
  };
}

function shortSleep(): Pick<MachineHost, 'pause'> {
  if (!globalThis.crossOriginIsolated) return {};
  const never = new Int32Array(new SharedArrayBuffer(4));
  return { pause: (delayMs) => void Atomics.wait(never, 0, 0, delayMs) };
}
