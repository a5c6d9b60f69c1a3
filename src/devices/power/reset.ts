/**
 * The ways in which a PC's software resets the machine: the reset control register, port 92h, and the keyboard
 * controller's pulse command. There is no keyboard controller yet, so its port otherwise reads as an empty one does. The
 * A20 bit is kept but masks nothing: address line 20 is always on.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const RESET_CONTROL_WRITABLE = 0x0e;
const EMPTY = 0xff;

export class ResetControl implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #reset: () => void;
  #control = 0;
  #systemControl = R.A20_GATE;

  /** @param reset called from inside the guest's port write. */
  constructor(reset: () => void) {
    this.#reset = reset;
  }

  /** The reset control register shares its place with PCI's configuration address, which takes no byte accesses. */
  connect(ports: Pick<PortMap, 'register' | 'registerByte'>): void {
    ports.registerByte(R.RESET_CONTROL, this);
    ports.register(R.SYSTEM_CONTROL_A, 1, this);
    ports.register(R.KEYBOARD_COMMAND, 1, this);
  }

  portRead(port: number, _size: AccessSize): number {
    if (port === R.RESET_CONTROL) return this.#control;
    return port === R.SYSTEM_CONTROL_A ? this.#systemControl : EMPTY;
  }

  portWrite(port: number, _size: AccessSize, value: number): void {
    switch (port) {
      case R.RESET_CONTROL: {
        const rises = (value & ~this.#control & R.RESET_CPU) !== 0;
        this.#control = value & RESET_CONTROL_WRITABLE;
        if (rises) this.#reset();
        break;
      }
      case R.SYSTEM_CONTROL_A: {
        const rises = (value & ~this.#systemControl & R.FAST_RESET) !== 0;
        this.#systemControl = value & (R.FAST_RESET | R.A20_GATE);
        if (rises) this.#reset();
        break;
      }
      case R.KEYBOARD_COMMAND:
        if ((value & R.PULSE_OUTPUT) === R.PULSE_OUTPUT && (value & R.PULSE_NOT_RESET) === 0) this.#reset();
        break;
      default:
    }
  }

  save(): DeviceState {
    return { version: STATE_VERSION, control: this.#control, systemControl: this.#systemControl };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('reset control', state, STATE_VERSION);
    this.#control = reader.int('control', RESET_CONTROL_WRITABLE);
    this.#systemControl = reader.int('systemControl', R.FAST_RESET | R.A20_GATE);
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }
}
