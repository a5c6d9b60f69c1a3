/** Joins a machine's byte streams to the process's own, with backpressure both ways. */
import type { Writable } from 'node:stream';

/** What {@link pumpInput} writes to: a MachineStream. */
export interface InputTarget {
  send(bytes: Uint8Array): void;
  drained(): Promise<void>;
}

/** A sink that resolves when the stream took the bytes. Rejects when it broke (EPIPE). */
export function writeTo(stream: Writable): (bytes: Uint8Array) => Promise<void> {
  // Without a listener, an error would end the process before the write's own callback tells us.
  stream.on('error', () => {});
  return (bytes) =>
    new Promise((resolve, reject) => {
      stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
}

/**
 * Passes on what arrives, pausing while the guest takes none. `transform` may filter it (undefined: stop reading).
 * Returns what ends it.
 */
export function pumpInput(
  source: NodeJS.ReadStream,
  target: InputTarget,
  transform: (bytes: Uint8Array) => Uint8Array | undefined,
  onEnd: () => void,
): () => void {
  const onData = (chunk: Buffer): void => {
    const bytes = transform(chunk);
    if (bytes === undefined) return;
    target.send(bytes);
    source.pause();
    void target.drained().then(() => {
      if (!isStopped) source.resume();
    });
  };
  let isStopped = false;
  source.on('data', onData);
  source.once('end', onEnd);
  return () => {
    isStopped = true;
    source.off('data', onData);
    source.off('end', onEnd);
    source.pause();
    source.unref?.();
  };
}
