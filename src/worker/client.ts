/**
 * The host's side of a machine in a worker, the same in Node and browsers: starts it, gives its byte streams, and tells
 * how it ended. worker/node.ts and worker/web.ts make the worker.
 */
import { transfer, type Remote } from 'comlink';
import { AssertionError, VivariumError } from '../util/errors.ts';
import { inspectionOf } from './inspection-client.ts';
import { unwrap } from './outcome.ts';
import type {
  CheckpointInfo,
  DeviceConfig,
  HostMessage,
  MachineConfig,
  MachineControl,
  MachineCreated,
  MachineExit,
  MachineInspection,
  MachineSnapshot,
  MachineStatistics,
  StreamName,
  WorkerMessage,
} from './protocol.ts';

/** Input that the guest has not taken, above which {@link MachineStream.drained} makes a sender wait. */
const INPUT_HIGH_BYTES = 64 * 1024;

/** A worker that runs, with its control and our end of the data port. */
export interface WorkerConnection {
  readonly control: Remote<MachineControl>;
  /** The end for the worker. */
  readonly remoteData: MessagePort;
  send(message: HostMessage, transfer: Transferable[]): void;
  onMessage(receive: (message: WorkerMessage) => void): void;
  /** Called when the worker dies by itself. */
  onFailure(fail: (error: Error) => void): void;
  close(): Promise<void>;
}

type StreamMessage = Extract<WorkerMessage, { stream: StreamName }>;

/** A byte stream of the machine, both ways. */
export class MachineStream {
  /** Receives the guest's output; the bytes are the receiver's. While a returned promise waits, the guest may have to. */
  onData: ((bytes: Uint8Array) => void | Promise<void>) | null = null;
  /** The guest opened or closed its side (console ports only). */
  onGuestOpen: ((open: boolean) => void) | null = null;
  readonly name: StreamName;
  readonly #send: (message: HostMessage, transfer: Transferable[]) => void;
  #untakenBytes = 0;
  #waiting: (() => void)[] = [];

  constructor(name: StreamName, send: (message: HostMessage, transfer: Transferable[]) => void) {
    this.name = name;
    this.#send = send;
  }

  /** Sends input to the guest, in order, copied; never blocks. */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const copy = bytes.slice();
    this.#untakenBytes += copy.length;
    this.#send({ type: 'input', stream: this.name, bytes: copy }, [copy.buffer]);
  }

  /** Resolves when little enough input waits for the guest that more may be sent. */
  drained(): Promise<void> {
    if (this.#untakenBytes <= INPUT_HIGH_BYTES) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** For the client: a message of this stream. Returns when its output is written. */
  async receive(message: StreamMessage): Promise<void> {
    if (message.type === 'guest-open') {
      this.onGuestOpen?.(message.open);
      return;
    }
    if (message.type === 'taken') {
      this.#untakenBytes -= message.byteCount;
      if (this.#untakenBytes <= INPUT_HIGH_BYTES) this.release();
      return;
    }
    const { bytes } = message;
    const byteCount = bytes.length; // the receiver may transfer the buffer away
    try {
      await this.onData?.(bytes);
    } finally {
      this.#send({ type: 'written', stream: this.name, byteCount }, []);
    }
  }

  /** For the client: lets everybody who waits go on. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Devices that are ready to be attached to the machine that they were opened for. */
export interface OpenedDevices {
  /** What opening each share told, in order. */
  readonly shareDetails: readonly unknown[];
  /** Plugs them in, all or none; the guest must then rescan its PCI bus. Once. Throws LIMIT. */
  attach(): Promise<void>;
}

/** A machine that runs in a worker. */
export class RunningMachine {
  /**
   * How it ended, once all its output is handed over. Rejects with a VivariumError, or with an AssertionError when we
   * failed.
   */
  readonly exit: Promise<MachineExit>;
  /** What it had done in the end; there once {@link exit} resolved. */
  finalStatistics: MachineStatistics | undefined;
  /** What opening each share of the configuration told, in order. */
  readonly shareDetails: readonly unknown[];
  /** Is told when something that the guest wrote to a disk has no room or was not kept: LIMIT, NO_SPACE or STORE. */
  onDiskTrouble: ((error: VivariumError) => void) | null = null;
  readonly #connection: WorkerConnection;
  readonly #streams: Map<StreamName, MachineStream>;

  private constructor(
    connection: WorkerConnection,
    streams: Map<StreamName, MachineStream>,
    exit: Promise<MachineExit>,
    shareDetails: readonly unknown[],
  ) {
    this.#connection = connection;
    this.shareDetails = shareDetails;
    this.#streams = streams;
    this.exit = exit;
  }

  /**
   * Makes the machine in the worker and starts it. `prepare` gets it before the guest's first instruction, to connect its
   * streams. The kernel's, the initramfs's and the core's buffers are copied. Throws what Machine's constructor throws, or
   * the reason of `signal`, which only counts until the machine runs.
   */
  static async start(
    connection: WorkerConnection,
    config: MachineConfig,
    prepare?: (machine: RunningMachine) => void,
    signal?: AbortSignal,
  ): Promise<RunningMachine> {
    const streams = new Map<StreamName, MachineStream>();
    const writing = new Set<Promise<void>>();
    const streamOf = (name: StreamName): MachineStream => {
      let stream = streams.get(name);
      if (stream === undefined) {
        stream = new MachineStream(name, (message, list) => connection.send(message, list));
        streams.set(name, stream);
      }
      return stream;
    };
    const failure = new Promise<never>((_, reject) => connection.onFailure(reject));
    failure.catch(() => {}); // it is part of every race below
    let onDiskTrouble: (error: VivariumError) => void = () => {};
    const ended = new Promise<MachineStatistics>((resolve, reject) => {
      connection.onMessage((message) => {
        if (message.type === 'end') {
          resolve(message.statistics);
          return;
        }
        if (message.type === 'disk-trouble') {
          onDiskTrouble(new VivariumError(message.code, message.message));
          return;
        }
        const written = streamOf(message.stream).receive(message);
        writing.add(written);
        written.catch(reject).finally(() => writing.delete(written));
      });
    });
    ended.catch(() => {});
    // The worker itself gives up, so that it can clear away what it was in the middle of.
    const giveUp = (): void => void connection.control.stop();
    signal?.addEventListener('abort', giveUp, { once: true });
    let created: MachineCreated;
    try {
      signal?.throwIfAborted();
      created = unwrap(
        await Promise.race([
          connection.control.create(config, transfer(connection.remoteData, [connection.remoteData])),
          failure,
        ]),
      );
      signal?.throwIfAborted();
    } catch (error) {
      await connection.close();
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
    /** Never resolves; rejects when the worker dies or a receiver of output throws. */
    const broken = Promise.race([failure, ended.then(() => new Promise<never>(() => {}))]);
    broken.catch(() => {});
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const run = async (): Promise<MachineExit> => {
      try {
        await begun;
        const exit = unwrap(await Promise.race([connection.control.run(), broken]));
        machine.finalStatistics = await Promise.race([ended, failure]);
        while (writing.size > 0) await Promise.all(writing);
        return exit;
      } finally {
        for (const stream of streams.values()) stream.release();
        await connection.close();
      }
    };
    const exit = run();
    exit.catch(() => {}); // whoever wants to know awaits it
    const machine: RunningMachine = new RunningMachine(connection, streams, exit, created.shareDetails);
    onDiskTrouble = (error) => machine.onDiskTrouble?.(error);
    for (const name of ['com1', 'com2', 'debug'] as const) streamOf(name);
    (config.ports ?? []).forEach((_, id) => streamOf(`port${id}`));
    prepare?.(machine);
    begin();
    return machine;
  }

  /** One of the machine's streams; a port that it does not have is a stream on which nothing happens. */
  stream(name: StreamName): MachineStream {
    const stream = this.#streams.get(name);
    if (stream === undefined) throw new AssertionError(`the machine has no stream ${name}`);
    return stream;
  }

  /** Makes devices without the guest seeing them yet. Throws what opening them does. */
  async open(devices: DeviceConfig): Promise<OpenedDevices> {
    const { number, shareDetails } = unwrap(await this.#connection.control.open(devices));
    return { shareDetails, attach: async () => unwrap(await this.#connection.control.attach(number)) };
  }
  /** A copy of the machine as it stands between two instructions; it goes on. */
  async save(): Promise<MachineSnapshot> {
    return unwrap(await this.#connection.control.save());
  }
  /** Keeps the machine as it stands, memory and disks, in its worker; it goes on. Throws LIMIT or USAGE. */
  async checkpoint(): Promise<CheckpointInfo> {
    return unwrap(await this.#connection.control.checkpoint());
  }
  /**
   * Goes back to a checkpoint. Input that the guest had not taken is dropped, and who talks to it must begin anew. Throws
   * BAD_STATE when it was released.
   */
  async goBack(checkpoint: number): Promise<void> {
    unwrap(await this.#connection.control.goBack(checkpoint));
  }
  async releaseCheckpoint(checkpoint: number): Promise<void> {
    await this.#connection.control.releaseCheckpoint(checkpoint);
  }
  /** Pulls the plug; {@link exit} then resolves. */
  async stop(): Promise<void> {
    await this.#connection.control.stop();
  }
  async pressPowerButton(): Promise<void> {
    await this.#connection.control.pressPowerButton();
  }
  async resizeConsole(columns: number, rows: number): Promise<void> {
    await this.#connection.control.resizeConsole(columns, rows);
  }
  /** Pulls out a disk by its serial number. Throws NOT_FOUND, or USAGE when the guest has not let go of it. */
  async detachDisk(serial: string): Promise<void> {
    unwrap(await this.#connection.control.detachDisk(serial));
  }
  /** Connects or disconnects our side of a console port: while disconnected, the guest reads end of file. */
  async setPortOpen(port: number, open: boolean): Promise<void> {
    await this.#connection.control.setPortOpen(port, open);
  }
  /** The CPU's state as text. */
  async dump(): Promise<string> {
    return this.#connection.control.dump();
  }
  async statistics(): Promise<MachineStatistics> {
    return this.#connection.control.statistics();
  }
  /** Unix time in milliseconds as the machine's host has it. */
  unixMs(): number {
    return Date.now();
  }
  /** Looks inside, stops and steps. */
  get inspection(): MachineInspection {
    return inspectionOf(this.#connection.control, this.exit, () => this.finalStatistics?.instructions ?? 0);
  }
  /** Ends the worker at once, whatever it does; {@link exit} rejects if the machine was running. */
  async terminate(): Promise<void> {
    await this.#connection.close();
  }
}
