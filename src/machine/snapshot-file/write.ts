/** Makes a snapshot file's content. Who calls it writes the pieces, one after the other, where they belong. */
import type { MachineSnapshot } from '../snapshot.ts';
import { crc32, type Checksum } from '../../util/crc.ts';
import {
  BLOCK_DEFLATE,
  BLOCK_ENTRY_BYTES,
  BLOCK_PAGES,
  BLOCK_RAW,
  encodePrologue,
  PAGE_BYTES,
  SECTIONS,
  type Section,
  type SectionName,
  type SnapshotIdentity,
} from './format.ts';
import { encodeHeader } from './header.ts';
import { buildPageTable, encodeRuns } from './pages.ts';
import { encodeStates } from './state-json.ts';

const ID_BYTES = 16;

export interface EncodeOptions {
  readonly identity: SnapshotIdentity;
  /** Random bytes for the snapshot's name. */
  readonly fillRandom: (target: Uint8Array) => void;
  /** Deflates pages: a fifth of the size, but a third of a second more to load. Default: no. */
  readonly compress?: boolean;
  readonly checksum?: Checksum;
}

/** The file in pieces. They may share nothing with the snapshot's buffers, except where a piece is one of them. */
export async function encodeSnapshot(snapshot: MachineSnapshot, options: EncodeOptions): Promise<Uint8Array[]> {
  const { identity, fillRandom, compress = false, checksum = crc32 } = options;
  const table = buildPageTable(snapshot.ram);
  const blocks = await encodeBlocks(snapshot.ram.bytes, table.stored, compress, checksum);
  const contents: Record<SectionName, readonly Uint8Array[]> = {
    cpu: [snapshot.cpu],
    devices: [encodeStates(snapshot.devices)],
    runs: [encodeRuns(table.runs)],
    blocks: [blocks.entries],
    pages: blocks.pieces,
  };
  const section = (name: SectionName): Section => ({
    byteCount: contents[name].reduce((sum, piece) => sum + piece.length, 0),
    checksum: name === 'pages' ? 0 : checksum(contents[name][0]!),
  });
  const header = encodeHeader({
    id: randomId(fillRandom),
    parent: null,
    identity,
    ramBytes: snapshot.ramBytes,
    nowNs: snapshot.nowNs,
    bootUnixMs: snapshot.bootUnixMs,
    storedPages: table.stored.length,
    sections: Object.fromEntries(SECTIONS.map((name) => [name, section(name)])) as Record<SectionName, Section>,
  });
  return [encodePrologue(header, checksum), header, ...SECTIONS.flatMap((name) => contents[name])];
}

async function encodeBlocks(
  bytes: Uint8Array,
  stored: readonly number[],
  compress: boolean,
  checksum: Checksum,
): Promise<{ entries: Uint8Array; pieces: Uint8Array[] }> {
  const pieces: Uint8Array[] = [];
  const blockCount = Math.ceil(stored.length / BLOCK_PAGES);
  const entries = new Uint8Array(blockCount * BLOCK_ENTRY_BYTES);
  const view = new DataView(entries.buffer);
  for (let block = 0; block < blockCount; block++) {
    const pages = stored.slice(block * BLOCK_PAGES, (block + 1) * BLOCK_PAGES);
    const raw = new Uint8Array(pages.length * PAGE_BYTES);
    pages.forEach((page, index) =>
      raw.set(bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), index * PAGE_BYTES),
    );
    const deflated = compress ? await deflate(raw) : raw;
    const piece = deflated.length < raw.length ? deflated : raw;
    pieces.push(piece);
    const at = block * BLOCK_ENTRY_BYTES;
    view.setUint32(at, piece === raw ? BLOCK_RAW : BLOCK_DEFLATE, true);
    view.setUint32(at + 4, piece.length, true);
    view.setUint32(at + 8, checksum(piece), true);
  }
  return { entries, pieces };
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function randomId(fillRandom: (target: Uint8Array) => void): string {
  const bytes = new Uint8Array(ID_BYTES);
  fillRandom(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
