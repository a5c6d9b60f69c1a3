/**
 * What passes between a supervisor and its clients over a private Unix socket. One connection is one operation: the supervisor
 * says that it listens ({@link GREETING}), the client sends a line of JSON, a line of JSON answers, and operations that stream go on
 * with frames: u8 kind, u32 length (little endian), payload. A client that closes its end gives the operation up; one that attached
 * is detached by that. Signals and window sizes are operations of their own, so that no input can hold them up.
 */
import { ErrorCodes, VivariumError, type ErrorCode } from '../../util/errors.ts';
import type { FileStat } from '../container-files.ts';
import type { RestartPolicy, ResourceLimits } from '../lifecycle/config.ts';

/** The supervisor's first line: from here on it will not end before the operation has. */
export const GREETING = '{"vivarium":1}';

export const FrameKind = {
  /** From the client. */
  STDIN: 0,
  STDIN_END: 1,
  /** To the client. */
  STDOUT: 2,
  STDERR: 3,
  /** JSON of {@link ExitReport}; the last frame. */
  EXIT: 6,
  /** JSON, one item of a stream of them. */
  ITEM: 7,
  /** Part of a byte stream. */
  DATA: 8,
  /** The stream is complete; the last frame. */
  END: 9,
  /** JSON of {@link ErrorReport}; the last frame. */
  ERROR: 10,
} as const;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

export const FRAME_HEAD_BYTES = 5;
export const FRAME_BYTES_MAX = 1 << 20;
export const LINE_BYTES_MAX = 4 << 20;

/** An error on its way to the client. */
export interface ErrorReport {
  readonly code: ErrorCode | 'ASSERTION';
  readonly message: string;
  /** Of `run` and `exec`: 125, 126 or 127. */
  readonly exitCode?: number | undefined;
  /** The CPU's state, when the guest failed. */
  readonly dump?: string | undefined;
}

export interface StartResult {
  /** What a user should know of the guest, one line each. */
  readonly notices: readonly string[];
}

export interface ExitReport {
  readonly exitCode: number;
  /** Why it ended, if not by itself. */
  readonly error: string;
  /** As in {@link StartResult}. */
  readonly notices?: readonly string[] | undefined;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Which streams a client wants. Standard input only reaches a container that has it open. */
export interface AttachRequest {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of the client's terminal. */
  readonly terminal?: TerminalSize | undefined;
}

export interface ExecRequest {
  readonly id: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDir?: string | undefined;
  readonly user?: string | undefined;
  readonly tty: boolean;
  readonly privileged: boolean;
  /** Without: nobody follows it. */
  readonly attach?: AttachRequest | undefined;
}

export interface LimitsUpdate {
  readonly limits: ResourceLimits;
  readonly restart?: RestartPolicy | undefined;
}

/** Operations by name: what the client sends besides `op`, and what is answered in the first line. */
export interface Operations {
  info: { request: object; result: SupervisorInfo };
  /** With `attach`, streams follow, and EXIT when it has ended. */
  start: { request: { id: string; attach?: AttachRequest | undefined }; result: StartResult };
  attach: { request: { id: string; attach: AttachRequest }; result: object };
  /** With `attach`, streams and EXIT follow. */
  exec: { request: ExecRequest; result: { exec: string } };
  /** Answers when the condition holds. */
  wait: { request: { id: string; condition: WaitCondition }; result: ExitReport };
  stop: { request: { id: string; signal?: string | undefined; timeoutMs?: number | undefined }; result: object };
  restart: { request: { id: string; signal?: string | undefined; timeoutMs?: number | undefined }; result: object };
  kill: { request: { id: string; signal: string }; result: object };
  pause: { request: { id: string }; result: object };
  unpause: { request: { id: string }; result: object };
  /** Of a container's terminal, or of a command's that exec started. */
  resize: { request: { id: string; exec?: string | undefined; size: TerminalSize }; result: object };
  top: { request: { id: string }; result: { processes: readonly ProcessRow[] } };
  stats: { request: { id: string }; result: ContainerStats };
  update: { request: { id: string } & LimitsUpdate; result: object };
  /** Has the files of a container at hand until the connection is closed, also when it does not run. */
  hold: { request: { id: string }; result: object };
  /** Paused, if it runs, until the client goes, or says `unpause`. */
  still: { request: { id: string }; result: object };
  /** Of one that runs or is held. DATA, notes as ITEMs and END follow, but for `stat`; for `write`, STDIN and STDIN_END go there. */
  files: { request: { id: string; action: FilesAction }; result: FilesResult };
  /** The machine's own account of itself. */
  statistics: { request: object; result: unknown };
  /** Stops everything and ends the supervisor. */
  shutdown: { request: object; result: object };
}
export type OperationName = keyof Operations;

/** A call of ContainerFiles. */
export type FilesAction =
  | { readonly do: 'stat'; readonly path: string }
  | { readonly do: 'read'; readonly path: string; readonly name: string }
  | { readonly do: 'write'; readonly folder: string }
  | { readonly do: 'changes' }
  | { readonly do: 'layer' }
  | { readonly do: 'export' };

export interface FilesResult {
  /** With the time as text. */
  readonly stat?: (Omit<FileStat, 'mtimeNs'> & { readonly mtimeNs: string }) | undefined;
}

export type WaitCondition = 'not-running' | 'next-exit' | 'removed';

export interface SupervisorInfo {
  readonly pid: number;
  readonly pod: string;
  readonly containers: readonly string[];
}

/** A process of a container, as proc(5) has it. */
export interface ProcessRow {
  readonly pid: number;
  readonly parentPid: number;
  readonly uid: number;
  /** `tty_nr` of proc(5). */
  readonly terminal: number;
  readonly state: string;
  readonly threadCount: number;
  /** User and system time. */
  readonly cpuMs: number;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly virtualBytes: number;
  readonly residentBytes: number;
  readonly name: string;
  /** The command line; empty for one that has none. */
  readonly args: readonly string[];
}

/** What a container uses, as its cgroup tells. */
export interface ContainerStats {
  /** When this was read, in milliseconds of the guest's monotonic clock. */
  readonly readMs: number;
  readonly cpuMs: number;
  readonly onlineCpus: number;
  /** Without what the kernel could drop at once, as Docker counts. */
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly pids: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
}

export function encodeFrame(kind: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  frame[0] = kind;
  new DataView(frame.buffer).setUint32(1, payload.length, true);
  frame.set(payload, FRAME_HEAD_BYTES);
  return frame;
}

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** JSON of a peer. Throws BAD_STATE. */
export function decodeJson<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch (cause) {
    throw brokenProtocol('something that is not JSON', cause);
  }
}

export function brokenProtocol(what: string, cause?: unknown): VivariumError {
  return new VivariumError(ErrorCodes.BAD_STATE, `the other end of the supervisor's socket sent ${what}`, { cause });
}
