/** The guest's end of the agent protocol in memory: records what the client sends, and answers as a test says. */
import type { AgentPort } from '../../src/container/agent-client.ts';
import {
  encodeFrame,
  FrameDecoder,
  PayloadReader,
  PayloadWriter,
  Reply,
  Request,
  splitPayload,
  SYNC,
  type Frame,
} from '../../src/container/agent-protocol.ts';

export interface Welcomed {
  epoch?: bigint;
  version?: number;
  channels?: Uint8Array[];
  /** Their numbers: 1, 2 and so on if not given. */
  numbers?: number[];
}

export class FakeAgent {
  readonly port: AgentPort;
  /** Everything received since the last clear(), except HELLO. */
  frames: Frame[] = [];
  hellos: { flags: number; epoch: bigint }[] = [];
  /** Set to answer a HELLO by hand. */
  greets = true;
  /** Set to answer OK to every request for the guest itself, and to a PING. */
  confirms = false;
  /** Files of the guest that a request to read finds, and one to write changes, when it confirms. */
  readonly files = new Map<string, string>();
  readonly #decoder = new FrameDecoder();

  constructor() {
    this.port = { send: (bytes) => this.#receive(bytes.slice()), onData: null };
  }

  #receive(bytes: Uint8Array): void {
    this.#decoder.push(bytes);
    for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
      if (frame === 'sync') this.#decoder.inStep();
      else if (frame.type === Request.HELLO) this.#hello(frame);
      else {
        this.frames.push(frame);
        if (this.confirms && frame.type === Request.PING) this.send(Reply.PONG, frame.channel, frame.payload);
        if (this.confirms && frame.type >= Request.MOUNT && frame.type <= Request.REMOVE_DISK)
          this.send(Reply.OK, frame.channel);
        if (this.confirms && (frame.type === Request.READ_FILE || frame.type === Request.WRITE_FILE)) this.#file(frame);
        if (this.confirms && frame.type === Request.RELEASE) this.send(Reply.OK, frame.channel);
      }
    }
  }

  #file({ type, channel, payload }: Frame): void {
    const r = new PayloadReader(payload);
    const path = r.string();
    const content = this.files.get(path);
    if (content === undefined) {
      this.send(Reply.ERROR, channel, new PayloadWriter().uint(4, 2).string(`no file ${path}`).done());
    } else if (type === Request.READ_FILE) {
      this.send(Reply.OK, channel, new TextEncoder().encode(content));
    } else {
      this.files.set(path, new TextDecoder().decode(payload.subarray(2 + path.length)));
      this.send(Reply.OK, channel);
    }
  }

  #hello(frame: Frame): void {
    const r = new PayloadReader(frame.payload);
    r.u16();
    r.u16();
    this.hellos.push({ flags: r.u32(), epoch: r.u64() });
    if (this.greets) this.welcome();
  }

  /** Bytes as they come from the guest. */
  raw(bytes: Uint8Array): void {
    this.port.onData!(bytes.slice());
  }

  send(type: number, channel: number, payload: Uint8Array = new Uint8Array(0)): void {
    this.raw(encodeFrame(type, channel, payload));
  }

  welcome({ epoch = this.hellos.at(-1)!.epoch, version = 1, channels = [], numbers }: Welcomed = {}): void {
    const payload = new PayloadWriter()
      .uint(2, version)
      .uint(2, channels.length)
      .uint(4, 65536)
      .uint(8, epoch)
      .uint(8, 42_000_000)
      .string('6.1.0-guest')
      .string('x86_64')
      .done();
    this.raw(SYNC);
    this.send(Reply.WELCOME, 0, payload);
    channels.forEach((state, index) => this.send(Reply.CHANNEL_STATE, numbers?.[index] ?? index + 1, state));
  }

  started(channel: number, pid = 100): void {
    this.send(Reply.STARTED, channel, new PayloadWriter().uint(4, pid).done());
  }

  output(type: number, channel: number, text: string): void {
    this.send(type, channel, new TextEncoder().encode(text));
  }

  /** That many zeros on stdout, in frames as large as they may be. */
  stdout(channel: number, byteCount: number): void {
    for (const piece of splitPayload(new Uint8Array(byteCount))) this.send(Reply.STDOUT, channel, piece);
  }

  exit(channel: number, how: number, code: number, text = ''): void {
    this.send(
      Reply.EXIT,
      channel,
      new PayloadWriter().uint(1, how).uint(1, 0).uint(2, 0).uint(4, code).string(text).done(),
    );
  }

  /** All MOUNTs: flags, source, target, type and options. */
  mounts(): (number | string)[][] {
    return this.frames
      .filter(({ type }) => type === Request.MOUNT)
      .map(({ payload }) => {
        const r = new PayloadReader(payload);
        return [r.u32(), r.string(), r.string(), r.string(), r.string()];
      });
  }

  /** Payloads of one type, joined. */
  received(type: number): Uint8Array {
    return Uint8Array.from(
      Buffer.concat(this.frames.filter((frame) => frame.type === type).map((frame) => frame.payload)),
    );
  }
}
