/** A client of a pod's supervisor. Node only. */
import { connect, type Socket } from 'node:net';
import { AssertionError, ErrorCodes, VivariumError } from '../../util/errors.ts';
import { GuestFailure } from '../guest-failure.ts';
import { StartError } from '../start-error.ts';
import { Connection } from './connection.ts';
import { socketChannel } from './node-channel.ts';
import {
  decodeJson,
  encodeJson,
  FrameKind,
  GREETING,
  type ErrorReport,
  type ExitReport,
  type Frame,
  type OperationName,
  type Operations,
} from './protocol.ts';

/** Takes what a stream of a container brings; the next comes when its promise has resolved. */
export type StreamReceiver = (kind: number, payload: Uint8Array) => void | Promise<void>;

/** A connection that a supervisor has greeted: it does not end before this is closed. Good for one operation. */
export class SupervisorConnection {
  readonly #connection: Connection;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Connects. Undefined when nobody listens there, or who does is about to end. */
  static async open(path: string): Promise<SupervisorConnection | undefined> {
    const socket = await connected(path);
    if (socket === undefined) return undefined;
    const connection = new Connection(socketChannel(socket));
    const greeting = await connection.line();
    if (greeting === GREETING) return new SupervisorConnection(connection);
    connection.close();
    if (greeting === undefined) return undefined;
    throw new VivariumError(
      ErrorCodes.BAD_STATE,
      `the supervisor at ${path} is of another version of vivarium; stop its containers with that`,
    );
  }

  /** Does an operation; streams may follow. Throws what the supervisor says, or GUEST_STOPPED when it ended meanwhile. */
  async request<K extends OperationName>(op: K, request: Operations[K]['request']): Promise<Operations[K]['result']> {
    await this.#connection.sendLine(JSON.stringify({ op, ...request }));
    const line = await this.#connection.line();
    if (line === undefined) throw supervisorEnded();
    const answer = decodeJson<{ ok?: Operations[K]['result']; error?: ErrorReport }>(new TextEncoder().encode(line));
    if (answer.error !== undefined) throw remoteError(answer.error);
    return answer.ok!;
  }

  /** Hands over what comes until the container, or the command, has ended. Throws GUEST_STOPPED when the supervisor ended. */
  async follow(receive: StreamReceiver): Promise<ExitReport> {
    for (;;) {
      const frame = await this.frame();
      if (frame.kind === FrameKind.EXIT) return decodeJson<ExitReport>(frame.payload);
      await receive(frame.kind, frame.payload);
    }
  }

  /** The next frame of what streams. Throws what the supervisor says, or GUEST_STOPPED when it ended. */
  async frame(): Promise<Frame> {
    const frame = await this.#connection.frame();
    if (frame === undefined) throw supervisorEnded();
    if (frame.kind === FrameKind.ERROR) throw remoteError(decodeJson<ErrorReport>(frame.payload));
    return frame;
  }

  /** Input for what is attached to; resolves when it is on its way. Rejects when the supervisor is gone. */
  sendInput(bytes: Uint8Array): Promise<void> {
    return this.#connection.send(FrameKind.STDIN, bytes);
  }

  endInput(): Promise<void> {
    return this.#connection.send(FrameKind.STDIN_END, encodeJson({}));
  }

  /** Leaves; what is attached to goes on. */
  close(): void {
    this.#connection.close();
  }
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else
        reject(
          new VivariumError(ErrorCodes.NOT_FOUND, `can't connect to the supervisor at ${path}: ${error.message}`, {
            cause: error,
          }),
        );
    });
  });
}

function supervisorEnded(): VivariumError {
  return new VivariumError(ErrorCodes.GUEST_STOPPED, 'the supervisor ended in the middle of it; its log says why');
}

function remoteError({ code, message, exitCode, dump }: ErrorReport): Error {
  if (code === 'ASSERTION') return new AssertionError(message);
  if (exitCode !== undefined) return new StartError(exitCode as 125 | 126 | 127, message);
  if (dump !== undefined) return new GuestFailure(code, message, dump);
  return new VivariumError(code, message);
}
