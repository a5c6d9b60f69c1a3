/**
 * A pod's supervisor as a server on a private Unix socket. It ends when no container of the pod needs it any more and no client is
 * connected. Node only.
 */
import { rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { Connection } from './connection.ts';
import { socketChannel } from './node-channel.ts';
import { serveOperation } from './operations.ts';
import type { Pod } from './pod.ts';
import { GREETING } from './protocol.ts';

/** A supervisor that nobody has asked for anything yet waits for so long. */
const FIRST_CLIENT_MS = 30_000;

export interface SupervisorServerOptions {
  readonly podId: string;
  readonly socket: string;
  /** The pod; it calls `changed` when a container may have become idle. */
  readonly pod: (changed: () => void) => Pod;
  /** Keeps it from ending while nobody is connected. */
  readonly isKept?: () => boolean;
}

export class SupervisorServer {
  readonly pod: Pod;
  /** Resolves when it has ended and the machine is off. */
  readonly ended: Promise<void>;
  readonly #options: SupervisorServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #end!: () => void;
  #isEnding = false;
  #firstClient: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SupervisorServerOptions) {
    this.#options = options;
    this.pod = options.pod(() => this.endIfIdle());
    this.#server = createServer({ allowHalfOpen: true }, (socket) => void this.#serve(socket));
    this.ended = new Promise((resolve) => (this.#end = resolve));
  }

  /** Path of its socket. */
  get socket(): string {
    return this.#options.socket;
  }

  /** Listens. What a dead supervisor has left at the path goes away first: the caller holds the pod's lock. */
  async listen(): Promise<void> {
    await rm(this.#options.socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.socket, resolve);
    });
    this.#firstClient = setTimeout(() => this.#noClient(), FIRST_CLIENT_MS);
  }

  #noClient(): void {
    clearTimeout(this.#firstClient);
    this.#firstClient = undefined;
    this.endIfIdle();
  }

  /** Stops all containers, then ends. */
  async shutdown(): Promise<void> {
    await this.pod.shutdown();
    this.#noClient();
  }

  /** Ends it if nobody has a use for it. */
  endIfIdle(): void {
    const isWanted = this.#sockets.size > 0 || this.pod.isBusy || this.#firstClient !== undefined;
    if (this.#isEnding || isWanted || this.#options.isKept?.() === true) return;
    this.#isEnding = true;
    // A client that is still in the queue gets no greeting, and starts another supervisor.
    this.#server.close();
    void this.pod
      .close()
      .catch((error: unknown) => this.pod.host.note(String(error)))
      .then(() => this.#end());
  }

  async #serve(socket: Socket): Promise<void> {
    if (this.#isEnding) {
      socket.destroy();
      return;
    }
    clearTimeout(this.#firstClient);
    this.#firstClient = undefined;
    this.#sockets.add(socket);
    const connection = new Connection(socketChannel(socket));
    try {
      await connection.sendLine(GREETING);
      const line = await connection.line();
      if (line === undefined) return;
      const { pod } = this;
      await serveOperation(line, {
        pod,
        connection,
        gone: new AbortController(),
        accept: () => Promise.resolve(),
        info: () => ({
          pid: process.pid,
          pod: this.#options.podId,
          containers: pod.containers.filter(({ isBusy }) => isBusy).map(({ id }) => id),
        }),
        shutdown: () => this.shutdown(),
      });
    } catch {
      // A client that went away in the middle of it.
    } finally {
      connection.close();
      this.#sockets.delete(socket);
      this.endIfIdle();
    }
  }
}
