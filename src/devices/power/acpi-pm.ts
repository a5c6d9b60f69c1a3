/**
 * ACPI fixed hardware (ACPI 6.4 §4.8.3): PM1 events and control, the 32-bit power management timer, the SCI, the power
 * button, and soft off. The machine is in ACPI mode from the start. Leaves out sleeping states other than S5.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { Clock, Timer } from '../clock.ts';
import { LevelOutput } from '../irq-lines.ts';
import type { IrqLine } from '../irq.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const NS_PER_SECOND = 1e9;
const TIMER_RANGE = 2 ** 32;
/** The timer's status bit is set whenever its top bit changes (§4.8.3.1.1). */
const HALF_TIMER_RANGE = TIMER_RANGE / 2;
const WORD = 0xffff;

export class AcpiPm implements PortDevice, Stateful {
  readonly widestPortAccess = 4;
  readonly #clock: Clock;
  readonly #sci: LevelOutput;
  readonly #powerOff: () => void;
  readonly #timer: Timer;
  #status = 0;
  #enable = 0;
  #control = R.SCI_ENABLE;
  /** Until when the timer's status bit is worked out, in half ranges of the timer. */
  #halfRangesSeen = 0;

  /** @param powerOff called when the guest enters S5, from inside its port write. */
  constructor(clock: Clock, sci: IrqLine, powerOff: () => void) {
    this.#clock = clock;
    this.#sci = new LevelOutput(sci);
    this.#powerOff = powerOff;
    this.#timer = clock.createTimer('acpi-pm', () => this.#update());
    this.#halfRangesSeen = Math.floor(this.#ticks() / HALF_TIMER_RANGE);
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(R.ACPI_PORT, R.ACPI_PORT_COUNT, this);
  }

  /** Asks the guest to shut down, if it has enabled the button. */
  pressPowerButton(): void {
    this.#status |= R.PM1_POWER_BUTTON;
    this.#update();
  }

  portRead(port: number, size: AccessSize): number {
    this.#update();
    const offset = port - R.ACPI_PORT;
    // Registers of 16 and 32 bits in three dwords, of which the access takes a part; none straddles in practice.
    const dwordOffset = offset & ~3;
    let dword = 0;
    if (dwordOffset === R.PM1_STATUS) dword = this.#status | (this.#enable << 16);
    else if (dwordOffset === R.PM1_CONTROL) dword = this.#control;
    else if (dwordOffset === R.PM_TIMER) dword = this.#ticks() % TIMER_RANGE;
    const value = dword / 2 ** (8 * (offset & 3));
    return size === 4 ? Math.floor(value) : Math.floor(value) % 2 ** (8 * size);
  }

  portWrite(port: number, size: AccessSize, value: number): void {
    const offset = port - R.ACPI_PORT;
    for (let i = 0; i < size; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    this.#update();
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      status: this.#status,
      enable: this.#enable,
      control: this.#control,
      halfRangesSeen: this.#halfRangesSeen,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('acpi-pm', state, STATE_VERSION);
    this.#sci.forget();
    this.#status = reader.int('status', R.PM1_EVENTS);
    this.#enable = reader.int('enable', R.PM1_EVENTS);
    this.#control = reader.int('control', WORD) & ~R.SLEEP_ENABLE;
    this.#halfRangesSeen = reader.int('halfRangesSeen', Number.MAX_SAFE_INTEGER);
    this.#update();
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  #writeByte(offset: number, byte: number): void {
    switch (offset) {
      case R.PM1_STATUS: // write one to clear
        this.#status &= ~byte;
        break;
      case R.PM1_STATUS + 1:
        this.#status &= ~(byte << 8);
        break;
      case R.PM1_ENABLE:
        this.#enable = ((this.#enable & 0xff00) | byte) & R.PM1_EVENTS;
        break;
      case R.PM1_ENABLE + 1:
        this.#enable = ((this.#enable & 0x00ff) | (byte << 8)) & R.PM1_EVENTS;
        break;
      case R.PM1_CONTROL:
        this.#control = (this.#control & 0xff00) | byte | R.SCI_ENABLE; // there is no other mode to go back to
        break;
      case R.PM1_CONTROL + 1:
        this.#writeControlHigh(byte << 8);
        break;
      default: // the timer is read-only
    }
  }

  #writeControlHigh(high: number): void {
    this.#control = (this.#control & 0x00ff) | (high & ~R.SLEEP_ENABLE); // SLP_EN reads as zero
    const isSleep = (high & R.SLEEP_ENABLE) !== 0;
    if (isSleep && ((high >> R.SLEEP_TYPE_SHIFT) & R.SLEEP_TYPE_MASK) === R.SLEEP_TYPE_S5) this.#powerOff();
  }

  #ticks(): number {
    return Math.floor((this.#clock.nowNs() * R.PM_TIMER_HZ) / NS_PER_SECOND);
  }

  #update(): void {
    const halfRanges = Math.floor(this.#ticks() / HALF_TIMER_RANGE);
    if (halfRanges > this.#halfRangesSeen) this.#status |= R.PM1_TIMER;
    this.#halfRangesSeen = halfRanges;
    this.#sci.set((this.#status & this.#enable) !== 0);
    if ((this.#enable & ~this.#status & R.PM1_TIMER) !== 0) {
      this.#timer.arm(Math.ceil(((halfRanges + 1) * HALF_TIMER_RANGE * NS_PER_SECOND) / R.PM_TIMER_HZ));
    } else {
      this.#timer.cancel();
    }
  }
}
