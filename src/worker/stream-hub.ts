/**
 * The worker's end of the byte streams: passes output on until too much of it is unwritten, then makes the guest wait, and
 * hands input to devices as they take it.
 */
import type { ErrorCode } from '../util/errors.ts';
import type { HostMessage, MachineStatistics, StreamName, WorkerMessage } from './protocol.ts';

/** Unwritten output of one stream above which the guest waits, and below which it goes on. */
const OUTPUT_HIGH_BYTES = 1 << 20;
const OUTPUT_LOW_BYTES = OUTPUT_HIGH_BYTES / 2;

/** The side of a MessagePort that the hub needs. */
export interface DataPort {
  postMessage(message: WorkerMessage, transfer: Transferable[]): void;
}

/** Takes input off the hub's hands; it calls {@link StreamHub.taken} once the guest's device has it. */
export type InputReceiver = (bytes: Uint8Array) => void;

interface Output {
  unwrittenBytes: number;
  /** Resolves those who wait for room. */
  waiting: { promise: Promise<void>; resolve: () => void } | undefined;
}

export class StreamHub {
  readonly #port: DataPort;
  readonly #outputs = new Map<StreamName, Output>();
  readonly #inputs = new Map<StreamName, InputReceiver>();

  constructor(port: DataPort) {
    this.#port = port;
  }

  /** Sends output on; its buffer goes along. Returns a promise while the stream is full. */
  output(stream: StreamName, bytes: Uint8Array): Promise<void> | undefined {
    let output = this.#outputs.get(stream);
    if (output === undefined) {
      output = { unwrittenBytes: 0, waiting: undefined };
      this.#outputs.set(stream, output);
    }
    output.unwrittenBytes += bytes.length;
    // A view of something larger must not take that along.
    const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
    this.#port.postMessage({ type: 'output', stream, bytes: whole }, [whole.buffer as ArrayBuffer]);
    if (output.unwrittenBytes <= OUTPUT_HIGH_BYTES) return undefined;
    output.waiting ??= withResolvers();
    return output.waiting.promise;
  }

  /** Says who takes the input of a stream; without one, input is dropped. */
  onInput(stream: StreamName, receiver: InputReceiver): void {
    this.#inputs.set(stream, receiver);
  }

  guestOpen(stream: StreamName, open: boolean): void {
    this.#port.postMessage({ type: 'guest-open', stream, open }, []);
  }

  diskTrouble(code: ErrorCode, message: string): void {
    this.#port.postMessage({ type: 'disk-trouble', code, message }, []);
  }

  end(statistics: MachineStatistics): void {
    this.#port.postMessage({ type: 'end', statistics }, []);
  }

  /** A message from the host. */
  receive(message: HostMessage): void {
    if (message.type === 'written') {
      this.#written(message.stream, message.byteCount);
      return;
    }
    const receiver = this.#inputs.get(message.stream);
    if (receiver !== undefined) receiver(message.bytes);
    else this.taken(message.stream, message.bytes.length);
  }

  /** Tells the host that input has reached the guest's device. */
  taken(stream: StreamName, byteCount: number): void {
    if (byteCount > 0) this.#port.postMessage({ type: 'taken', stream, byteCount }, []);
  }

  #written(stream: StreamName, byteCount: number): void {
    const output = this.#outputs.get(stream);
    if (output === undefined) return;
    output.unwrittenBytes -= byteCount;
    if (output.waiting === undefined || output.unwrittenBytes > OUTPUT_LOW_BYTES) return;
    const { resolve } = output.waiting;
    output.waiting = undefined;
    resolve();
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** Input for a device that takes a part at a time, a serial port: keeps the rest until there is room. */
export class PartialInput {
  readonly #hub: StreamHub;
  readonly #stream: StreamName;
  readonly #device: (bytes: Uint8Array) => number;
  readonly #waiting: Uint8Array[] = [];

  /** @param device takes some of the bytes and returns how many. */
  constructor(hub: StreamHub, stream: StreamName, device: (bytes: Uint8Array) => number) {
    this.#hub = hub;
    this.#stream = stream;
    this.#device = device;
    hub.onInput(stream, (bytes) => {
      this.#waiting.push(bytes);
      this.resume();
    });
  }

  /** The device has room again. */
  resume(): void {
    let takenBytes = 0;
    for (let bytes = this.#waiting[0]; bytes !== undefined; bytes = this.#waiting[0]) {
      const count = this.#device(bytes);
      takenBytes += count;
      if (count < bytes.length) {
        this.#waiting[0] = bytes.subarray(count);
        break;
      }
      this.#waiting.shift();
    }
    this.#hub.taken(this.#stream, takenBytes);
  }
}
