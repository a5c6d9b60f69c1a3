/** Starts a machine in a Node worker thread. Node only. */
import { wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { MessageChannel, Worker } from 'node:worker_threads';
import { AssertionError } from '../util/errors.ts';
import { RunningMachine, type WorkerConnection } from './client.ts';
import type { MachineConfig, MachineControl } from './protocol.ts';

export type { MachineStream, RunningMachine } from './client.ts';

export interface NodeMachineOptions {
  /** The worker's script, which calls serveMachine of node-entry.ts; or a worker that runs it already and that nobody uses. */
  readonly script: URL | Worker;
  readonly config: MachineConfig;
  /** Gets the machine before the guest's first instruction, to connect its streams. */
  readonly prepare?: (machine: RunningMachine) => void;
  /** Gives up while the machine is being made. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts the worker and the machine in it. Throws BAD_KERNEL, BAD_MEMORY_SIZE, NOT_FOUND, USAGE, LIMIT or NOT_BUILT. */
export function startNodeMachine({ script, config, prepare, signal }: NodeMachineOptions): Promise<RunningMachine> {
  return RunningMachine.start(connect(script), config, prepare, signal);
}

function connect(script: URL | Worker): WorkerConnection {
  // Output that the machine prints is for its streams only; a stray line from a library must not mix with them.
  const worker = script instanceof Worker ? script : new Worker(script, { stdout: false, stderr: false });
  worker.ref();
  const { port1: local, port2: remote } = new MessageChannel();
  let isClosed = false;
  return {
    control: wrap<MachineControl>(nodeEndpoint(worker)),
    remoteData: remote as unknown as MessagePort,
    send: (message, transfer) => {
      if (!isClosed) local.postMessage(message, transfer as never);
    },
    onMessage: (receive) => {
      local.on('message', receive);
    },
    onFailure: (fail) => {
      worker.once('error', (error) =>
        fail(
          new AssertionError(
            `the machine's worker failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
            { cause: error },
          ),
        ),
      );
      worker.once('exit', (code) => fail(new AssertionError(`the machine's worker ended by itself with code ${code}`)));
    },
    close: async () => {
      if (isClosed) return;
      isClosed = true;
      local.close();
      await worker.terminate();
    },
  };
}
