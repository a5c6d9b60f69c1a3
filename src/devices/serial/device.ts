/**
 * A 16550A UART (PC16550D data sheet) whose line is the host's byte streams, passed on byte for byte. Transmission takes
 * no time. Input waits in a queue until the guest listens, and arrives in bursts of at most one FIFO at a stated pace.
 * Leaves out parity and framing errors, which this line can't have, and the PC's gating of the interrupt by OUT2: small
 * teaching kernels that were written against emulators leave that bit clear.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import { ByteBatch, type ByteSink } from '../byte-batch.ts';
import type { Clock, Timer } from '../clock.ts';
import { LevelOutput } from '../irq-lines.ts';
import type { IrqLine } from '../irq.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import { ReceiveQueue } from './receive-queue.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const NS_PER_SECOND = 1e9;
const QUEUE_BYTES = 4096;
/** Input arrives no faster than this: a guest must find time to run between two bursts, whatever its divisor says. */
const RECEIVE_BYTE_NS = 5_000;
/**
 * So many reads of LSR with nothing between mark a guest that polls for input. A transmitter's wait reads it once, and
 * a driver that starts up throws away what it finds, so bytes are held back until somebody listens.
 */
const POLLS_TO_LISTEN = 16;
/** A FIFO entry with this bit is the zero byte of a BREAK. */
const ENTRY_BREAK = 0x100;
const ENTRY_MASK = 0x1ff;

export interface SerialOptions {
  readonly clock: Clock;
  readonly irq: IrqLine;
  /** Receives what the guest sends, in pieces, a moment later at most. */
  readonly output: ByteSink;
  /** Called when there is room again after {@link Serial.receive} did not take all. */
  readonly onRoom?: () => void;
}

export class Serial implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #clock: Clock;
  readonly #irq: LevelOutput;
  readonly #output: ByteBatch;
  readonly #onRoom: () => void;
  readonly #timeout: Timer;
  readonly #arrival: Timer;
  readonly #queue = new ReceiveQueue(QUEUE_BYTES);
  #fifo: number[] = [];
  #isHostWaiting = false;
  #nextArrivalNs = 0;
  #pollCount = 0;
  #hasTimedOut = false;
  #isTransmitPending = false;
  #ier = 0;
  #isFifoEnabled = false;
  #trigger = 0;
  #lcr = 0;
  #mcr = 0;
  #overrun = 0;
  /** LSR's error bits of the byte at the FIFO's head are shown once. */
  #isHeadErrorSeen = false;
  #msrDeltas = 0;
  #scratch = 0;
  #divisor = 12; // 9,600 baud
  #base = 0;

  constructor({ clock, irq, output, onRoom }: SerialOptions) {
    this.#clock = clock;
    this.#irq = new LevelOutput(irq);
    this.#output = new ByteBatch('serial', clock, output);
    this.#onRoom = onRoom ?? (() => {});
    this.#timeout = clock.createTimer('serial time-out', () => this.#expire());
    this.#arrival = clock.createTimer('serial arrival', () => this.#arrive());
  }

  /** @param firstPort {@link R.COM1_PORT} and its like. */
  connect(ports: Pick<PortMap, 'register'>, firstPort: number): void {
    this.#base = firstPort;
    ports.register(firstPort, R.REGISTER_COUNT, this);
  }

  /** Input from the host. Returns how many bytes were taken; for the rest, wait for `onRoom`. */
  receive(bytes: Uint8Array): number {
    const accepted = this.#queue.push(bytes);
    this.#isHostWaiting ||= accepted < bytes.length;
    this.#arrive();
    return accepted;
  }

  /** A BREAK on the line (Linux's SysRq on a serial console). */
  receiveBreak(): void {
    this.#enqueue(ENTRY_BREAK);
    this.#update();
  }

  /** Hands what was sent to the sink now, before the machine stops. */
  flush(): void {
    this.#output.flush();
  }

  portRead(port: number, _size: AccessSize): number {
    const register = port - this.#base;
    if (register !== R.LSR) this.#pollCount = Math.min(this.#pollCount, register === R.DATA ? POLLS_TO_LISTEN : 0);
    const value = this.#read(register);
    this.#update();
    return value;
  }

  portWrite(port: number, _size: AccessSize, value: number): void {
    this.#pollCount = 0;
    this.#write(port - this.#base, value);
    this.#update();
  }

  save(): DeviceState {
    this.flush();
    return {
      version: STATE_VERSION,
      queue: this.#queue.toBytes(),
      fifo: [...this.#fifo],
      nextArrivalNs: this.#nextArrivalNs,
      timeoutNs: this.#timeout.deadlineNs ?? null,
      pollCount: this.#pollCount,
      hasTimedOut: this.#hasTimedOut,
      isTransmitPending: this.#isTransmitPending,
      ier: this.#ier,
      isFifoEnabled: this.#isFifoEnabled,
      trigger: this.#trigger,
      lcr: this.#lcr,
      mcr: this.#mcr,
      overrun: this.#overrun,
      isHeadErrorSeen: this.#isHeadErrorSeen,
      msrDeltas: this.#msrDeltas,
      scratch: this.#scratch,
      divisor: this.#divisor,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('serial', state, STATE_VERSION);
    this.#irq.forget();
    this.#queue.clear();
    this.#queue.push(reader.bytes('queue', QUEUE_BYTES));
    this.#fifo = reader.intsUpTo('fifo', R.FIFO_DEPTH, ENTRY_MASK);
    this.#nextArrivalNs = reader.number('nextArrivalNs');
    const timeoutNs = reader.optionalNumber('timeoutNs');
    this.#pollCount = reader.int('pollCount', POLLS_TO_LISTEN);
    this.#hasTimedOut = reader.boolean('hasTimedOut');
    this.#isTransmitPending = reader.boolean('isTransmitPending');
    this.#ier = reader.int('ier', R.IER_MASK);
    this.#isFifoEnabled = reader.boolean('isFifoEnabled');
    this.#trigger = reader.int('trigger', R.TRIGGER_LEVELS.length - 1);
    this.#lcr = reader.int('lcr', 0xff);
    this.#mcr = reader.int('mcr', R.MCR_MASK);
    this.#overrun = reader.int('overrun', R.LSR_OVERRUN);
    this.#isHeadErrorSeen = reader.boolean('isHeadErrorSeen');
    this.#msrDeltas = reader.int('msrDeltas', R.MSR_DELTAS);
    this.#scratch = reader.int('scratch', 0xff);
    this.#divisor = reader.int('divisor', 0xffff);
    if (timeoutNs === undefined) this.#timeout.cancel();
    else this.#timeout.arm(timeoutNs);
    this.#arrive();
  }

  quiesce(): Promise<void> {
    this.flush();
    return Promise.resolve();
  }

  #read(register: number): number {
    const hasDivisorAccess = (this.#lcr & R.LCR_DLAB) !== 0;
    switch (register) {
      case R.DATA:
        return hasDivisorAccess ? this.#divisor & 0xff : this.#readData();
      case R.IER:
        return hasDivisorAccess ? this.#divisor >> 8 : this.#ier;
      case R.IIR_FCR: {
        const source = this.#interruptSource();
        if (source === R.IIR_TRANSMIT) this.#isTransmitPending = false; // §8.6: reading IIR resets this source
        return source | (this.#isFifoEnabled ? R.IIR_FIFO_ENABLED : 0);
      }
      case R.LCR:
        return this.#lcr;
      case R.MCR:
        return this.#mcr;
      case R.LSR:
        return this.#readLineStatus();
      case R.MSR: {
        const status = this.#modemStatus() | this.#msrDeltas;
        this.#msrDeltas = 0;
        return status;
      }
      default:
        return this.#scratch;
    }
  }

  #write(register: number, value: number): void {
    const hasDivisorAccess = (this.#lcr & R.LCR_DLAB) !== 0;
    switch (register) {
      case R.DATA:
        if (hasDivisorAccess) this.#divisor = (this.#divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case R.IER:
        if (hasDivisorAccess) this.#divisor = (this.#divisor & 0xff) | (value << 8);
        else this.#enableInterrupts(value & R.IER_MASK);
        break;
      case R.IIR_FCR:
        this.#controlFifo(value);
        break;
      case R.LCR:
        // A BREAK in loopback reaches our own receiver.
        if ((value & ~this.#lcr & R.LCR_BREAK) !== 0 && this.#isLoopback()) this.#enqueue(ENTRY_BREAK);
        this.#lcr = value;
        break;
      case R.MCR: {
        const before = this.#modemStatus();
        this.#mcr = value & R.MCR_MASK;
        this.#noteModemChange(before, this.#modemStatus());
        break;
      }
      case R.SCR:
        this.#scratch = value;
        break;
      default: // LSR and MSR: writing is for factory tests only
    }
  }

  #isLoopback(): boolean {
    return (this.#mcr & R.MCR_LOOPBACK) !== 0;
  }

  #isListening(): boolean {
    return (this.#ier & R.IER_RECEIVE) !== 0 || this.#pollCount >= POLLS_TO_LISTEN;
  }

  #depth(): number {
    return this.#isFifoEnabled ? R.FIFO_DEPTH : 1;
  }

  #readData(): number {
    const entry = this.#fifo.shift();
    this.#isHeadErrorSeen = false;
    this.#hasTimedOut = false;
    this.#restartTimeout();
    return (entry ?? 0) & 0xff;
  }

  #transmit(byte: number): void {
    if (this.#isLoopback()) this.#enqueue(byte);
    else this.#output.push(byte);
    this.#isTransmitPending = true; // empty again at once
  }

  #enableInterrupts(ier: number): void {
    // Enabling this source while the register is empty raises it: drivers test for that.
    if ((ier & ~this.#ier & R.IER_TRANSMIT) !== 0) this.#isTransmitPending = true;
    this.#ier = ier;
  }

  #controlFifo(value: number): void {
    const enable = (value & R.FCR_ENABLE) !== 0;
    // Changing the mode empties the FIFO, and Linux changes it after it enabled the interrupt: input that came between
    // waits again, for this line has no sender that would repeat it.
    if (enable !== this.#isFifoEnabled) this.#queue.unshift(this.#fifo.filter((entry) => (entry & ENTRY_BREAK) === 0));
    if (enable !== this.#isFifoEnabled || (enable && (value & R.FCR_CLEAR_RECEIVE) !== 0)) {
      this.#fifo = [];
      this.#hasTimedOut = false;
      this.#isHeadErrorSeen = false;
      this.#timeout.cancel();
    }
    this.#isFifoEnabled = enable;
    if (enable) this.#trigger = value >> R.FCR_TRIGGER_SHIFT; // "bit 0 must be a 1 when other FCR bits are written"
  }

  #readLineStatus(): number {
    const head = this.#fifo[0];
    const breakSeen = head !== undefined && (head & ENTRY_BREAK) !== 0 && !this.#isHeadErrorSeen;
    const hasFifoError = this.#isFifoEnabled && this.#fifo.some((entry) => (entry & ENTRY_BREAK) !== 0);
    const status =
      (head !== undefined ? R.LSR_DATA_READY : 0) |
      this.#overrun |
      (breakSeen ? R.LSR_BREAK : 0) |
      R.LSR_THR_EMPTY |
      R.LSR_TRANSMITTER_EMPTY |
      (hasFifoError ? R.LSR_FIFO_ERROR : 0);
    this.#overrun = 0;
    if (breakSeen) this.#isHeadErrorSeen = true;
    if (head === undefined && this.#pollCount < POLLS_TO_LISTEN) this.#pollCount++;
    return status;
  }

  /** In loopback the modem inputs are the modem outputs (§8.8); else the other side is always there. */
  #modemStatus(): number {
    if (!this.#isLoopback()) return R.MSR_CTS | R.MSR_DSR | R.MSR_DCD;
    return (
      ((this.#mcr & R.MCR_RTS) !== 0 ? R.MSR_CTS : 0) |
      ((this.#mcr & R.MCR_DTR) !== 0 ? R.MSR_DSR : 0) |
      ((this.#mcr & R.MCR_OUT1) !== 0 ? R.MSR_RI : 0) |
      ((this.#mcr & R.MCR_OUT2) !== 0 ? R.MSR_DCD : 0)
    );
  }

  #noteModemChange(before: number, after: number): void {
    const changed = before ^ after;
    if ((changed & R.MSR_CTS) !== 0) this.#msrDeltas |= R.MSR_DELTA_CTS;
    if ((changed & R.MSR_DSR) !== 0) this.#msrDeltas |= R.MSR_DELTA_DSR;
    if ((changed & before & R.MSR_RI) !== 0) this.#msrDeltas |= R.MSR_TRAILING_RI;
    if ((changed & R.MSR_DCD) !== 0) this.#msrDeltas |= R.MSR_DELTA_DCD;
  }

  /** A character reaches the receiver. A full FIFO keeps what it has and loses the new one (§8.4, bit 1). */
  #enqueue(entry: number): void {
    if (this.#fifo.length < this.#depth()) this.#fifo.push(entry);
    else this.#overrun = R.LSR_OVERRUN;
    this.#restartTimeout();
  }

  /** Moves input into the FIFO if the guest listens, there is room and the line has been quiet long enough. */
  #arrive(): void {
    this.#admit();
    this.#update();
  }

  #admit(): void {
    if (this.#queue.byteCount === 0 || this.#isLoopback() || !this.#isListening() || this.#fifo.length >= this.#depth())
      return;
    const nowNs = this.#clock.nowNs();
    if (nowNs < this.#nextArrivalNs) {
      if (this.#arrival.deadlineNs === undefined) this.#arrival.arm(this.#nextArrivalNs);
      return;
    }
    const count = Math.min(this.#queue.byteCount, this.#depth() - this.#fifo.length);
    for (let i = 0; i < count; i++) this.#enqueue(this.#queue.shift() ?? 0);
    this.#nextArrivalNs = nowNs + count * RECEIVE_BYTE_NS;
    if (this.#queue.byteCount > 0) this.#arrival.arm(this.#nextArrivalNs);
    if (this.#isHostWaiting && this.#queue.byteCount <= QUEUE_BYTES / 2) {
      this.#isHostWaiting = false;
      this.#onRoom();
    }
  }

  #restartTimeout(): void {
    if (this.#isFifoEnabled && this.#fifo.length > 0)
      this.#timeout.arm(this.#clock.nowNs() + R.TIMEOUT_CHARACTERS * this.#characterNs());
    else this.#timeout.cancel();
  }

  #characterNs(): number {
    const dataBits = 5 + (this.#lcr & R.LCR_WORD_LENGTH);
    const bits =
      1 + dataBits + ((this.#lcr & R.LCR_PARITY) !== 0 ? 1 : 0) + ((this.#lcr & R.LCR_TWO_STOPS) !== 0 ? 2 : 1);
    return (bits * Math.max(1, this.#divisor) * NS_PER_SECOND) / R.BASE_BAUD;
  }

  #expire(): void {
    this.#hasTimedOut = this.#isFifoEnabled && this.#fifo.length > 0;
    this.#update();
  }

  /** The source that IIR names: the highest enabled one (§8.6, table III). */
  #interruptSource(): number {
    const head = this.#fifo[0];
    const hasLineError =
      this.#overrun !== 0 || (head !== undefined && (head & ENTRY_BREAK) !== 0 && !this.#isHeadErrorSeen);
    if (hasLineError && (this.#ier & R.IER_LINE) !== 0) return R.IIR_LINE;
    if ((this.#ier & R.IER_RECEIVE) !== 0) {
      const threshold = this.#isFifoEnabled ? (R.TRIGGER_LEVELS[this.#trigger] ?? 1) : 1;
      if (this.#fifo.length >= threshold) return R.IIR_RECEIVE;
      if (this.#hasTimedOut) return R.IIR_TIMEOUT;
    }
    if (this.#isTransmitPending && (this.#ier & R.IER_TRANSMIT) !== 0) return R.IIR_TRANSMIT;
    if (this.#msrDeltas !== 0 && (this.#ier & R.IER_MODEM) !== 0) return R.IIR_MODEM;
    return R.IIR_NONE;
  }

  #update(): void {
    this.#admit();
    this.#irq.set(this.#interruptSource() !== R.IIR_NONE);
  }
}
