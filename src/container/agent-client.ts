/**
 * The host's end of the agent protocol: greets the agent, sends it orders, and runs programs through it. One client per
 * guest; it survives a restore by a new hello(). docs/agent-protocol.md; left out: metrics and networking.
 */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import {
  CHANNEL_LIMIT,
  ChannelPhase,
  decodeChannelState,
  decodeWelcome,
  encodeFrame,
  findSync,
  FrameDecoder,
  HELLO_RESET,
  MountFlag,
  MAX_ECHO,
  MAX_PAYLOAD,
  MAX_SPEC,
  PayloadReader,
  PayloadWriter,
  POWER_OFF_REBOOT,
  PROTOCOL_VERSION,
  protocolError,
  Reply,
  Request,
  SpawnFlag,
  SpawnKind,
  splitPayload,
  SYNC,
  type ChannelState,
  type Frame,
  type Welcome,
} from './agent-protocol.ts';
import { exitStatus, GuestProcess, OUTPUT_WINDOW, type OutputSinks } from './guest-process.ts';
import type { RuntimeProcess, RuntimeSpec } from './runtime-spec.ts';

/** The byte pipe to the guest's port. send never blocks and keeps order; onData's bytes belong to the client. */
export interface AgentPort {
  send(bytes: Uint8Array): void;
  onData: ((bytes: Uint8Array) => void) | null;
}

/** What hello() learned. */
export interface AgentInfo extends Welcome {
  /** Programs of an earlier session that the agent still knows: see attach. */
  channels: ChannelState[];
}

export interface HelloOptions {
  /** Kill everything that an earlier session left. */
  reset?: boolean;
  signal?: AbortSignal;
}

export interface MountRequest {
  /** A 9p tag, `disk:SERIAL` or `disk:SERIAL:PARTITION`, a device or a folder. */
  source: string;
  /** Absolute path in the guest; made if it is not there. */
  target: string;
  /** File system type; empty for a bind mount. */
  type: string;
  /** File system options, comma-separated. */
  options?: string;
  readOnly?: boolean;
  noSuid?: boolean;
  noDev?: boolean;
  noExec?: boolean;
  bind?: boolean;
}

interface Terminal {
  columns: number;
  rows: number;
}

interface CommonRunOptions extends OutputSinks {
  /** The program has a stdin; without, it reads end of file. With a terminal there always is one. */
  stdin?: boolean;
  /** The program has a terminal of this size; its output all comes as stdout. */
  terminal?: Terminal | undefined;
  /** It is followed on when the guest goes back to where the program ran already: see AgentClient.suspend. */
  outlivesRestore?: boolean;
}

/** A container: its first process is the program. The name is its identity in the guest ([A-Za-z0-9_.-], 64 at most). */
export interface ContainerRun extends CommonRunOptions {
  kind: 'container';
  name: string;
  spec: RuntimeSpec;
}
/** One more process in a container that runs. */
export interface ContainerExec extends CommonRunOptions {
  kind: 'exec';
  name: string;
  process: RuntimeProcess;
}
/** A program of the initramfs, outside of any container: for looking at the guest itself. */
export interface GuestRun extends CommonRunOptions {
  kind: 'guest';
  args: readonly string[];
  env?: readonly string[];
  cwd?: string;
}
export type RunRequest = ContainerRun | ContainerExec | GuestRun;

interface Waiting {
  resolve(frame: Frame): void;
  reject(error: Error): void;
}

/** Options of a 9p mount over virtio; `loose` caches as if nobody else wrote, `mmap` reads and writes through. */
export function p9Options(cache: 'loose' | 'mmap'): string {
  // 512000 is the most that the guest's driver takes; user: the server sees each user's id, and needs no ACLs.
  return `trans=virtio,version=9p2000.L,msize=512000,access=user,cache=${cache}`;
}

export class AgentClient {
  readonly #port: AgentPort;
  readonly #newEpoch: () => bigint;
  #decoder = new FrameDecoder();
  #nextChannel = 1;
  readonly #replies = new Map<number, Waiting>();
  readonly #processes = new Map<number, GuestProcess>();
  /** Programs that may be there again when the guest has gone back, and what becomes of the others. */
  readonly #suspended = new Map<number, GuestProcess>();
  #suspendedFor: Error | undefined;
  #hello: { epoch: bigint; reset: boolean; resolve(info: AgentInfo): void; reject(error: Error): void } | null = null;
  /** A WELCOME that fits, while its CHANNEL_STATEs come. */
  #info: AgentInfo | null = null;
  #failed: Error | null = null;

  /**
   * @param newEpoch gives a random number that no program in the guest can guess (64 bits); it marks the stream's
   *   fresh start. A deterministic machine may take it from its seed.
   */
  constructor(port: AgentPort, newEpoch: () => bigint = randomEpoch) {
    this.#port = port;
    this.#newEpoch = newEpoch;
    port.onData = (bytes) => this.#receive(bytes);
  }

  /**
   * Greets the agent, whatever state the stream is in: at the start, and after a restore. It may be called before the
   * guest has booted, and resolves when the agent answers.
   */
  async hello(options: HelloOptions = {}): Promise<AgentInfo> {
    options.signal?.throwIfAborted();
    this.#abandon(new VivariumError(ErrorCodes.AGENT, 'the guest agent was greeted anew'));
    this.#failed = null;
    const info = await new Promise<AgentInfo>((resolve, reject) => {
      this.#hello = { epoch: 0n, reset: options.reset ?? false, resolve, reject };
      options.signal?.addEventListener('abort', () => reject(options.signal!.reason as Error), { once: true });
      this.#greet();
    });
    if (info.version !== PROTOCOL_VERSION) {
      const error = protocolError(
        `it speaks version ${info.version}, not ${PROTOCOL_VERSION}: rebuild the guest's initramfs`,
      );
      this.#fail(error);
      throw error;
    }
    return info;
  }

  /**
   * The guest goes back to where it was: what waits for it is rejected with this error, and what still comes of it is dropped
   * until {@link hello}. Programs that outlive that wait for {@link resume}, or {@link endSuspended} rejects them too.
   */
  suspend(error: Error): void {
    for (const [channel, process] of this.#processes) {
      if (!process.outlivesRestore) continue;
      this.#processes.delete(channel);
      this.#suspended.set(channel, process);
    }
    this.#suspendedFor = error;
    this.#abandon(error);
    this.#decoder.hunt();
  }

  /** Goes on with a program that the guest knows, as it is there now. The output of one that nobody follows goes nowhere. */
  resume(state: ChannelState): GuestProcess {
    // Channels are not given to another program by the same client, so this is the same one.
    const process = this.#suspended.get(state.channel);
    if (process === undefined) return this.attach(state, {});
    this.#suspended.delete(state.channel);
    return this.#follow(process, state);
  }

  /** Rejects what was suspended and was not resumed: the guest does not know it. */
  endSuspended(): void {
    const error = this.#suspendedFor;
    for (const process of this.#suspended.values()) process.lost(error!);
    this.#suspended.clear();
  }

  /** Round trip of up to 64 bytes. */
  async ping(bytes: Uint8Array = new Uint8Array(0)): Promise<Uint8Array> {
    const reply = await this.#request(Request.PING, bytes.subarray(0, MAX_ECHO));
    return reply.payload;
  }

  async mount(request: MountRequest): Promise<void> {
    const flags =
      (request.readOnly ? MountFlag.READ_ONLY : 0) |
      (request.noSuid ? MountFlag.NO_SUID : 0) |
      (request.noDev ? MountFlag.NO_DEV : 0) |
      (request.noExec ? MountFlag.NO_EXEC : 0) |
      (request.bind ? MountFlag.BIND : 0);
    const payload = new PayloadWriter()
      .uint(4, flags)
      .string(request.source)
      .string(request.target)
      .string(request.type)
      .string(request.options ?? '')
      .done();
    await this.#request(Request.MOUNT, payload, `mount ${request.source} on ${request.target}`);
  }

  async unmount(target: string): Promise<void> {
    await this.#request(Request.UNMOUNT, new PayloadWriter().string(target).done(), `unmount ${target}`);
  }

  /** Looks for a disk by its serial number, also among what was plugged in meanwhile. Rejects when there is none. */
  async findDisk(serial: string): Promise<void> {
    await this.#request(Request.FIND_DISK, new PayloadWriter().string(serial).done(), `find the disk ${serial}`);
  }

  /** Lets go of a disk, which then can be unplugged. Rejects while it is mounted. */
  async removeDisk(serial: string): Promise<void> {
    await this.#request(Request.REMOVE_DISK, new PayloadWriter().string(serial).done(), `remove the disk ${serial}`);
  }

  async setHostname(name: string): Promise<void> {
    await this.#request(Request.SET_HOSTNAME, new PayloadWriter().string(name).done(), 'set the host name');
  }

  /** Sets the guest's clock, in milliseconds since 1970. */
  async setClock(timeMs: number): Promise<void> {
    const seconds = Math.floor(timeMs / 1000);
    const nanoseconds = Math.floor((timeMs - seconds * 1000) * 1e6);
    await this.#request(
      Request.SET_CLOCK,
      new PayloadWriter().uint(8, seconds).uint(4, nanoseconds).done(),
      'set the clock',
    );
  }

  /** Seeds the guest's random numbers with 1 to 512 bytes, and makes it draw anew. */
  async addEntropy(bytes: Uint8Array): Promise<void> {
    await this.#request(Request.ADD_ENTROPY, bytes, 'add entropy');
  }

  /** Has the guest look for devices that were plugged in. Resolves when it has them. */
  async rescan(): Promise<void> {
    await this.#request(Request.RESCAN, new Uint8Array(0), 'look for devices');
  }

  /**
   * Reads a file of the guest itself, such as one below /sys/fs/cgroup or /proc, whole: at most 65536 bytes. Rejects when it
   * is not there, too long or no regular file.
   */
  async readFile(path: string): Promise<Uint8Array> {
    const reply = await this.#request(Request.READ_FILE, new PayloadWriter().string(path).done(), `read ${path}`);
    return reply.payload.slice();
  }

  /** Writes to a file of the guest itself that is there, by one write(2), as settings of the kernel are made. */
  async writeFile(path: string, content: Uint8Array | string): Promise<void> {
    const head = new PayloadWriter().string(path).done();
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    if (head.length + bytes.length > MAX_PAYLOAD)
      throw new VivariumError(
        ErrorCodes.LIMIT,
        `${bytes.length} bytes are too many for one write to ${path} in the guest`,
      );
    const payload = new Uint8Array(head.length + bytes.length);
    payload.set(head);
    payload.set(bytes, head.length);
    await this.#request(Request.WRITE_FILE, payload, `write ${path}`);
  }

  /** Kills everything, writes shares back and powers off (or reboots). Resolves just before. */
  async powerOff(options: { reboot?: boolean } = {}): Promise<void> {
    const flags = options.reboot ? POWER_OFF_REBOOT : 0;
    await this.#request(Request.POWER_OFF, new PayloadWriter().uint(4, flags).done(), 'power off');
  }

  /** Starts a program. Its end, also a failed start, comes through exit; release() it when done. */
  run(request: RunRequest): GuestProcess {
    this.#check();
    const channel = this.#allocate();
    const spec = encodeSpec(request);
    if (spec.length > MAX_SPEC)
      throw new VivariumError(ErrorCodes.LIMIT, `arguments and environment of over ${MAX_SPEC} bytes`);
    const process = new GuestProcess(channel, this.#send, request);
    this.#processes.set(channel, process);
    for (const piece of splitPayload(spec)) this.#send(Request.SPEC, channel, piece);
    const kind = { guest: SpawnKind.GUEST, container: SpawnKind.CONTAINER, exec: SpawnKind.EXEC }[request.kind];
    const flags = request.terminal ? SpawnFlag.TTY | SpawnFlag.STDIN : request.stdin ? SpawnFlag.STDIN : 0;
    const payload = new PayloadWriter()
      .uint(1, kind)
      .uint(1, flags)
      .uint(2, request.terminal?.rows ?? 0)
      .uint(2, request.terminal?.columns ?? 0)
      .uint(2, 0)
      .uint(4, OUTPUT_WINDOW)
      .uint(4, OUTPUT_WINDOW)
      .string(request.kind === 'guest' ? '' : request.name)
      .done();
    process.opened();
    this.#send(Request.SPAWN, channel, payload);
    return process;
  }

  /** Takes over a program of an earlier session. What it wrote in between and nobody received is lost. */
  attach(state: ChannelState, sinks: OutputSinks): GuestProcess {
    return this.#follow(new GuestProcess(state.channel, this.#send, sinks), state);
  }

  #follow(process: GuestProcess, state: ChannelState): GuestProcess {
    this.#check();
    this.#processes.set(state.channel, process);
    if (state.phase === ChannelPhase.EXITED) process.finish(exitStatus(state.how, state.code, ''));
    else process.resumed(state.stdinCredit, state.pid);
    return process;
  }

  /** Forgets a program that has ended, and what crun keeps of its container. */
  async release(process: GuestProcess): Promise<void> {
    await this.#request(Request.RELEASE, new Uint8Array(0), 'release a program', process.channel);
    this.#processes.delete(process.channel);
  }

  /** The guest is gone: everything that waits for it is rejected with this error. */
  close(error: Error = new VivariumError(ErrorCodes.AGENT, 'the guest has stopped')): void {
    this.#fail(error);
  }

  readonly #send = (type: number, channel: number, payload: Uint8Array): void => {
    if (this.#failed === null) this.#port.send(encodeFrame(type, channel, payload));
  };

  #check(): void {
    if (this.#failed !== null) throw this.#failed;
    if (this.#info === null || this.#hello !== null) {
      throw new VivariumError(ErrorCodes.AGENT, 'the guest agent was not greeted yet: await hello() first');
    }
  }

  #allocate(): number {
    let channel = this.#nextChannel;
    while (this.#processes.has(channel) || this.#replies.has(channel)) channel = (channel + 1) % CHANNEL_LIMIT || 1;
    this.#nextChannel = (channel + 1) % CHANNEL_LIMIT || 1;
    return channel;
  }

  async #request(type: number, payload: Uint8Array, what = 'answer', channel = this.#allocate()): Promise<Frame> {
    this.#check();
    if (findSync(payload) >= 0)
      throw new VivariumError(ErrorCodes.AGENT, 'a request has the synchronisation mark in it');
    const reply = await new Promise<Frame>((resolve, reject) => {
      this.#replies.set(channel, { resolve, reject });
      this.#send(type, channel, payload);
    });
    if (reply.type === Reply.ERROR) {
      const r = new PayloadReader(reply.payload);
      r.u32();
      throw new VivariumError(ErrorCodes.AGENT, `the guest can't ${what}: ${r.string().toLowerCase()}`);
    }
    return reply;
  }

  #greet(): void {
    const hello = this.#hello!;
    hello.epoch = this.#newEpoch();
    this.#decoder.hunt();
    const flags = hello.reset ? HELLO_RESET : 0;
    const payload = new PayloadWriter()
      .uint(2, PROTOCOL_VERSION)
      .uint(2, PROTOCOL_VERSION)
      .uint(4, flags)
      .uint(8, hello.epoch)
      .done();
    this.#port.send(SYNC.slice());
    this.#port.send(encodeFrame(Request.HELLO, 0, payload));
  }

  #receive(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    try {
      for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
        if (frame !== 'sync') this.#dispatch(frame);
      }
    } catch (error) {
      if (this.#hello !== null && this.#info === null) {
        this.#decoder.hunt(); // what looked like the agent's start was something else
        this.#receive(new Uint8Array(0));
      } else {
        this.#fail(error as Error);
      }
    }
  }

  #dispatch(frame: Frame): void {
    if (this.#failed !== null) return;
    if (frame.type === Reply.WELCOME) {
      this.#welcomed(decodeWelcome(frame.payload));
      return;
    }
    if (this.#info === null) {
      this.#decoder.hunt();
      return;
    }
    const process = this.#processes.get(frame.channel);
    const waiting = this.#replies.get(frame.channel);
    if (frame.type === Reply.CHANNEL_STATE && this.#hello !== null) {
      this.#info.channels.push(decodeChannelState(frame.channel, frame.payload));
      this.#nextChannel = Math.max(this.#nextChannel, (frame.channel + 1) % CHANNEL_LIMIT || 1);
      this.#settleHello();
    } else if ((frame.type === Reply.OK || frame.type === Reply.PONG || frame.type === Reply.ERROR) && waiting) {
      this.#replies.delete(frame.channel);
      waiting.resolve(frame);
    } else if (frame.type === Reply.ERROR) {
      const r = new PayloadReader(frame.payload);
      r.u32();
      const error = new VivariumError(ErrorCodes.AGENT, `the guest agent refuses: ${r.string()}`);
      if (!process) throw error;
      process.lost(error);
      this.#processes.delete(frame.channel);
    } else if (process) {
      process.receive(frame);
    }
    // Anything else is for a channel that was given up.
  }

  #welcomed(welcome: Welcome): void {
    if (this.#hello === null) {
      throw new VivariumError(ErrorCodes.AGENT, 'the guest has restarted');
    } else if (welcome.epoch === this.#hello.epoch && this.#info === null) {
      this.#decoder.inStep();
      this.#info = { ...welcome, channels: [] };
      this.#settleHello();
    } else if (welcome.epoch === 0n && this.#info === null) {
      this.#greet(); // it has just started: what was sent before may have been lost
    } else {
      this.#decoder.hunt();
    }
  }

  #settleHello(): void {
    if (this.#hello === null || this.#info === null || this.#info.channels.length < this.#info.channelCount) return;
    const { resolve } = this.#hello;
    this.#hello = null;
    resolve(this.#info);
  }

  #abandon(error: Error): void {
    this.#hello?.reject(error);
    this.#hello = null;
    this.#info = null;
    for (const waiting of this.#replies.values()) waiting.reject(error);
    this.#replies.clear();
    for (const process of this.#processes.values()) process.lost(error);
    this.#processes.clear();
  }

  #fail(error: Error): void {
    if (this.#failed !== null) return;
    this.#abandon(error);
    for (const process of this.#suspended.values()) process.lost(error);
    this.#suspended.clear();
    this.#failed = error;
  }
}

function encodeSpec(request: RunRequest): Uint8Array {
  if (request.kind === 'guest') {
    return new PayloadWriter()
      .strings(request.args)
      .strings(request.env ?? ['PATH=/usr/bin:/bin'])
      .string(request.cwd ?? '/')
      .done();
  }
  return new TextEncoder().encode(JSON.stringify(request.kind === 'container' ? request.spec : request.process));
}

function randomEpoch(): bigint {
  const random = crypto.getRandomValues(new BigUint64Array(1));
  return random[0]! || 1n;
}
