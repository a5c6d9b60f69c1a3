/** A program's output as a stream whose reader sets the pace: what is not read makes the program wait in its write. */
import type { OutputSink } from './guest-process.ts';

/** What may wait unread before the program has to; a pipe's size on Linux. */
const BUFFER_BYTES = 65536;

export interface OutputStream {
  readonly readable: ReadableStream<Uint8Array>;
  /** Takes what the program writes. After the reader has cancelled, bytes vanish. */
  readonly sink: OutputSink;
  /** The program has ended, or the guest failed. */
  close(error?: unknown): void;
}

export function outputStream(): OutputStream {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let isOpen = true;
  let waiting: (() => void)[] = [];
  const release = (): void => {
    const released = waiting;
    waiting = [];
    for (const resolve of released) resolve();
  };
  const readable = new ReadableStream<Uint8Array>(
    {
      start: (given) => void (controller = given),
      pull: release,
      cancel: () => {
        isOpen = false;
        release();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: BUFFER_BYTES }),
  );
  return {
    readable,
    sink: (bytes) => {
      if (!isOpen) return;
      controller.enqueue(bytes);
      if (controller.desiredSize! > 0) return;
      return new Promise((resolve) => waiting.push(resolve));
    },
    close: (error) => {
      if (!isOpen) return;
      isOpen = false;
      release();
      if (error === undefined) controller.close();
      else controller.error(error);
    },
  };
}
