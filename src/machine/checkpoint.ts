/**
 * States of a machine that stay with it, so that it can go back to one at once: RAM in a page store, where states share
 * what is the same, CPU and devices as in a snapshot, and the content of its disks. Going back happens in place; whoever
 * talks to the guest must greet it anew (docs/agent-protocol.md).
 */
import type { DeviceState } from '../devices/bus.ts';
import type { BlockBackend, DiskSnapshot } from '../devices/virtio/blk/backend.ts';
import { assert, ErrorCodes, VivariumError } from '../util/errors.ts';
import type { Board } from './board.ts';
import { PageStore, type StoredRam } from './page-store.ts';
import { badState, loadDevices, saveDevices } from './snapshot.ts';

/** A state that was kept. */
interface Checkpoint {
  readonly ram: StoredRam;
  readonly nowNs: number;
  readonly bootUnixMs: number;
  readonly cpu: Uint8Array;
  readonly devices: Readonly<Record<string, DeviceState>>;
  readonly disks: ReadonlyMap<BlockBackend, DiskSnapshot>;
}

/** What a checkpoint is called, and the host memory that it takes beyond what others have too, in bytes. */
export interface CheckpointInfo {
  readonly number: number;
  readonly byteCount: number;
}

export class Checkpoints {
  readonly #board: Board;
  readonly #pages: PageStore;
  readonly #kept = new Map<number, Checkpoint>();
  #count = 0;
  /** That from which RAM differs least. */
  #nearest: number | undefined;

  /** @param ramBytesMax what the copies of RAM may take together. */
  constructor(board: Board, ramBytesMax: number) {
    this.#board = board;
    this.#pages = new PageStore(ramBytesMax);
  }

  /**
   * Keeps the state of a machine that stands still, with all devices at rest. Throws LIMIT when it takes too much, and USAGE
   * when a disk can't be kept.
   */
  keep(disks: readonly BlockBackend[]): CheckpointInfo {
    const board = this.#board;
    const writable = disks.filter(({ readOnly }) => !readOnly);
    for (const { id, snapshot, restore } of writable)
      if (snapshot === undefined || restore === undefined)
        throw new VivariumError(
          ErrorCodes.USAGE,
          `the disk ${id} can't be kept as it stands; give the machine one in memory`,
        );
    const before = this.#nearest === undefined ? undefined : this.#kept.get(this.#nearest)?.ram;
    const ram = this.#pages.save(board.memory, before);
    const number = this.#count++;
    const kept: Checkpoint = {
      ram,
      nowNs: board.time.nowNs(),
      bootUnixMs: board.time.bootUnixMs,
      cpu: board.cpu.save(),
      devices: structuredClone(saveDevices(board.devices)),
      disks: new Map(writable.map((disk) => [disk, disk.snapshot!()])),
    };
    this.#kept.set(number, kept);
    this.#nearest = number;
    const diskBytes = [...kept.disks.values()].reduce((sum, { byteCount }) => sum + byteCount, 0);
    return { number, byteCount: this.#pages.ownBytes(ram) + diskBytes };
  }

  /**
   * Puts the machine back, between two slices. Its time goes on where it was then, the clock of the day shows what it is now.
   * Throws BAD_STATE when the state was released, or when the machine has other devices now.
   */
  goBack(number: number, disks: readonly BlockBackend[]): void {
    const kept = this.#kept.get(number);
    if (kept === undefined) throw badState('it was released');
    const board = this.#board;
    const writable = disks.filter(({ readOnly }) => !readOnly);
    if (writable.length !== kept.disks.size || !writable.every((disk) => kept.disks.has(disk)))
      throw badState('the machine has other disks now');
    board.cpu.reset(); // before RAM changes: it drops all decoded code at once
    this.#pages.restore(board.memory, kept.ram);
    for (const [disk, snapshot] of kept.disks) disk.restore!(snapshot);
    board.time.set(kept.nowNs);
    board.cpu.load(kept.cpu);
    loadDevices(board.devices, kept.devices);
    board.rtc.shift(board.time.bootUnixMs - kept.bootUnixMs);
    this.#nearest = number;
  }

  /** Frees one. More calls do nothing. */
  release(number: number): void {
    const kept = this.#kept.get(number);
    if (kept === undefined) return;
    assert(this.#kept.delete(number), 'a checkpoint is released once');
    this.#pages.release(kept.ram);
    for (const snapshot of kept.disks.values()) snapshot.release();
    if (this.#nearest === number) this.#nearest = [...this.#kept.keys()].at(-1);
  }
}
