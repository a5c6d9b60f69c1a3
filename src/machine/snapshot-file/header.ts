/** The header of a snapshot file: to JSON, and back with every field checked. */
import { RAM_BYTES_MAX } from '../../core/load.ts';
import {
  BLOCK_BYTES,
  BLOCK_ENTRY_BYTES,
  BLOCK_PAGES,
  damaged,
  DEVICES_BYTES_MAX,
  PAGE_BYTES,
  RUN_BYTES,
  SECTIONS,
  type Section,
  type SectionName,
  type SnapshotHeader,
  type SnapshotIdentity,
} from './format.ts';
import { isRecord, parseJson } from './state-json.ts';

const UINT32_MAX = 0xffffffff;
const ID = /^[0-9a-f]{32}$/;

export function encodeHeader(header: SnapshotHeader): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(header));
}

/** Throws BAD_STATE when a field is missing or can't be, or when the sections can't be what they are for. */
export function decodeHeader(bytes: Uint8Array): SnapshotHeader {
  const header = parseJson(bytes, 'its header');
  if (!isRecord(header)) throw damaged('its header is none');
  const { id, parent, identity, ramBytes, nowNs, bootUnixMs, storedPages, sections } = header;
  const isId = (value: unknown): value is string => typeof value === 'string' && ID.test(value);
  if (!isId(id) || !(parent === null || isId(parent))) throw damaged('its header has no name of a snapshot');
  if (!isIdentity(identity)) throw damaged('its header does not say what machine it is of');
  if (!isCount(ramBytes, RAM_BYTES_MAX) || ramBytes % PAGE_BYTES !== 0) throw damaged('its header has no memory size');
  if (!isTime(nowNs) || !isTime(bootUnixMs)) throw damaged('its header has no time');
  if (!isCount(storedPages, ramBytes / PAGE_BYTES)) throw damaged('its header counts too many pages');
  if (!isRecord(sections)) throw damaged('its header has no sections');
  const named = Object.fromEntries(SECTIONS.map((name) => [name, section(sections[name])]));
  const checked = named as Record<SectionName, Section>;
  const bounds: Record<SectionName, boolean> = {
    cpu: true, // the reader knows how long
    devices: checked.devices.byteCount <= DEVICES_BYTES_MAX,
    runs: isWhole(checked.runs.byteCount, RUN_BYTES, ramBytes / PAGE_BYTES),
    blocks: checked.blocks.byteCount === Math.ceil(storedPages / BLOCK_PAGES) * BLOCK_ENTRY_BYTES,
    pages: checked.pages.byteCount <= Math.ceil(storedPages / BLOCK_PAGES) * BLOCK_BYTES,
  };
  for (const name of SECTIONS) if (!bounds[name]) throw damaged(`its section "${name}" can't have that length`);
  return { id, parent, identity, ramBytes, nowNs, bootUnixMs, storedPages, sections: checked };
}

function isWhole(byteCount: number, itemBytes: number, countMax: number): boolean {
  return byteCount % itemBytes === 0 && byteCount / itemBytes <= countMax;
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isIdentity(value: unknown): value is SnapshotIdentity {
  return isRecord(value) && Object.values(value).every((part) => typeof part === 'string');
}

function section(value: unknown): Section {
  if (!isRecord(value)) throw damaged('its header lacks a section');
  const { byteCount, checksum } = value;
  if (!isCount(byteCount, Number.MAX_SAFE_INTEGER) || !isCount(checksum, UINT32_MAX))
    throw damaged('its header has a section without length or checksum');
  return { byteCount, checksum };
}
