/**
 * Virtio console with several named ports. Virtio 1.2, §5.3. Port 0 is the console; the others are byte channels.
 * Left out: emergency write, removal of ports.
 */
import { assert } from '../../../util/errors.ts';
import type { AccessSize, DeviceState } from '../../bus.ts';
import { StateReader } from '../../state.ts';
import { DeviceTypes, DISCONNECTED, readConfigBytes, type VirtioDevice, type VirtioLink } from '../device.ts';
import { ConsolePort, type ConsolePortOptions } from './port.ts';

// Feature bits, §5.3.3.
export const CONSOLE_F_SIZE = 1n << 0n;
export const CONSOLE_F_MULTIPORT = 1n << 1n;

// Queues, §5.3.2: port 0 has 0 and 1, control 2 and 3, port n from 1 on 2n+2 and 2n+3.
const CONTROL_RECEIVE_QUEUE = 2;
const CONTROL_TRANSMIT_QUEUE = 3;
const QUEUE_SIZE = 128;

// Configuration structure, §5.3.4.
const CONFIG_COLS = 0;
const CONFIG_ROWS = 2;
const CONFIG_MAX_NR_PORTS = 4;
const CONFIG_LENGTH = 12;

// Control messages, §5.3.6.2: id, event, value.
const CONTROL_LENGTH = 8;
const CONTROL_EVENT = 4;
const CONTROL_VALUE = 6;
const DEVICE_READY = 0;
const PORT_ADD = 1;
const PORT_READY = 3;
const CONSOLE_PORT = 4;
const RESIZE = 5;
const PORT_OPEN = 6;
const PORT_NAME = 7;

/** A transmit buffer above this breaks the device: no driver sends so much at once. */
const TRANSMIT_BYTES_MAX = 16 * 1024 * 1024;
/** Control messages that a driver which never takes any may leave waiting. */
const CONTROL_BACKLOG_MAX = 1024;
/** Unsent input in a saved state. */
const INPUT_BYTES_MAX = 2 ** 31 - 1;
const STATE_VERSION = 1;

export interface VirtioConsoleOptions {
  /** Port 0 first. */
  ports: readonly ConsolePortOptions[];
  /** Ports that can exist in all, for {@link VirtioConsole.addPort} later. Default: as many as given. */
  maxPorts?: number;
  /** Window size of the console in characters. */
  columns?: number;
  rows?: number;
}

function receiveQueue(portId: number): number {
  return portId === 0 ? 0 : 2 * portId + 2;
}

export class VirtioConsole implements VirtioDevice {
  readonly deviceType = DeviceTypes.console;
  readonly features = CONSOLE_F_SIZE | CONSOLE_F_MULTIPORT;
  readonly queueSizes: readonly number[];
  readonly configLength = CONFIG_LENGTH;
  readonly #ports: ConsolePort[] = [];
  readonly #maxPorts: number;
  readonly #config = new Uint8Array(CONFIG_LENGTH);
  readonly #configView = new DataView(this.#config.buffer);
  /** Control messages waiting for a buffer. */
  #control: Uint8Array[] = [];
  #deviceReady = false;
  #link: VirtioLink = DISCONNECTED;

  constructor(options: VirtioConsoleOptions) {
    this.#maxPorts = options.maxPorts ?? options.ports.length;
    assert(this.#maxPorts >= options.ports.length && options.ports.length > 0, 'a virtio console has at least port 0');
    this.queueSizes = new Array<number>(2 * (this.#maxPorts + 1)).fill(QUEUE_SIZE);
    this.#configView.setUint16(CONFIG_COLS, options.columns ?? 80, true);
    this.#configView.setUint16(CONFIG_ROWS, options.rows ?? 25, true);
    this.#configView.setUint32(CONFIG_MAX_NR_PORTS, this.#maxPorts, true);
    for (const port of options.ports) this.addPort(port);
  }

  /** The port with this number. */
  port(id: number): ConsolePort {
    const port = this.#ports[id];
    assert(port, `there is no console port ${id}`);
    return port;
  }

  /** Adds a port, also while the guest runs. */
  addPort(options: ConsolePortOptions): ConsolePort {
    const id = this.#ports.length;
    assert(id < this.#maxPorts, 'a virtio console got more ports than it has queues for');
    const port = new ConsolePort(id, options, {
      inputAdded: (added) => this.#deliver(added),
      hostOpenChanged: (changed) => {
        if (changed.ready) this.#sendControl(changed.id, PORT_OPEN, Number(changed.hostOpen));
      },
    });
    this.#ports.push(port);
    if (this.#deviceReady) this.#sendControl(id, PORT_ADD, 1);
    return port;
  }

  /** The user's terminal has a new size. */
  resize(columns: number, rows: number): void {
    this.#configView.setUint16(CONFIG_COLS, columns, true);
    this.#configView.setUint16(CONFIG_ROWS, rows, true);
    this.#link.configChanged();
    for (const port of this.#ports) {
      if (port.isConsole && port.ready) this.#sendResize(port.id);
    }
  }

  connect(link: VirtioLink): void {
    this.#link = link;
  }
  configRead(offset: number, size: AccessSize): number {
    return readConfigBytes(this.#config, offset, size);
  }
  configWrite(): void {}

  start(): void {
    if (this.#multiport) return;
    this.#ports[0]!.ready = true;
    this.#ports[0]!.guestOpened(true);
  }

  reset(): void {
    this.#control = [];
    this.#deviceReady = false;
    for (const port of this.#ports) {
      port.ready = false;
      port.guestOpened(false);
    }
  }

  get #multiport(): boolean {
    return (this.#link.features & CONSOLE_F_MULTIPORT) !== 0n;
  }

  notify(queueIndex: number): void {
    if (queueIndex === CONTROL_RECEIVE_QUEUE) this.#flushControl();
    else if (queueIndex === CONTROL_TRANSMIT_QUEUE) this.#takeControl();
    else {
      const portId = queueIndex < 2 ? 0 : (queueIndex - 2) >> 1;
      const port = this.#ports[portId];
      if (!port) return;
      if (queueIndex === receiveQueue(portId)) this.#deliver(port);
      else this.#takeOutput(port);
    }
  }

  // --- Data ---

  /** Moves waiting input into the guest's buffers. */
  #deliver(port: ConsolePort): void {
    if (!this.#link.running || !port.ready || !(port.guestOpen || port.isConsole)) return;
    const queue = this.#link.queues[receiveQueue(port.id)]!;
    for (let bytes = port.peekInput(); bytes; bytes = port.peekInput()) {
      const chain = queue.pop();
      if (!chain) break;
      if (chain.writableBytes === 0) {
        this.#link.fail('console receive buffer that is not writable');
        return;
      }
      const written = chain.write(0, bytes.subarray(0, Math.min(bytes.length, chain.writableBytes)));
      queue.push(chain, written);
      port.consumeInput(written);
    }
    queue.signal();
  }

  /** Moves what the guest wrote into the sink, until that is full. */
  #takeOutput(port: ConsolePort): void {
    if (!this.#link.running) return;
    const queue = this.#link.queues[receiveQueue(port.id) + 1]!;
    for (let taken = 0; taken < queue.size && !port.full; taken++) {
      const chain = queue.pop();
      if (!chain) break;
      if (chain.readableBytes > TRANSMIT_BYTES_MAX) {
        this.#link.fail('console transmit buffer above 16 MiB');
        return;
      }
      const bytes = new Uint8Array(chain.readableBytes);
      chain.read(0, bytes);
      queue.push(chain, 0);
      if (bytes.length === 0) continue;
      const full = port.options.output(bytes);
      if (full) this.#waitForSink(port, full);
    }
    queue.signal();
  }

  #waitForSink(port: ConsolePort, full: Promise<void>): void {
    const resume = (): void => {
      port.full = undefined;
      this.#takeOutput(port);
    };
    // A sink that failed takes nothing more in earnest; going on lets the guest's writer end instead of hanging.
    port.full = full.then(resume, resume);
  }

  // --- Control ---

  #sendControl(portId: number, event: number, value: number, tail: Uint8Array = new Uint8Array(0)): void {
    if (!this.#deviceReady) return;
    const message = new Uint8Array(CONTROL_LENGTH + tail.length);
    const view = new DataView(message.buffer);
    view.setUint32(0, portId, true);
    view.setUint16(CONTROL_EVENT, event, true);
    view.setUint16(CONTROL_VALUE, value, true);
    message.set(tail, CONTROL_LENGTH);
    if (this.#control.length >= CONTROL_BACKLOG_MAX) {
      this.#link.fail('console driver that takes no control messages');
      return;
    }
    this.#control.push(message);
    this.#flushControl();
  }

  /**
   * §5.3.6.2 has columns before rows, but every Linux driver reads rows first (drivers/char/virtio_console.c), and a
   * correction there was taken back. We follow the drivers that exist.
   */
  #sendResize(portId: number): void {
    const size = new Uint8Array(4);
    const view = new DataView(size.buffer);
    view.setUint16(0, this.#configView.getUint16(CONFIG_ROWS, true), true);
    view.setUint16(2, this.#configView.getUint16(CONFIG_COLS, true), true);
    this.#sendControl(portId, RESIZE, 0, size);
  }

  #flushControl(): void {
    if (!this.#link.running) return;
    const queue = this.#link.queues[CONTROL_RECEIVE_QUEUE]!;
    while (this.#control.length > 0) {
      const chain = queue.pop();
      if (!chain) break;
      const message = this.#control.shift()!;
      if (chain.writableBytes < message.length) {
        this.#link.fail('console control buffer that is too short');
        return;
      }
      queue.push(chain, chain.write(0, message));
    }
    queue.signal();
  }

  #takeControl(): void {
    const queue = this.#link.queues[CONTROL_TRANSMIT_QUEUE]!;
    const message = new Uint8Array(CONTROL_LENGTH);
    const view = new DataView(message.buffer);
    for (let taken = 0; taken < queue.size; taken++) {
      const chain = queue.pop();
      if (!chain) break;
      const complete = chain.read(0, message) === CONTROL_LENGTH;
      queue.push(chain, 0);
      if (complete)
        this.#handleControl(
          view.getUint32(0, true),
          view.getUint16(CONTROL_EVENT, true),
          view.getUint16(CONTROL_VALUE, true),
        );
    }
    queue.signal();
  }

  #handleControl(portId: number, event: number, value: number): void {
    if (event === DEVICE_READY) {
      // Value 0: the driver failed to set the device up, and nothing more will come.
      if (value !== 1 || this.#deviceReady) return;
      this.#deviceReady = true;
      for (const port of this.#ports) this.#sendControl(port.id, PORT_ADD, 1);
      return;
    }
    const port = this.#ports[portId];
    if (!port) return;
    if (event === PORT_READY) {
      if (value === 1) this.#announce(port);
    } else if (event === PORT_OPEN) {
      port.guestOpened(value === 1);
      this.#deliver(port);
    }
  }

  /** The driver knows the port: tell it what kind it is, what it is called and whether the host listens. */
  #announce(port: ConsolePort): void {
    port.ready = true;
    if (port.isConsole) {
      this.#sendControl(port.id, CONSOLE_PORT, 1);
      this.#sendResize(port.id);
    }
    if (port.name !== undefined) this.#sendControl(port.id, PORT_NAME, 1, new TextEncoder().encode(port.name));
    if (port.hostOpen) this.#sendControl(port.id, PORT_OPEN, 1);
    this.#deliver(port);
  }

  // --- State ---

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      deviceReady: this.#deviceReady,
      control: this.#control,
      columns: this.#configView.getUint16(CONFIG_COLS, true),
      rows: this.#configView.getUint16(CONFIG_ROWS, true),
      ports: this.#ports.map((port) => ({
        ready: port.ready,
        guestOpen: port.guestOpen,
        hostOpen: port.hostOpen,
        input: port.unsentInput(),
      })),
    };
  }

  /** The sinks are new: output that waited for a full one goes on once all is loaded. */
  load(state: DeviceState): void {
    const reader = new StateReader('a virtio console', state, STATE_VERSION);
    this.#deviceReady = reader.boolean('deviceReady');
    const control = state['control'];
    this.#control = Array.isArray(control)
      ? control.filter((message) => message instanceof Uint8Array).map((message) => message.slice())
      : [];
    this.#configView.setUint16(CONFIG_COLS, reader.int('columns', 0xffff), true);
    this.#configView.setUint16(CONFIG_ROWS, reader.int('rows', 0xffff), true);
    const ports = reader.parts('ports', this.#ports.length).map((part) => new StateReader('a console port', part));
    this.#ports.forEach((port, id) => {
      const saved = ports[id]!;
      port.full = undefined;
      port.restore({
        ready: saved.boolean('ready'),
        guestOpen: saved.boolean('guestOpen'),
        hostOpen: saved.boolean('hostOpen'),
        input: saved.bytes('input', INPUT_BYTES_MAX),
      });
    });
    // Not now: an interrupt in the middle of a load would reach controllers that are not loaded yet.
    for (const port of this.#ports) this.#waitForSink(port, Promise.resolve());
  }

  /** Output is handed over at once; a full sink holds nothing of the device's. */
  async quiesce(): Promise<void> {}
}
