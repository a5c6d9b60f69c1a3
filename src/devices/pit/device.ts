/**
 * The PC's 8254 interval timer with port B (61h): channel 0 drives IRQ 0, channel 2 can be gated and its output read,
 * by which guests calibrate their TSC. Leaves out the sound of the speaker.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { Clock, Timer } from '../clock.ts';
import type { IrqLine } from '../irq.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import { PitChannel } from './channel.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const NS_PER_SECOND = 1e9;
const SPEAKER_CHANNEL = 2;
/** No guest can make the host run a timer more often than this; rises that fall between are one interrupt. */
const SHORTEST_PERIOD_NS = 10_000;

export class Pit implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #clock: Clock;
  readonly #irq: IrqLine;
  readonly #timer: Timer;
  readonly #channels = [new PitChannel(true), new PitChannel(true), new PitChannel(false)] as const;
  #portB = 0;
  /** OUT of channel 0 as last driven. */
  #isIrqHigh = false;
  /** The tick of the rise that the timer waits for. */
  #riseTick: number | undefined;

  /** @param irq the wire of IRQ 0. */
  constructor(clock: Clock, irq: IrqLine) {
    this.#clock = clock;
    this.#irq = irq;
    this.#timer = clock.createTimer('pit', () => this.#fire());
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(R.CHANNEL_0, R.CHANNEL_COUNT + 1, this);
    ports.register(R.PORT_B, 1, this);
  }

  portRead(port: number, _size: AccessSize): number {
    const now = this.#tick();
    if (port === R.PORT_B) {
      const refresh = Math.floor(now / R.REFRESH_TICKS) % 2 === 1 ? R.PORT_B_REFRESH : 0;
      return this.#portB | refresh | (this.#channels[SPEAKER_CHANNEL].output(now) ? R.PORT_B_OUT2 : 0);
    }
    const channel = this.#channels[port - R.CHANNEL_0];
    return channel === undefined ? 0xff : channel.read(now); // the control word can't be read
  }

  portWrite(port: number, _size: AccessSize, value: number): void {
    const now = this.#tick();
    if (port === R.PORT_B) {
      this.#portB = value & R.PORT_B_WRITABLE;
      this.#channels[SPEAKER_CHANNEL].setGate((value & R.PORT_B_GATE2) !== 0, now);
    } else if (port === R.CONTROL) {
      this.#control(value, now);
    } else {
      this.#channels[port - R.CHANNEL_0]?.write(value, now);
      if (port === R.CHANNEL_0) this.#reschedule(now);
    }
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      channels: this.#channels.map((channel) => channel.save()),
      portB: this.#portB,
      isIrqHigh: this.#isIrqHigh,
      riseTick: this.#riseTick ?? null,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('pit', state, STATE_VERSION);
    const channels = reader.parts('channels', R.CHANNEL_COUNT);
    this.#channels.forEach((channel, index) => channel.load(channels[index] ?? {}));
    this.#portB = reader.int('portB', R.PORT_B_WRITABLE);
    this.#isIrqHigh = reader.boolean('isIrqHigh');
    this.#irq.set(this.#isIrqHigh);
    this.#arm(reader.optionalNumber('riseTick')); // not computed anew: a rise may be due and not yet fired
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  #control(word: number, now: number): void {
    const select = word >> R.CONTROL_CHANNEL_SHIFT;
    if (select === R.CONTROL_READ_BACK) {
      this.#channels.forEach((channel, index) => {
        if ((word & (R.READ_BACK_CHANNEL_0 << index)) === 0) return;
        if ((word & R.READ_BACK_NOT_COUNT) === 0) channel.latchCount(now);
        if ((word & R.READ_BACK_NOT_STATUS) === 0) channel.latchStatus(now);
      });
      return;
    }
    const channel = this.#channels[select];
    if (((word >> R.CONTROL_ACCESS_SHIFT) & R.CONTROL_ACCESS_MASK) === R.ACCESS_LATCH) {
      channel?.latchCount(now);
      return;
    }
    channel?.control(word);
    if (select === 0) this.#reschedule(now);
  }

  /** After programming channel 0: a fall of OUT shows at once, the next rise is a timer. */
  #reschedule(now: number): void {
    if (!this.#channels[0].output(now)) this.#drive(false);
    this.#arm(this.#channels[0].nextRise(now));
  }

  /**
   * Only rises are timed, and the wire stays high between them: interrupt controllers latch rises, and a square wave's
   * fall would cost a timer for nothing.
   */
  #fire(): void {
    const now = this.#tick();
    if (this.#riseTick !== undefined && now >= this.#riseTick) {
      this.#drive(false);
      this.#drive(true);
    }
    this.#arm(this.#channels[0].nextRise(now));
  }

  #arm(riseTick: number | undefined): void {
    this.#riseTick = riseTick;
    if (riseTick === undefined) {
      this.#timer.cancel();
      return;
    }
    const nowNs = this.#clock.nowNs();
    const riseNs = Math.ceil((riseTick * NS_PER_SECOND) / R.PIT_HZ);
    const periodNs = ((this.#channels[0].periodTicks ?? Infinity) * NS_PER_SECOND) / R.PIT_HZ;
    this.#timer.arm(Math.max(riseNs, nowNs + (periodNs < SHORTEST_PERIOD_NS ? SHORTEST_PERIOD_NS : 1)));
  }

  #drive(high: boolean): void {
    if (high === this.#isIrqHigh) return;
    this.#isIrqHigh = high;
    this.#irq.set(high);
  }

  #tick(): number {
    return Math.floor((this.#clock.nowNs() * R.PIT_HZ) / NS_PER_SECOND);
  }
}
