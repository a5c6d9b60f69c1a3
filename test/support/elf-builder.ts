/** Makes small ELF kernels for boot tests. */

export interface ElfPart {
  readonly virtual?: number;
  readonly physical: number;
  readonly bytes: Uint8Array;
  readonly memoryBytes?: number;
}

export interface ElfOptions {
  readonly is64: boolean;
  readonly entry: number;
  readonly parts: readonly ElfPart[];
  /** Physical address for a PVH note. */
  readonly pvhEntry?: number;
  readonly machine?: number;
}

const PT_LOAD = 1;
const PT_NOTE = 4;

function pvhNote(entry: number): Uint8Array {
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, 4, true);
  view.setUint32(8, 18, true);
  bytes.set(new TextEncoder().encode('Xen\0'), 12);
  view.setUint32(16, entry, true);
  return bytes;
}

/** An executable with one PT_LOAD for each part, and a PT_NOTE if there is a PVH entry. */
export function buildElf({ is64, entry, parts, pvhEntry, machine = is64 ? 62 : 3 }: ElfOptions): Uint8Array {
  const segments = parts.map((part) => ({
    type: PT_LOAD,
    virtual: part.virtual ?? part.physical,
    memoryBytes: part.bytes.length,
    ...part,
  }));
  const note =
    pvhEntry === undefined
      ? []
      : [{ type: PT_NOTE, virtual: 0, physical: 0, bytes: pvhNote(pvhEntry), memoryBytes: 20 }];
  const all = [...segments, ...note];
  const headerBytes = is64 ? 64 : 52;
  const programBytes = is64 ? 56 : 32;
  const dataStart = headerBytes + all.length * programBytes;
  const file = new Uint8Array(dataStart + all.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const view = new DataView(file.buffer);
  const word = (at: number, value: number): void =>
    is64 ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  file.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, machine, true);
  word(24, entry);
  word(is64 ? 32 : 28, headerBytes);
  view.setUint16(is64 ? 54 : 42, programBytes, true);
  view.setUint16(is64 ? 56 : 44, all.length, true);
  let offset = dataStart;
  all.forEach(({ type, virtual, physical, bytes, memoryBytes }, index) => {
    const at = headerBytes + index * programBytes;
    const fields = is64
      ? { offset: 8, virtual: 16, physical: 24, file: 32, memory: 40 }
      : { offset: 4, virtual: 8, physical: 12, file: 16, memory: 20 };
    view.setUint32(at, type, true);
    word(at + fields.offset, offset);
    word(at + fields.virtual, virtual);
    word(at + fields.physical, physical);
    word(at + fields.file, bytes.length);
    word(at + fields.memory, memoryBytes);
    file.set(bytes, offset);
    offset += bytes.length;
  });
  return file;
}
