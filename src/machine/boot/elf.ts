/**
 * Reads ELF executables (System V gABI, chapters 4 and 5) as far as a boot loader needs: program headers, entry, notes.
 * The file is hostile: every offset and length is checked. Little-endian x86 only.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const MAGIC = 0x464c457f; // "\x7fELF", little-endian
const IDENT_CLASS = 4;
const IDENT_DATA = 5;
const CLASS_32 = 1;
const CLASS_64 = 2;
const DATA_LITTLE_ENDIAN = 1;
const TYPE = 16;
const TYPE_EXECUTABLE = 2;
const TYPE_SHARED = 3;
const MACHINE = 18;
const MACHINE_386 = 3;
const MACHINE_X86_64 = 62;
const PT_LOAD = 1;
const PT_NOTE = 4;
const SEGMENTS_MAX = 256;
const NOTE_HEADER_BYTES = 12;
const NOTE_BYTES_MAX = 1 << 20;

/** Where the fields of the two classes are. */
const LAYOUTS = {
  [CLASS_32]: {
    headerBytes: 52,
    entry: 24,
    programOffset: 28,
    programEntryBytes: 42,
    programCount: 44,
    programBytes: 32,
    offset: 4,
    virtual: 8,
    physical: 12,
    fileBytes: 16,
    memoryBytes: 20,
  },
  [CLASS_64]: {
    headerBytes: 64,
    entry: 24,
    programOffset: 32,
    programEntryBytes: 54,
    programCount: 56,
    programBytes: 56,
    offset: 8,
    virtual: 16,
    physical: 24,
    fileBytes: 32,
    memoryBytes: 40,
  },
} as const;

export interface ElfSegment {
  readonly virtual: bigint;
  readonly physical: number;
  readonly bytes: Uint8Array;
  /** At least the bytes' length; the rest is zero. */
  readonly memoryBytes: number;
}

export interface ElfNote {
  readonly name: string;
  readonly type: number;
  readonly description: Uint8Array;
}

export interface ElfImage {
  readonly is64: boolean;
  readonly entry: bigint;
  readonly segments: readonly ElfSegment[];
  readonly notes: readonly ElfNote[];
}

/** Whether the file begins as an ELF file does. */
export function isElf(file: Uint8Array): boolean {
  return file.length >= 4 && viewOf(file).getUint32(0, true) === MAGIC;
}

/** Parses an executable. Throws BAD_KERNEL. */
export function parseElf(file: Uint8Array): ElfImage {
  const view = viewOf(file);
  const elfClass = file[IDENT_CLASS];
  if (!isElf(file) || (elfClass !== CLASS_32 && elfClass !== CLASS_64)) throw bad('is no ELF executable');
  const layout = LAYOUTS[elfClass];
  if (file.length < layout.headerBytes) throw bad('is cut off in its ELF header');
  const type = view.getUint16(TYPE, true);
  if (
    file[IDENT_DATA] !== DATA_LITTLE_ENDIAN ||
    view.getUint16(MACHINE, true) !== (elfClass === CLASS_64 ? MACHINE_X86_64 : MACHINE_386)
  ) {
    throw bad('is an ELF file for another processor; use one for x86');
  }
  if (type !== TYPE_EXECUTABLE && type !== TYPE_SHARED)
    throw bad('is an ELF file but no executable; use vmlinux or bzImage');

  const word = (at: number): bigint =>
    elfClass === CLASS_64 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true));
  /** A file offset, address or length that a double holds exactly; others fail the checks that follow. */
  const number = (at: number): number => Number(word(at));
  const programOffset = number(layout.programOffset);
  const programCount = view.getUint16(layout.programCount, true);
  const stride = view.getUint16(layout.programEntryBytes, true);
  if (
    programCount === 0 ||
    programCount > SEGMENTS_MAX ||
    stride < layout.programBytes ||
    programOffset + programCount * stride > file.length
  ) {
    throw bad('is cut off or damaged: its program headers are not in the file');
  }

  const segments: ElfSegment[] = [];
  const notes: ElfNote[] = [];
  for (let index = 0; index < programCount; index++) {
    const at = programOffset + index * stride;
    const segmentType = view.getUint32(at, true);
    if (segmentType !== PT_LOAD && segmentType !== PT_NOTE) continue;
    const offset = number(at + layout.offset);
    const fileBytes = number(at + layout.fileBytes);
    if (offset + fileBytes > file.length) throw bad('is cut off or damaged: a segment is not in the file');
    const bytes = file.subarray(offset, offset + fileBytes);
    if (segmentType === PT_NOTE) {
      notes.push(...parseNotes(bytes.subarray(0, NOTE_BYTES_MAX)));
      continue;
    }
    const memoryBytes = number(at + layout.memoryBytes);
    if (memoryBytes < fileBytes) throw bad('is damaged: a segment is larger in the file than in memory');
    if (memoryBytes > 0)
      segments.push({ virtual: word(at + layout.virtual), physical: number(at + layout.physical), bytes, memoryBytes });
  }
  if (segments.length === 0) throw bad('has nothing to load; use an uncompressed vmlinux or a bzImage');
  return { is64: elfClass === CLASS_64, entry: word(layout.entry), segments, notes };
}

/** The entry point as a physical address: some kernels give a virtual one. */
export function physicalEntry({ entry, segments }: ElfImage): number {
  const inSegment = (start: bigint, segment: ElfSegment) =>
    entry >= start && entry < start + BigInt(segment.memoryBytes);
  if (segments.some((segment) => inSegment(BigInt(segment.physical), segment))) return Number(entry);
  const home = segments.find((segment) => inSegment(segment.virtual, segment));
  if (home === undefined) throw bad('is damaged: its entry point is outside of what it loads');
  return Number(entry - home.virtual) + home.physical;
}

function* parseNotes(bytes: Uint8Array): Generator<ElfNote> {
  const view = viewOf(bytes);
  const align = (value: number) => Math.ceil(value / 4) * 4;
  let at = 0;
  while (at + NOTE_HEADER_BYTES <= bytes.length) {
    const nameBytes = view.getUint32(at, true);
    const descriptionBytes = view.getUint32(at + 4, true);
    const nameAt = at + NOTE_HEADER_BYTES;
    const descriptionAt = nameAt + align(nameBytes);
    const end = descriptionAt + descriptionBytes;
    if (end > bytes.length) return;
    const name = new TextDecoder('latin1').decode(bytes.subarray(nameAt, nameAt + Math.max(0, nameBytes - 1)));
    yield { name, type: view.getUint32(at + 8, true), description: bytes.subarray(descriptionAt, end) };
    at = descriptionAt + align(descriptionBytes);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bad(what: string): VivariumError {
  return new VivariumError(ErrorCodes.BAD_KERNEL, `the kernel ${what}`);
}
