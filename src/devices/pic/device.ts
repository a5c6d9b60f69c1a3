/**
 * The PC's pair of 8259A interrupt controllers with their edge/level registers. The slave's output is the master's
 * input 2; the master's output goes to the CPU through LINT0 of its local APIC.
 */
import { assert } from '../../util/errors.ts';
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { IrqLine } from '../irq.ts';
import type { PortMap } from '../port-map.ts';
import { StateReader } from '../state.ts';
import { PicChip } from './chip.ts';
import * as R from './registers.ts';

const STATE_VERSION = 1;
const IRQ_COUNT = 16;

export class Pic implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #master = new PicChip(true);
  readonly #slave = new PicChip(false);
  readonly #output: IrqLine;
  #isOutputHigh = false;

  /** @param output the INTR wire. */
  constructor(output: IrqLine) {
    this.#output = output;
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(R.MASTER_COMMAND, 2, this);
    ports.register(R.SLAVE_COMMAND, 2, this);
    ports.register(R.ELCR_MASTER, 2, this);
  }

  /** The wire into ISA interrupt `irq`, 0–15 except 2, which is the cascade. */
  line(irq: number): IrqLine {
    assert(irq >= 0 && irq < IRQ_COUNT && irq !== R.CASCADE_IRQ, `the PIC has no input ${irq}`);
    const chip = irq < R.INPUTS_PER_CHIP ? this.#master : this.#slave;
    return {
      set: (asserted) => {
        chip.setWire(irq & (R.INPUTS_PER_CHIP - 1), asserted);
        this.#update();
      },
    };
  }

  /** INTA: the vector of the interrupt that the CPU takes; that of IRQ 7 or 15 when the request has gone meanwhile. */
  acknowledge(): number {
    const irq = this.#master.accept();
    let vector: number;
    if (irq < 0) {
      vector = this.#master.vector(R.SPURIOUS_IRQ);
    } else if (irq === R.CASCADE_IRQ) {
      const slaveIrq = this.#slave.accept();
      vector = this.#slave.vector(slaveIrq < 0 ? R.SPURIOUS_IRQ : slaveIrq);
    } else {
      vector = this.#master.vector(irq);
    }
    this.#update();
    return vector;
  }

  portRead(port: number, _size: AccessSize): number {
    const value = this.#read(port);
    this.#update(); // a poll acknowledges
    return value;
  }

  portWrite(port: number, _size: AccessSize, value: number): void {
    switch (port) {
      case R.MASTER_COMMAND:
        this.#master.writeCommand(value);
        break;
      case R.MASTER_DATA:
        this.#master.writeData(value);
        break;
      case R.SLAVE_COMMAND:
        this.#slave.writeCommand(value);
        break;
      case R.SLAVE_DATA:
        this.#slave.writeData(value);
        break;
      case R.ELCR_MASTER:
        this.#master.elcr = value;
        break;
      case R.ELCR_SLAVE:
        this.#slave.elcr = value;
        break;
      default:
    }
    this.#update();
  }

  save(): DeviceState {
    return {
      version: STATE_VERSION,
      master: this.#master.save(),
      slave: this.#slave.save(),
      isOutputHigh: this.#isOutputHigh,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('pic', state, STATE_VERSION);
    this.#master.load(reader.part('master'));
    this.#slave.load(reader.part('slave'));
    this.#isOutputHigh = reader.boolean('isOutputHigh');
    this.#output.set(this.#isOutputHigh);
    this.#update();
  }

  quiesce(): Promise<void> {
    return Promise.resolve();
  }

  #read(port: number): number {
    switch (port) {
      case R.MASTER_COMMAND:
        return this.#master.readCommand();
      case R.MASTER_DATA:
        return this.#master.readData();
      case R.SLAVE_COMMAND:
        return this.#slave.readCommand();
      case R.SLAVE_DATA:
        return this.#slave.readData();
      case R.ELCR_MASTER:
        return this.#master.elcr;
      default:
        return this.#slave.elcr;
    }
  }

  #update(): void {
    this.#master.setWire(R.CASCADE_IRQ, this.#slave.pending() !== undefined);
    const isHigh = this.#master.pending() !== undefined;
    if (isHigh === this.#isOutputHigh) return;
    this.#isOutputHigh = isHigh;
    this.#output.set(isHigh);
  }
}
