/**
 * The agent protocol: numbers, frames and payloads that host and guest agent exchange over a virtio-console port.
 * docs/agent-protocol.md describes it; images/guest/protocol.h has the same numbers for the guest's side. Everything
 * that comes from the guest is untrusted: lengths are checked before anything is read or kept.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';

export const PROTOCOL_VERSION = 1;
/** Name of the virtio-console port. */
export const PORT_NAME = 'vivarium.agent';

export const HEADER_SIZE = 12;
export const MAX_PAYLOAD = 65536;
export const MAX_SPEC = 4194304;
export const MAX_CHANNELS = 64;
export const STDIN_WINDOW = 65536;
export const MAX_ECHO = 64;
/** Longest file that READ_FILE gives. */
export const MAX_FILE = 65536;
export const MAX_FAILURE_TEXT = 4096;
/** Channels are below this, so that a header never looks like part of a SYNC. */
export const CHANNEL_LIMIT = 0x1000000;
const MAX_WELCOME = 1024;
const END_OF_FRAME = 0x0a;

/** Host to agent. */
export const Request = {
  HELLO: 0x01,
  PING: 0x02,
  MOUNT: 0x10,
  UNMOUNT: 0x11,
  SET_HOSTNAME: 0x12,
  SET_CLOCK: 0x13,
  ADD_ENTROPY: 0x14,
  POWER_OFF: 0x15,
  RESCAN: 0x16,
  FIND_DISK: 0x17,
  REMOVE_DISK: 0x18,
  SPEC: 0x20,
  SPAWN: 0x21,
  STDIN: 0x22,
  STDIN_EOF: 0x23,
  SIGNAL: 0x24,
  RESIZE: 0x25,
  CREDIT: 0x26,
  RELEASE: 0x27,
  READ_FILE: 0x30,
  WRITE_FILE: 0x31,
} as const;

/** Agent to host. */
export const Reply = {
  WELCOME: 0x81,
  PONG: 0x82,
  OK: 0x83,
  ERROR: 0x84,
  STARTED: 0xa0,
  STDOUT: 0xa1,
  STDERR: 0xa2,
  STDIN_CREDIT: 0xa3,
  EXIT: 0xa4,
  CHANNEL_STATE: 0xa5,
} as const;

export const HELLO_RESET = 1;
export const MountFlag = { READ_ONLY: 1, NO_SUID: 2, NO_DEV: 4, NO_EXEC: 8, BIND: 16 } as const;
export const POWER_OFF_REBOOT = 1;
export const SpawnKind = { GUEST: 0, CONTAINER: 1, EXEC: 2 } as const;
export const SpawnFlag = { TTY: 1, STDIN: 2 } as const;
export const Stream = { STDOUT: 1, STDERR: 2 } as const;
export const ExitHow = { CODE: 0, SIGNAL: 1, START_FAILED: 2 } as const;
export const ChannelPhase = { STARTING: 1, RUNNING: 2, EXITED: 3 } as const;

/** Marks a fresh start in the byte stream; never occurs inside a frame that the host sends. */
export const SYNC: Uint8Array = Uint8Array.of(0xf5, ...new TextEncoder().encode('VIVARIUM-SYNC'), 0xf5, 0x0a);

/** One frame as received; the payload is a view of the received bytes. */
export interface Frame {
  type: number;
  channel: number;
  payload: Uint8Array;
}

/** The agent's side broke the protocol: nothing it sends can be trusted to be in step any more. */
export function protocolError(what: string): VivariumError {
  return new VivariumError(ErrorCodes.AGENT, `the guest agent broke its protocol: ${what}`);
}

/** Index of the first SYNC in bytes at or after from, or -1. */
export function findSync(bytes: Uint8Array, from = 0): number {
  for (let at = bytes.indexOf(SYNC[0]!, from); at >= 0; at = bytes.indexOf(SYNC[0]!, at + 1)) {
    if (startsWithSync(bytes, at)) return at;
  }
  return -1;
}

function startsWithSync(bytes: Uint8Array, at: number): boolean {
  return at + SYNC.length <= bytes.length && SYNC.every((byte, index) => bytes[at + index] === byte);
}

/** One frame's bytes. The payload must be within MAX_PAYLOAD and free of SYNC (splitPayload sees to both). */
export function encodeFrame(type: number, channel: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + payload.length + 1);
  const view = new DataView(frame.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint8(4, type);
  view.setUint32(8, channel, true);
  frame.set(payload, HEADER_SIZE);
  frame[frame.length - 1] = END_OF_FRAME;
  return frame;
}

/** Cuts a byte stream into payloads of at most `limit` bytes, none of which has a SYNC in it. */
export function splitPayload(bytes: Uint8Array, limit = MAX_PAYLOAD): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length;) {
    let end = Math.min(start + limit, bytes.length);
    const sync = findSync(bytes.subarray(start, end));
    if (sync >= 0) end = start + sync + 1; // a frame's end in the middle of it makes it harmless
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** Builds a payload field by field. */
export class PayloadWriter {
  readonly #bytes: number[] = [];

  /** An unsigned integer of 1, 2, 4 or 8 bytes, little endian. */
  uint(size: 1 | 2 | 4 | 8, value: number | bigint): this {
    let rest = BigInt.asUintN(size * 8, BigInt(value));
    for (let i = 0; i < size; i++, rest >>= 8n) this.#bytes.push(Number(rest & 0xffn));
    return this;
  }

  /** A string: u16 length, UTF-8. A NUL or more than 65535 bytes is refused. */
  string(text: string): this {
    const encoded = new TextEncoder().encode(text);
    if (encoded.length > 0xffff || encoded.includes(0)) {
      throw new VivariumError(
        ErrorCodes.USAGE,
        `a string for the guest is too long or has a NUL in it: ${text.slice(0, 40)}`,
      );
    }
    this.uint(2, encoded.length);
    for (const byte of encoded) this.#bytes.push(byte);
    return this;
  }

  /** A list of strings: u16 count, strings. */
  strings(list: readonly string[]): this {
    this.uint(2, list.length);
    for (const text of list) this.string(text);
    return this;
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads a payload field by field; a payload that is too short is a protocol error. */
export class PayloadReader {
  readonly #view: DataView;
  #at = 0;

  constructor(payload: Uint8Array) {
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  #take(size: number): number {
    const at = this.#at;
    if (at + size > this.#view.byteLength) throw protocolError('a payload is too short');
    this.#at += size;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }
  string(): string {
    const length = this.u16();
    const at = this.#take(length);
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
  }
}

/** What the agent says of itself in a WELCOME. */
export interface Welcome {
  version: number;
  /** How many CHANNEL_STATE frames follow. */
  channelCount: number;
  maxPayload: number;
  /** The HELLO's epoch; 0 when the agent has just started and speaks unasked. */
  epoch: bigint;
  /** The guest's monotonic clock, in nanoseconds. */
  uptimeNs: bigint;
  kernelRelease: string;
  /** As uname says: x86_64. */
  machine: string;
}

export function decodeWelcome(payload: Uint8Array): Welcome {
  const r = new PayloadReader(payload);
  return {
    version: r.u16(),
    channelCount: r.u16(),
    maxPayload: r.u32(),
    epoch: r.u64(),
    uptimeNs: r.u64(),
    kernelRelease: r.string(),
    machine: r.string(),
  };
}

/** What the agent says of a channel that a HELLO found. */
export interface ChannelState {
  channel: number;
  phase: number;
  kind: number;
  flags: number;
  how: number;
  code: number;
  pid: number;
  stdinCredit: number;
  stdinBytes: bigint;
  stdoutBytes: bigint;
  stderrBytes: bigint;
  /** The container's name; empty for a program in the guest itself. */
  name: string;
}

export function decodeChannelState(channel: number, payload: Uint8Array): ChannelState {
  const r = new PayloadReader(payload);
  return {
    channel,
    phase: r.u8(),
    kind: r.u8(),
    flags: r.u8(),
    how: r.u8(),
    code: r.i32(),
    pid: r.u32(),
    stdinCredit: r.u32(),
    stdinBytes: r.u64(),
    stdoutBytes: r.u64(),
    stderrBytes: r.u64(),
    name: r.string(),
  };
}

/** Cuts received bytes into frames. After hunt() everything is dropped up to a SYNC; a SYNC between frames is told. */
export class FrameDecoder {
  #pending: Uint8Array = new Uint8Array(0);
  #hunting = true;
  #maxPayload = MAX_WELCOME;

  /** Drops everything until the next SYNC, after which only a frame as short as a WELCOME is believed. */
  hunt(): void {
    this.#hunting = true;
    this.#maxPayload = MAX_WELCOME;
  }

  /** The WELCOME was the right one: frames of all lengths follow. */
  inStep(): void {
    this.#maxPayload = MAX_PAYLOAD;
  }

  /** Adds received bytes. They belong to the decoder from now on. */
  push(bytes: Uint8Array): void {
    if (this.#pending.length === 0) {
      this.#pending = bytes;
      return;
    }
    const joined = new Uint8Array(this.#pending.length + bytes.length);
    joined.set(this.#pending);
    joined.set(bytes, this.#pending.length);
    this.#pending = joined;
  }

  /** The next frame, 'sync' for a SYNC, or null when more bytes are needed. Throws when the stream is out of step. */
  next(): Frame | 'sync' | null {
    if (this.#hunting) {
      const at = findSync(this.#pending);
      // What may be the start of a SYNC stays.
      this.#drop(at >= 0 ? at : Math.max(0, this.#pending.length - SYNC.length + 1));
      if (at < 0) return null;
    }
    const bytes = this.#pending;
    if (bytes[0] === SYNC[0] && bytes.length < SYNC.length && bytes.every((byte, index) => byte === SYNC[index]))
      return null;
    if (startsWithSync(bytes, 0)) {
      this.#hunting = false;
      this.#drop(SYNC.length);
      return 'sync';
    }
    if (bytes.length < HEADER_SIZE) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = view.getUint32(0, true);
    if (length > this.#maxPayload) throw protocolError(`a frame of ${length} bytes`);
    const end = HEADER_SIZE + length;
    if (bytes.length <= end) return null;
    if (bytes[end] !== END_OF_FRAME) throw protocolError('a frame does not end where it should');
    this.#drop(end + 1);
    return { type: view.getUint8(4), channel: view.getUint32(8, true), payload: bytes.subarray(HEADER_SIZE, end) };
  }

  #drop(count: number): void {
    this.#pending = this.#pending.subarray(count);
  }
}
