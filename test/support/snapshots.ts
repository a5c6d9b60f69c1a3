/** Snapshots made by hand, and their files with a part replaced and all checksums right. */
import { CPU_BLOCK_SIZE } from '../../assembly/layout.ts';
import { crc32 } from '../../src/util/crc.ts';
import {
  encodePrologue,
  PAGE_BYTES,
  PROLOGUE_BYTES,
  SECTIONS,
  type SectionName,
  type SnapshotHeader,
} from '../../src/machine/snapshot-file/format.ts';
import { encodeSnapshot, type EncodeOptions } from '../../src/machine/snapshot-file/write.ts';
import { SNAPSHOT_VERSION, type MachineSnapshot } from '../../src/machine/snapshot.ts';

export const RAM_BYTES = 16 << 20;
export const IDENTITY = { kernel: 'abc', core: 'def' };

/** A page whose content depends on a number; 0 is the zero page. */
export function page(seed: number): Uint8Array {
  const words = new Uint32Array(PAGE_BYTES / 4);
  words.forEach((_, index) => (words[index] = Math.imul(seed, index + 0x9e3779b1)));
  return new Uint8Array(words.buffer);
}

/** A snapshot whose pages have the given numbers and contents. */
export function snapshotOf(pages: ReadonlyMap<number, Uint8Array>): MachineSnapshot {
  const bytes = new Uint8Array(pages.size * PAGE_BYTES);
  [...pages.values()].forEach((content, index) => bytes.set(content, index * PAGE_BYTES));
  return {
    version: SNAPSHOT_VERSION,
    ramBytes: RAM_BYTES,
    nowNs: 1.5e9,
    bootUnixMs: 1_700_000_000_000,
    cpu: new Uint8Array(CPU_BLOCK_SIZE).fill(5),
    ram: { numbers: Uint32Array.from(pages.keys()), bytes },
    devices: { rtc: { bytes: Uint8Array.of(1, 2, 3), large: 2n ** 63n, list: [null, true, 'x'] } },
  };
}

export async function fileOf(snapshot: MachineSnapshot, options: Partial<EncodeOptions> = {}): Promise<Uint8Array> {
  const fillRandom = (target: Uint8Array): void => void target.fill(0xab);
  return joined(await encodeSnapshot(snapshot, { identity: IDENTITY, fillRandom, ...options }));
}

/** No Buffer, whose slices are views. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Memory that a snapshot is loaded into. */
export function memory(): { bytes: Uint8Array; write(physical: number, content: Uint8Array): void } {
  const bytes = new Uint8Array(RAM_BYTES);
  return { bytes, write: (physical, content) => bytes.set(content, physical) };
}

export interface Parts {
  header: Record<string, unknown>;
  sections: Record<SectionName, Uint8Array>;
}

/** Takes a file apart, lets somebody change it, and puts it together with lengths and checksums that fit. */
export function forge(file: Uint8Array, change: (parts: Parts) => void): Uint8Array {
  const headerBytes = new DataView(file.buffer, file.byteOffset).getUint32(12, true);
  const text = new TextDecoder().decode(file.subarray(PROLOGUE_BYTES, PROLOGUE_BYTES + headerBytes));
  const header = JSON.parse(text) as SnapshotHeader;
  let at = PROLOGUE_BYTES + headerBytes;
  const sections = Object.fromEntries(
    SECTIONS.map((name) => [name, file.slice(at, (at += header.sections[name].byteCount))]),
  ) as Parts['sections'];
  const parts: Parts = { header: { ...header }, sections };
  const described = { ...header.sections };
  change(parts);
  for (const name of SECTIONS) {
    const bytes = parts.sections[name];
    described[name] = { byteCount: bytes.length, checksum: crc32(bytes) };
  }
  if (parts.header['sections'] === header.sections) parts.header['sections'] = described;
  const encoded = new TextEncoder().encode(JSON.stringify(parts.header));
  return joined([encodePrologue(encoded, crc32), encoded, ...SECTIONS.map((name) => parts.sections[name])]);
}
