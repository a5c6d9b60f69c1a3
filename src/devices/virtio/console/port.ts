/**
 * One port of a virtio console, as the host uses it: bytes out of the guest into a sink, bytes in from `send`, open and
 * close on both sides. Virtio 1.2, §5.3. The device moves the bytes.
 */

/**
 * Takes bytes that the guest wrote; they are the sink's to keep. A promise means "full": the device takes nothing more
 * from this port until it resolves, and the guest's writer waits.
 */
export type PortSink = (bytes: Uint8Array) => void | Promise<void>;

export interface ConsolePortOptions {
  /** Name under /dev/virtio-ports in a Linux guest. */
  name?: string;
  /** The port is a console (hvc in Linux). Port 0 always is one when the driver does not use several ports. */
  console?: boolean;
  output: PortSink;
  /** The guest opened or closed the port. */
  onGuestOpen?: (open: boolean) => void;
  /** Everything sent so far has reached the guest. */
  onDrain?: () => void;
  /** Whether the host's side is connected from the start (the default). */
  hostOpen?: boolean;
}

/** What a port asks of its device. */
export interface PortOwner {
  /** There is input to deliver. */
  inputAdded(port: ConsolePort): void;
  hostOpenChanged(port: ConsolePort): void;
}

export class ConsolePort {
  readonly id: number;
  readonly name: string | undefined;
  readonly isConsole: boolean;
  readonly options: ConsolePortOptions;
  /** The driver has announced the port (PORT_READY). */
  ready = false;
  guestOpen = false;
  /** The sink is full; resolves when it is not. */
  full: Promise<void> | undefined;
  #hostOpen: boolean;
  readonly #owner: PortOwner;
  readonly #input: Uint8Array[] = [];
  #inputBytes = 0;

  constructor(id: number, options: ConsolePortOptions, owner: PortOwner) {
    this.id = id;
    this.options = options;
    this.name = options.name;
    this.isConsole = options.console ?? false;
    this.#hostOpen = options.hostOpen ?? true;
    this.#owner = owner;
  }

  /** Queues bytes for the guest; they are copied. Delivery waits for the guest to open the port (consoles: to be ready). */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#input.push(bytes.slice());
    this.#inputBytes += bytes.length;
    this.#owner.inputAdded(this);
  }

  /** Bytes sent that the guest has not taken; a sender that cares stops above some amount and waits for `onDrain`. */
  get pendingBytes(): number {
    return this.#inputBytes;
  }

  get hostOpen(): boolean {
    return this.#hostOpen;
  }
  /** Connects or disconnects the host's side: while closed, the guest reads end of file. */
  setHostOpen(open: boolean): void {
    if (open === this.#hostOpen) return;
    this.#hostOpen = open;
    this.#owner.hostOpenChanged(this);
  }

  /** For the device: the oldest unsent bytes. */
  peekInput(): Uint8Array | undefined {
    return this.#input[0];
  }
  /** For the device: `byteCount` of them were delivered. */
  consumeInput(byteCount: number): void {
    const first = this.#input[0]!;
    if (byteCount === first.length) this.#input.shift();
    else this.#input[0] = first.subarray(byteCount);
    this.#inputBytes -= byteCount;
    if (this.#inputBytes === 0) this.options.onDrain?.();
  }

  /** For the device: tells the host about the guest's side. */
  guestOpened(open: boolean): void {
    if (open === this.guestOpen) return;
    this.guestOpen = open;
    this.options.onGuestOpen?.(open);
  }

  /** For save and load: everything unsent, joined. */
  unsentInput(): Uint8Array {
    const joined = new Uint8Array(this.#inputBytes);
    let at = 0;
    for (const bytes of this.#input) {
      joined.set(bytes, at);
      at += bytes.length;
    }
    return joined;
  }
  restore(state: { ready: boolean; guestOpen: boolean; hostOpen: boolean; input: Uint8Array }): void {
    this.ready = state.ready;
    this.#hostOpen = state.hostOpen;
    this.#input.length = 0;
    this.#inputBytes = state.input.length;
    if (state.input.length > 0) this.#input.push(state.input.slice());
    this.guestOpened(state.guestOpen);
  }
}
