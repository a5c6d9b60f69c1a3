/**
 * MSI-X: vector table, pending bits and the capability's message control. PCI Local Bus Specification 3.0, §6.8.2.
 * The owner maps `table` and `pba` into a BAR and calls `controlChanged` when software writes message control.
 */
import type { AccessSize, DeviceState, MmioDevice } from '../bus.ts';
import type { MsiSink } from '../irq.ts';
import { StateReader } from '../state.ts';
import * as R from './registers.ts';

export class Msix {
  readonly vectorCount: number;
  /** Vector table: 16 bytes a vector, doubleword accesses (§6.8.2: others are undefined; they read 0 and do nothing here). */
  readonly table: MmioDevice;
  /** Pending bit array, read-only. */
  readonly pba: MmioDevice;
  readonly #entries: Uint32Array;
  readonly #pending: Uint32Array;
  readonly #sink: MsiSink;
  #enabled = false;
  #functionMasked = false;

  constructor(vectorCount: number, sink: MsiSink) {
    this.vectorCount = vectorCount;
    this.#entries = new Uint32Array(vectorCount * 4);
    // The PBA is read in 64-bit units, so it is a whole number of them.
    this.#pending = new Uint32Array(Math.ceil(vectorCount / 64) * 2);
    this.#sink = sink;
    this.reset();
    this.table = {
      mmioRead: (offset, size) => (size === 4 && (offset & 3) === 0 ? (this.#entries[offset >>> 2] ?? 0) : 0),
      mmioWrite: (offset, size, value) => this.#writeTable(offset, size, value),
    };
    this.pba = {
      mmioRead: (offset, size) => (size === 4 && (offset & 3) === 0 ? (this.#pending[offset >>> 2] ?? 0) : 0),
      mmioWrite: () => {},
    };
  }

  /** Body of the capability (after ID and next pointer) and its writable bits. */
  capability(
    tableBar: number,
    tableOffset: number,
    pbaBar: number,
    pbaOffset: number,
  ): { body: Uint8Array; writable: Uint8Array } {
    const body = new Uint8Array(R.MSIX_CAP_LENGTH - 2);
    const view = new DataView(body.buffer);
    view.setUint16(R.MSIX_MESSAGE_CONTROL - 2, this.vectorCount - 1, true);
    view.setUint32(R.MSIX_TABLE_OFFSET - 2, tableOffset | tableBar, true);
    view.setUint32(R.MSIX_PBA_OFFSET - 2, pbaOffset | pbaBar, true);
    const writable = new Uint8Array(body.length);
    writable[1] = (R.MSIX_CONTROL_ENABLE | R.MSIX_CONTROL_FUNCTION_MASK) >>> 8;
    return { body, writable };
  }

  /** Whether software has switched the function from INTx to MSI-X. */
  get enabled(): boolean {
    return this.#enabled;
  }

  /** Message control was written. */
  controlChanged(control: number): void {
    this.#enabled = (control & R.MSIX_CONTROL_ENABLE) !== 0;
    this.#functionMasked = (control & R.MSIX_CONTROL_FUNCTION_MASK) !== 0;
    this.#deliverPending();
  }

  /** Signals a vector: a message, or a pending bit while it is masked (§6.8.2.10). An unknown vector does nothing. */
  trigger(vector: number): void {
    if (vector >= this.vectorCount || !this.#enabled) return;
    if (this.#masked(vector)) this.#pending[vector >>> 5]! |= 1 << (vector & 31);
    else this.#send(vector);
  }

  reset(): void {
    this.#entries.fill(0);
    for (let vector = 0; vector < this.vectorCount; vector++)
      this.#entries[vector * 4 + R.MSIX_ENTRY_CONTROL / 4] = R.MSIX_ENTRY_MASKED;
    this.#pending.fill(0);
    this.#enabled = false;
    this.#functionMasked = false;
  }

  #masked(vector: number): boolean {
    return this.#functionMasked || (this.#entries[vector * 4 + R.MSIX_ENTRY_CONTROL / 4]! & R.MSIX_ENTRY_MASKED) !== 0;
  }

  #send(vector: number): void {
    const at = vector * 4;
    const address =
      this.#entries[at + R.MSIX_ENTRY_ADDRESS_LOW / 4]! + this.#entries[at + R.MSIX_ENTRY_ADDRESS_HIGH / 4]! * 2 ** 32;
    this.#sink.send(address, this.#entries[at + R.MSIX_ENTRY_DATA / 4]!);
  }

  #writeTable(offset: number, size: AccessSize, value: number): void {
    const index = offset >>> 2;
    if (size !== 4 || (offset & 3) !== 0 || index >= this.#entries.length) return;
    const field = offset & (R.MSIX_ENTRY_SIZE - 1);
    if (field === R.MSIX_ENTRY_CONTROL) {
      this.#entries[index] = value & R.MSIX_ENTRY_MASKED;
      this.#deliverPending();
    } else if (field === R.MSIX_ENTRY_ADDRESS_LOW) this.#entries[index] = value & ~3;
    else this.#entries[index] = value;
  }

  #deliverPending(): void {
    if (!this.#enabled) return;
    for (let vector = 0; vector < this.vectorCount; vector++) {
      const bit = 1 << (vector & 31);
      if ((this.#pending[vector >>> 5]! & bit) === 0 || this.#masked(vector)) continue;
      this.#pending[vector >>> 5]! &= ~bit;
      this.#send(vector);
    }
  }

  save(): DeviceState {
    return {
      entries: [...this.#entries],
      pending: [...this.#pending],
      enabled: this.#enabled,
      functionMasked: this.#functionMasked,
    };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('MSI-X', state);
    this.#entries.set(reader.ints('entries', this.#entries.length));
    this.#pending.set(reader.ints('pending', this.#pending.length));
    this.#enabled = reader.boolean('enabled');
    this.#functionMasked = reader.boolean('functionMasked');
  }
}
