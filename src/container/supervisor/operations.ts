/** What a supervisor does for its clients: one function for each operation of protocol.ts. */
import { exitCodeOf } from '../guest-process.ts';
import { StartError } from '../start-error.ts';
import { GuestFailure } from '../guest-failure.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Connection } from './connection.ts';
import type { OutputTaker } from './fan-out.ts';
import { serveFiles } from './files-operation.ts';
import type { Pod } from './pod.ts';
import {
  brokenProtocol,
  encodeJson,
  FrameKind,
  type AttachRequest,
  type ErrorReport,
  type ExecRequest,
  type ExitReport,
  type Frame,
  type OperationName,
  type Operations,
  type SupervisorInfo,
} from './protocol.ts';

/** One client's operation under way. */
export interface OperationContext {
  readonly pod: Pod;
  readonly connection: Connection;
  /** Aborts when the client is gone, which is how it gives up. */
  readonly gone: AbortController;
  /** Answers; frames may follow. */
  accept(result: object): Promise<void>;
  info(): SupervisorInfo;
  /** Ends the supervisor once everything has been stopped. */
  shutdown(): Promise<void>;
}

type Handlers = {
  [K in OperationName]: (request: Operations[K]['request'], context: OperationContext) => Promise<object | void>;
};

const HANDLERS: Handlers = {
  info: async (_, { info }) => info(),
  start: async ({ id, attach }, context) => {
    const container = await context.pod.container(id);
    const start = (): Promise<void> => container.start({ terminal: attach?.terminal, signal: context.gone.signal });
    if (attach === undefined) {
      void watch(context);
      await start();
      return { notices: context.pod.host.takeNotices() };
    }
    container.tellAttach();
    // Whoever starts it sees everything it prints, and its end however soon.
    const ended = container.wait('next-exit');
    await follow(context, attach, {
      attach: (taker) => container.attach(taker),
      start: async () => {
        await start();
        await context.accept({ notices: context.pod.host.takeNotices() });
      },
      write: (bytes) => container.write(bytes),
      endInput: () => container.endInput(),
      ended,
    });
  },
  attach: async ({ id, attach }, context) => {
    const container = await context.pod.container(id);
    container.checkAttachable();
    const ended = container.wait('next-exit');
    await follow(context, attach, {
      attach: (taker) => container.attach(taker),
      start: async () => {
        if (attach.terminal !== undefined) container.resize(attach.terminal);
        await context.accept({});
      },
      write: (bytes) => container.write(bytes),
      endInput: () => container.endInput(),
      ended,
    });
  },
  exec: async (request, context) => {
    const container = await context.pod.container(request.id);
    const { attach } = request;
    const session = await container.exec(withArguments(request));
    if (attach === undefined) {
      await session.started;
      return { exec: session.id };
    }
    await follow(context, attach, {
      attach: (taker) => session.attach(taker),
      start: async () => {
        await session.started;
        await context.accept({ exec: session.id });
      },
      write: (bytes) => session.write(bytes),
      endInput: () => session.endInput(),
      ended: session.end.then((status) =>
        status === undefined
          ? { exitCode: 255, error: "the container's guest has failed" }
          : { exitCode: exitCodeOf(status), error: '' },
      ),
    });
  },
  wait: async ({ id, condition }, context) => {
    const waiting = (await context.pod.container(id)).wait(condition);
    void watch(context);
    return Promise.race([waiting, aborted(context.gone.signal)]);
  },
  stop: async ({ id, signal, timeoutMs }, { pod }) => (await pod.container(id)).stop({ signal, timeoutMs }),
  restart: async ({ id, signal, timeoutMs }, { pod }) => (await pod.container(id)).restart({ signal, timeoutMs }),
  kill: async ({ id, signal }, { pod }) => (await pod.container(id)).kill(signal),
  pause: async ({ id }, { pod }) => (await pod.container(id)).pause(),
  unpause: async ({ id }, { pod }) => (await pod.container(id)).unpause(),
  resize: async ({ id, exec, size }, { pod }) => {
    const container = await pod.container(id);
    if (exec === undefined) container.resize(size);
    else container.execSession(exec).resize(size);
  },
  top: async ({ id }, { pod }) => ({ processes: await (await pod.container(id)).processes() }),
  stats: async ({ id }, { pod }) => (await pod.container(id)).stats(),
  update: async ({ id, limits, restart }, { pod }) => (await pod.container(id)).update({ limits, restart }),
  hold: async ({ id }, context) => {
    const container = await context.pod.container(id);
    return untilGone(context, () => container.holdFiles(context.gone.signal));
  },
  still: async ({ id }, context) => {
    const container = await context.pod.container(id);
    return untilGone(context, () => container.holdStill());
  },
  files: async ({ id, action }, context) => {
    const container = await context.pod.container(id);
    const { connection, gone, accept } = context;
    const client = { connection, gone: gone.signal, accept, watch: () => void watch(context) };
    await serveFiles(container.files(), action, client);
  },
  statistics: async (_, { pod }) => (await pod.guest()).statistics(),
  shutdown: async (_, { shutdown }) => shutdown(),
};

/** Something that lasts as long as the client is there, however it goes. */
async function untilGone(context: OperationContext, begin: () => Promise<() => Promise<void>>): Promise<void> {
  void watch(context);
  const end = await begin();
  try {
    await context.accept({});
    await aborted(context.gone.signal);
  } finally {
    await end();
  }
}

/** Does one operation from its line to its last frame. Never rejects. */
export async function serveOperation(line: string, context: OperationContext): Promise<void> {
  let isAccepted = false;
  const accept = async (result: object): Promise<void> => {
    isAccepted = true;
    await context.connection.sendLine(JSON.stringify({ ok: result }));
  };
  try {
    const { op, ...request } = parseRequest(line);
    const handler = HANDLERS[op] as (request: object, context: OperationContext) => Promise<object | void>;
    const result = await handler(request, { ...context, accept });
    await context.pod.host.records.flush(); // who is told that something happened can look it up
    if (!isAccepted) await accept(result ?? {});
  } catch (error) {
    const report = errorReport(error);
    const sent = isAccepted
      ? context.connection.send(FrameKind.ERROR, encodeJson(report))
      : context.connection.sendLine(JSON.stringify({ error: report }));
    await sent.catch(() => {}); // the client is gone
    if (report.code === 'ASSERTION') context.pod.host.note(report.message);
  }
}

function parseRequest(line: string): { op: OperationName } & Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw brokenProtocol('a request that is not JSON', cause);
  }
  const { op, id } = (typeof value === 'object' && value !== null ? value : {}) as { op?: unknown; id?: unknown };
  if (typeof op !== 'string' || !Object.hasOwn(HANDLERS, op))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `the supervisor knows no operation ${JSON.stringify(op)}; it may be of another version`,
    );
  if (id !== undefined && !(typeof id === 'string' && /^[0-9a-f]{64}$/.test(id)))
    throw brokenProtocol('an id that is none');
  return value as { op: OperationName } & Record<string, unknown>;
}

function withArguments(request: ExecRequest): ExecRequest {
  if (!Array.isArray(request.args) || request.args.length === 0 || request.args[0] === '')
    throw new VivariumError(ErrorCodes.USAGE, 'no exec command specified');
  return request;
}

/** Something whose streams a client follows. */
interface Followed {
  attach(taker: OutputTaker): () => void;
  /** Answers the client. */
  start(): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  readonly ended: Promise<ExitReport>;
}

async function follow(context: OperationContext, request: AttachRequest, followed: Followed): Promise<void> {
  const { connection } = context;
  const gone = context.gone.signal;
  let open!: () => void;
  const isOpen = new Promise<void>((resolve) => (open = resolve));
  const sink = (kind: number) => (bytes: Uint8Array) => isOpen.then(() => connection.send(kind, bytes));
  const detach = followed.attach({
    ...(request.stdout ? { stdout: sink(FrameKind.STDOUT) } : {}),
    ...(request.stderr ? { stderr: sink(FrameKind.STDERR) } : {}),
  });
  gone.addEventListener('abort', detach, { once: true });
  const write = (bytes: Uint8Array): Promise<void> => isOpen.then(() => followed.write(bytes)).catch(() => {});
  void watch(context, async ({ kind, payload }) => {
    if (kind === FrameKind.STDIN && request.stdin) await write(payload);
    else if (kind === FrameKind.STDIN_END && request.stdin) void isOpen.then(() => followed.endInput());
  });
  try {
    await followed.start();
    open();
    const report = await Promise.race([followed.ended, aborted(gone)]);
    const { host } = context.pod;
    await host.records.flush();
    if (report !== undefined)
      await connection.send(FrameKind.EXIT, encodeJson({ ...report, notices: host.takeNotices() }));
    else if (request.stdin) followed.endInput();
  } finally {
    open();
    detach();
  }
}

/** Takes the client's frames until it has gone. */
async function watch(
  { connection, gone }: OperationContext,
  receive: (frame: Frame) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  for (;;) {
    const frame = await connection.frame().catch(() => undefined);
    if (frame === undefined) break;
    await receive(frame);
  }
  gone.abort(new VivariumError(ErrorCodes.GUEST_STOPPED, 'the client has gone'));
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function errorReport(error: unknown): ErrorReport {
  if (error instanceof StartError) return { code: error.code, message: error.message, exitCode: error.exitCode };
  if (error instanceof GuestFailure) return { code: error.code, message: error.message, dump: error.dump };
  if (error instanceof VivariumError) return { code: error.code, message: error.message };
  return { code: 'ASSERTION', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
