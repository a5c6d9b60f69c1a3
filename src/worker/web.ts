/** Starts a machine in a browser's worker, which the caller makes (bundlers want to see its URL). */
import { wrap } from 'comlink';
import { AssertionError } from '../util/errors.ts';
import { RunningMachine, type WorkerConnection } from './client.ts';
import type { MachineConfig, MachineControl } from './protocol.ts';
import type { WebWorkerMessage } from './web-entry.ts';

export type { MachineStream, RunningMachine } from './client.ts';

export interface WebMachineOptions {
  /** A module worker whose script calls serveMachine of web-entry.ts. */
  readonly worker: Worker;
  /** Of a worker that was started earlier: its {@link workerFailure} from then on. */
  readonly failure?: Promise<never> | undefined;
  readonly config: MachineConfig;
  /** Gets the machine before the guest's first instruction, to connect its streams. */
  readonly prepare?: (machine: RunningMachine) => void;
  /** Gives up while the machine is being made. */
  readonly signal?: AbortSignal | undefined;
  /** So many bytes of a file that the machine's disks are made of have come from its server. */
  readonly onFetched?: ((url: string, byteCount: number) => void) | undefined;
}

/** Starts the machine. Throws BAD_KERNEL, BAD_MEMORY_SIZE, USAGE, LIMIT or NOT_BUILT. */
export function startWebMachine({
  worker,
  failure = workerFailure(worker),
  config,
  prepare,
  signal,
  onFetched,
}: WebMachineOptions): Promise<RunningMachine> {
  const { port1: local, port2: remote } = new MessageChannel();
  const connection: WorkerConnection = {
    control: wrap<MachineControl>(worker),
    remoteData: remote,
    send: (message, transfer) => local.postMessage(message, transfer),
    onMessage: (receive) => {
      local.onmessage = ({ data }: MessageEvent<WebWorkerMessage>) => {
        if (data.type === 'fetched') onFetched?.(data.url, data.byteCount);
        else receive(data);
      };
    },
    onFailure: (fail) => {
      failure.catch(fail);
    },
    close: async () => {
      local.close();
      worker.terminate();
    },
  };
  return RunningMachine.start(connection, config, prepare, signal);
}

/** Rejects when a worker's script does not load, or throws; for that it is called before the worker can. Never resolves. */
export function workerFailure(worker: Worker): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) =>
      reject(new AssertionError(`the machine's worker failed: ${event.message || 'its script did not load'}`)),
    );
  });
  failure.catch(() => {}); // who uses the worker races against it
  return failure;
}
