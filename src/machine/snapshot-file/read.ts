/**
 * Reads a snapshot file. The file is hostile: each length is checked before anything is allocated for it, and each
 * checksum before what it covers is used. A checksum is against damage; who makes a file can make it a right one, so
 * what is read is bounded and checked all the same.
 */
import { CPU_BLOCK_SIZE } from '../../../assembly/layout.ts';
import type { GuestMemory } from '../../devices/bus.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { crc32, type Checksum } from '../../util/crc.ts';
import { inflateInto } from '../../util/inflate.ts';
import {
  BLOCK_BYTES,
  BLOCK_DEFLATE,
  BLOCK_ENTRY_BYTES,
  BLOCK_PAGES,
  BLOCK_RAW,
  damaged,
  decodePrologue,
  HEADER_BYTES_MAX,
  PAGE_BYTES,
  PROLOGUE_BYTES,
  SECTIONS,
  type SectionName,
  type SnapshotHeader,
  type SnapshotIdentity,
} from './format.ts';
import { decodeHeader } from './header.ts';
import { decodeRuns, placeByBlock, type Placement } from './pages.ts';
import { decodeStates, type DeviceStates } from './state-json.ts';

/** Where a snapshot's bytes come from. */
export interface SnapshotSource {
  readonly byteCount: number;
  /** Fills `target` with what is at `offset`; the range is inside the file. */
  read(offset: number, target: Uint8Array): void | Promise<void>;
}

/** A file in memory. */
export function memorySource(bytes: Uint8Array): SnapshotSource {
  return {
    byteCount: bytes.length,
    read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  };
}

export class SnapshotFile {
  readonly header: SnapshotHeader;
  readonly #source: SnapshotSource;
  readonly #checksum: Checksum;
  readonly #offsets: Readonly<Record<SectionName, number>>;

  private constructor(
    header: SnapshotHeader,
    offsets: Record<SectionName, number>,
    source: SnapshotSource,
    checksum: Checksum,
  ) {
    this.header = header;
    this.#offsets = offsets;
    this.#source = source;
    this.#checksum = checksum;
  }

  /** Reads the header. Throws BAD_STATE when the file is damaged, of another version, or needs another snapshot. */
  static async open(source: SnapshotSource, checksum: Checksum = crc32): Promise<SnapshotFile> {
    const prologue = decodePrologue(await readAt(source, 0, PROLOGUE_BYTES, PROLOGUE_BYTES), checksum);
    const headerBytes = await readAt(source, PROLOGUE_BYTES, prologue.headerBytes, HEADER_BYTES_MAX);
    if (checksum(headerBytes) !== prologue.headerChecksum) throw damaged('its header has a wrong checksum');
    const header = decodeHeader(headerBytes);
    if (header.parent !== null)
      throw new VivariumError(
        ErrorCodes.BAD_STATE,
        `the snapshot file is a difference to snapshot ${header.parent}, and this build reads whole ones only`,
      );
    const offsets: Partial<Record<SectionName, number>> = {};
    let end = PROLOGUE_BYTES + prologue.headerBytes;
    for (const name of SECTIONS) {
      offsets[name] = end;
      end += header.sections[name].byteCount;
    }
    if (end !== source.byteCount) throw damaged(source.byteCount < end ? 'it is cut off' : 'it is longer than it says');
    return new SnapshotFile(header, offsets as Record<SectionName, number>, source, checksum);
  }

  /** Throws BAD_STATE, naming the part, unless the snapshot is of just this machine. */
  checkIdentity(expected: SnapshotIdentity): void {
    const { identity } = this.header;
    for (const part of new Set([...Object.keys(expected), ...Object.keys(identity)])) {
      if (identity[part] !== expected[part])
        throw new VivariumError(ErrorCodes.BAD_STATE, `the snapshot is of another ${part}; start the machine afresh`);
    }
  }

  /** The CPU block. */
  async cpu(): Promise<Uint8Array> {
    const bytes = await this.#section('cpu', CPU_BLOCK_SIZE);
    if (bytes.length !== CPU_BLOCK_SIZE) throw damaged('its CPU state is cut off');
    return bytes;
  }

  async devices(): Promise<DeviceStates> {
    return decodeStates(await this.#section('devices', this.header.sections.devices.byteCount));
  }

  /** Writes the pages into a memory that is all zero but for what {@link MachineSnapshot} overwrites. */
  async loadRam(memory: Pick<GuestMemory, 'write'>): Promise<void> {
    const { ramBytes, storedPages, sections } = this.header;
    const pageCount = ramBytes / PAGE_BYTES;
    const runs = decodeRuns(await this.#section('runs', sections.runs.byteCount), pageCount, storedPages);
    const entries = await this.#section('blocks', sections.blocks.byteCount);
    const view = new DataView(entries.buffer);
    const target = new Uint8Array(BLOCK_BYTES);
    let offset = this.#offsets.pages;
    for (const [block, placements] of placeByBlock(runs, storedPages).entries()) {
      const at = block * BLOCK_ENTRY_BYTES;
      const byteCount = view.getUint32(at + 4, true);
      const raw = target.subarray(0, Math.min(BLOCK_PAGES, storedPages - block * BLOCK_PAGES) * PAGE_BYTES);
      await this.#readBlock(view.getUint32(at, true), offset, byteCount, view.getUint32(at + 8, true), raw);
      for (const placement of placements) place(memory, raw, placement);
      offset += byteCount;
    }
    if (offset !== this.#offsets.pages + sections.pages.byteCount)
      throw damaged('its blocks are not as long as it says');
  }

  async #readBlock(
    encoding: number,
    offset: number,
    byteCount: number,
    expected: number,
    raw: Uint8Array,
  ): Promise<void> {
    if (offset + byteCount > this.#source.byteCount || byteCount > raw.length) throw damaged('a block is too long');
    const stored = encoding === BLOCK_RAW ? raw : new Uint8Array(byteCount);
    if (stored.length !== byteCount) throw damaged('a block is too short');
    await this.#source.read(offset, stored);
    if (this.#checksum(stored) !== expected) throw damaged('a block of pages has a wrong checksum');
    if (encoding === BLOCK_DEFLATE) await inflate(stored, raw);
    else if (encoding !== BLOCK_RAW) throw damaged('a block has an unknown encoding');
  }

  async #section(name: SectionName, bytesMax: number): Promise<Uint8Array> {
    const { byteCount, checksum } = this.header.sections[name];
    const bytes = await readAt(this.#source, this.#offsets[name], byteCount, bytesMax);
    if (this.#checksum(bytes) !== checksum) throw damaged(`its section "${name}" has a wrong checksum`);
    return bytes;
  }
}

async function readAt(
  source: SnapshotSource,
  offset: number,
  byteCount: number,
  bytesMax: number,
): Promise<Uint8Array> {
  if (byteCount > bytesMax) throw damaged('a part of it is too long');
  if (offset + byteCount > source.byteCount) throw damaged('it is cut off');
  const bytes = new Uint8Array(byteCount);
  await source.read(offset, bytes);
  return bytes;
}

function place(memory: Pick<GuestMemory, 'write'>, block: Uint8Array, placement: Placement): void {
  const { page, count, offset, repeats } = placement;
  if (!repeats) {
    memory.write(page * PAGE_BYTES, block.subarray(offset, offset + count * PAGE_BYTES));
    return;
  }
  const content = block.subarray(offset, offset + PAGE_BYTES);
  for (let copy = 0; copy < count; copy++) memory.write((page + copy) * PAGE_BYTES, content);
}

async function inflate(bytes: Uint8Array, target: Uint8Array): Promise<void> {
  try {
    await inflateInto(bytes, target);
  } catch (error) {
    throw damaged(error instanceof RangeError ? `a block of pages: ${error.message}` : "a block can't be inflated");
  }
}
