/**
 * One PCI function: identity, base address registers, capabilities and the INTx pin. PCI Local Bus Specification 3.0.
 * A device derives from it or owns one; the host bridge decodes addresses and routes the pin.
 * Left out: expansion ROMs, power management, bridges.
 */
import { assert } from '../../util/errors.ts';
import type { AccessSize, DeviceState, MmioDevice, Stateful } from '../bus.ts';
import { StateReader } from '../state.ts';
import { ConfigSpace } from './config-space.ts';
import * as R from './registers.ts';

/** Who a function says it is. */
export interface PciIdentity {
  vendorId: number;
  deviceId: number;
  /** 24 bits: base class, sub-class, programming interface. */
  classCode: number;
  revision?: number;
  subsystemVendorId?: number;
  subsystemId?: number;
  /** 1 to 4 for INTA# to INTD#; 0 (the default) when the function has no pin. */
  interruptPin?: number;
}

export type BarKind = 'memory32' | 'memory64' | 'io';

/** One base address register and what answers behind it, with offsets relative to the BAR. */
export interface Bar {
  readonly index: number;
  readonly kind: BarKind;
  readonly byteCount: number;
  readonly device: MmioDevice;
}

/** What a function needs from the bridge it sits behind. */
export interface PciUpstream {
  /** The function's decoded ranges (BARs or command bits) changed. */
  decodingChanged(): void;
  /** The level of the function's interrupt pin changed. */
  pinChanged(): void;
}

const STATE_VERSION = 1;

export class PciFunction implements Stateful {
  readonly config = new ConfigSpace();
  readonly bars: Bar[] = [];
  readonly interruptPin: number;
  #upstream: PciUpstream | undefined;
  /** What firmware would have left in the BARs and the interrupt line; a reset goes back to it. */
  #firmware: { bars: Map<number, number>; interruptLine: number } = { bars: new Map(), interruptLine: 0xff };
  #intx = false;

  constructor(identity: PciIdentity) {
    const { config } = this;
    config.define(R.VENDOR_ID, 2, identity.vendorId);
    config.define(R.DEVICE_ID, 2, identity.deviceId);
    config.define(R.COMMAND, 2, 0, R.COMMAND_WRITABLE);
    config.define(R.REVISION_ID, 1, identity.revision ?? 0);
    config.define(R.CLASS_CODE, 3, identity.classCode);
    config.define(R.CACHE_LINE_SIZE, 1, 0, 0xff);
    config.define(R.SUBSYSTEM_VENDOR_ID, 2, identity.subsystemVendorId ?? 0);
    config.define(R.SUBSYSTEM_ID, 2, identity.subsystemId ?? 0);
    config.define(R.INTERRUPT_LINE, 1, 0xff, 0xff);
    this.interruptPin = identity.interruptPin ?? 0;
    config.define(R.INTERRUPT_PIN, 1, this.interruptPin);
  }

  /** Adds a BAR. `byteCount` is a power of two, at least 16 (memory) or 4 (I/O). A 64-bit BAR takes two registers. */
  protected addBar(index: number, kind: BarKind, byteCount: number, device: MmioDevice): void {
    assert(
      (byteCount & (byteCount - 1)) === 0 && byteCount >= (kind === 'io' ? 4 : 16),
      'PCI BAR size must be a power of two',
    );
    assert(index < R.BAR_COUNT - (kind === 'memory64' ? 1 : 0), 'PCI BAR index out of range');
    const offset = R.BASE_ADDRESS_0 + 4 * index;
    const flags = kind === 'io' ? R.BAR_IO : kind === 'memory64' ? R.BAR_MEMORY_64 : 0;
    this.config.define(offset, 4, flags, ~(byteCount - 1));
    if (kind === 'memory64') this.config.define(offset + 4, 4, 0, 0xffffffff);
    this.bars.push({ index, kind, byteCount, device });
  }

  /** Called once by the bridge. */
  connect(upstream: PciUpstream): void {
    assert(this.#upstream === undefined, 'a PCI function is attached twice');
    this.#upstream = upstream;
  }
  /** Called by the bridge on removal. */
  disconnect(): void {
    this.#upstream = undefined;
  }

  /** Address in a BAR, decoded or not; a 64-bit one as a double (exact below 2^53). */
  barAddress(bar: Bar): number {
    const offset = R.BASE_ADDRESS_0 + 4 * bar.index;
    const low = this.config.get32(offset);
    if (bar.kind === 'io') return (low & ~R.BAR_IO_FLAGS) >>> 0;
    const base = (low & ~R.BAR_MEMORY_FLAGS) >>> 0;
    return bar.kind === 'memory64' ? base + this.config.get32(offset + 4) * 2 ** 32 : base;
  }

  /** Address that firmware gave a BAR, to which a reset returns it. */
  firmwareAddress(bar: Bar): number | undefined {
    return this.#firmware.bars.get(bar.index);
  }

  /** Whether the command register lets the function answer at this BAR. */
  decodes(bar: Bar): boolean {
    return (this.config.get16(R.COMMAND) & (bar.kind === 'io' ? R.COMMAND_IO : R.COMMAND_MEMORY)) !== 0;
  }

  /** Whether the function may reach memory: DMA and message-signalled interrupts. */
  get busMaster(): boolean {
    return (this.config.get16(R.COMMAND) & R.COMMAND_BUS_MASTER) !== 0;
  }

  /** What firmware does at power-on: fixes addresses and the interrupt line, and enables decoding. */
  assignFirmware(addresses: ReadonlyMap<number, number>, interruptLine: number): void {
    this.#firmware = { bars: new Map(addresses), interruptLine };
    this.#applyFirmware();
  }

  #applyFirmware(): void {
    let command = 0;
    for (const bar of this.bars) {
      const address = this.#firmware.bars.get(bar.index);
      if (address === undefined) continue;
      const offset = R.BASE_ADDRESS_0 + 4 * bar.index;
      this.config.write(offset, 4, address >>> 0);
      if (bar.kind === 'memory64') this.config.write(offset + 4, 4, Math.floor(address / 2 ** 32));
      command |= bar.kind === 'io' ? R.COMMAND_IO : R.COMMAND_MEMORY;
    }
    this.config.set16(R.COMMAND, command);
    this.config.set8(R.INTERRUPT_LINE, this.#firmware.interruptLine);
    this.#upstream?.decodingChanged();
  }

  /** Software's configuration read, `offset` and `size` inside one doubleword. */
  configRead(offset: number, size: AccessSize): number {
    return this.config.read(offset, size);
  }

  /** Software's configuration write, `offset` and `size` inside one doubleword. */
  configWrite(offset: number, size: AccessSize, value: number): void {
    this.config.write(offset, size, value);
    const end = offset + size;
    const touchesCommand = offset < R.COMMAND + 2 && end > R.COMMAND;
    if (touchesCommand) {
      this.commandChanged();
      this.#upstream?.pinChanged();
    }
    const touchesBars = offset < R.BASE_ADDRESS_0 + 4 * R.BAR_COUNT && end > R.BASE_ADDRESS_0;
    if (touchesCommand || touchesBars) this.#upstream?.decodingChanged();
  }

  /** For devices that must know, for example when bus mastering comes on. */
  protected commandChanged(): void {}

  /** Drives the INTx pin. The interrupt-disable command bit hides it from the wire but not from STATUS (§6.2.3). */
  setIntx(asserted: boolean): void {
    if (this.#intx === asserted) return;
    this.#intx = asserted;
    const status = this.config.get16(R.STATUS);
    this.config.set16(R.STATUS, asserted ? status | R.STATUS_INTERRUPT : status & ~R.STATUS_INTERRUPT);
    this.#upstream?.pinChanged();
  }

  /** The level on the wire. */
  get pinAsserted(): boolean {
    return this.#intx && (this.config.get16(R.COMMAND) & R.COMMAND_INTX_DISABLE) === 0;
  }

  /** Bus reset: back to what firmware leaves. */
  reset(): void {
    this.setIntx(false);
    this.#applyFirmware();
  }

  save(): DeviceState {
    return { version: STATE_VERSION, config: this.config.snapshot(), intx: this.#intx };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('a PCI function', state, STATE_VERSION);
    this.config.restore(reader.bytes('config', R.CONFIG_SPACE_SIZE));
    this.setIntx(reader.boolean('intx'));
    this.#upstream?.decodingChanged();
    this.#upstream?.pinChanged();
  }

  async quiesce(): Promise<void> {}
}
