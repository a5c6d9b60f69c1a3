/**
 * Reader for single-instruction vector files (".xv", optionally gzip'd): the format is in docs/vectors.md.
 * All numbers little endian.
 */

export const GROUPS = [
  'alu',
  'shift',
  'muldiv',
  'bit',
  'string',
  'stack',
  'branch',
  'bcd32',
  'x87',
  'mmx',
  'sse',
  'sse2',
  'sse3_41_42',
  'aes_sha_clmul',
  'avx',
  'avx2',
  'fma',
  'bmi',
  'priv',
  'fuzz',
] as const;

export interface X87 {
  fcw: number;
  fsw: number;
  tag: number;
  /** ST(0)…ST(7), 10 bytes each. */
  st: Uint8Array;
}
export interface CpuState {
  gpr: bigint[];
  rip: bigint;
  eflags: number;
  mxcsr: number;
  x87: X87;
  /** 16 × 32 bytes. */
  ymm: Uint8Array;
}
export interface MemoryPiece {
  address: bigint;
  bytes: Uint8Array;
}
export interface Vector {
  index: number;
  mode: 0 | 1;
  group: number;
  /** Exception vector, or undefined. */
  exception: number | undefined;
  approx: number;
  code: Uint8Array;
  errorCode: number;
  cr2: bigint;
  eflagsMask: number;
  fswMask: number;
  initial: CpuState;
  final: CpuState;
  memory: MemoryPiece[];
  changed: MemoryPiece[];
}

const HEADER_SIZE = 32;
const MAGIC = 0x56363858; // "X86V"
const NO_EXCEPTION = 0xff;

function defaultState(mode: 0 | 1): CpuState {
  const gpr: bigint[] = [];
  for (let n = 0; n < 16; n++) {
    const byte = BigInt(0x10 + n);
    gpr.push(mode === 0 ? byte * 0x0101010101010101n : n < 8 ? byte * 0x01010101n : 0n);
  }
  // 0x01…01 × (0x10 + i), cut to the register.
  for (let n = 0; n < 16; n++) gpr[n] = BigInt.asUintN(64, gpr[n]!);
  gpr[4] = 0x30000800n;
  const ymm = new Uint8Array(512);
  for (let n = 0; n < (mode === 0 ? 512 : 256); n++) ymm[n] = (n & 255) ^ 0x55;
  return {
    gpr,
    rip: 0x10000100n,
    eflags: 0x202,
    mxcsr: 0x1f80,
    x87: { fcw: 0x37f, fsw: 0, tag: 0, st: new Uint8Array(80) },
    ymm,
  };
}
const DEFAULTS = [defaultState(0), defaultState(1)] as const;

class Reader {
  at: number;
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }
  u8(): number {
    return this.view.getUint8(this.at++);
  }
  u16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }
  u32(): number {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }
  u64(): bigint {
    this.at += 8;
    return this.view.getBigUint64(this.at - 8, true);
  }
  take(count: number): Uint8Array {
    if (this.at + count > this.bytes.length) throw new RangeError('vector file is cut short');
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}

function readDiff(r: Reader, base: CpuState): CpuState {
  const mask = r.u32();
  const state: CpuState = { ...base };
  if (mask & 0xffff) {
    state.gpr = base.gpr.slice();
    for (let n = 0; n < 16; n++) if (mask & (1 << n)) state.gpr[n] = r.u64();
  }
  if (mask & (1 << 16)) state.rip = r.u64();
  if (mask & (1 << 17)) state.eflags = r.u32();
  if (mask & (1 << 18)) state.mxcsr = r.u32();
  if (mask & (1 << 19)) state.x87 = { fcw: r.u16(), fsw: r.u16(), tag: r.u8(), st: r.take(80) };
  if (mask & (1 << 20)) {
    const vectors = r.u32();
    state.ymm = base.ymm.slice();
    for (let n = 0; n < 16; n++) {
      if (vectors & (1 << n)) state.ymm.set(r.take(16), n * 32);
      if (vectors & (0x10000 << n)) state.ymm.set(r.take(16), n * 32 + 16);
    }
  }
  return state;
}

function readMemory(r: Reader): MemoryPiece[] {
  const pieces: MemoryPiece[] = [];
  for (let count = r.u8(); count > 0; count--) {
    const address = r.u64();
    const length = r.u8();
    pieces.push({ address, bytes: r.take(length) });
  }
  return pieces;
}

/** Vectors of a file, in order. Throws RangeError or TypeError on a file that is not one. */
export function* readVectors(bytes: Uint8Array): Generator<Vector> {
  const header = new Reader(bytes, 0);
  if (bytes.length < HEADER_SIZE || header.u32() !== MAGIC)
    throw new TypeError('not a vector file: it does not start with "X86V"');
  const version = header.u8();
  if (version !== 1) throw new TypeError(`vector file version ${version} is not 1`);
  header.at = 8;
  const count = Number(header.u64());
  let at = HEADER_SIZE;
  for (let index = 0; index < count; index++) {
    const r = new Reader(bytes, at);
    const length = r.u16();
    const mode = r.u8() as 0 | 1;
    const group = r.u8();
    const exception = r.u8();
    const approx = r.u8();
    const code = r.take(r.u8());
    const errorCode = r.u32();
    const cr2 = r.u64();
    const eflagsMask = r.u32();
    const fswMask = r.u16();
    const initial = readDiff(r, DEFAULTS[mode]);
    const final = readDiff(r, initial);
    const memory = readMemory(r);
    const changed = readMemory(r);
    if (r.at !== at + length)
      throw new RangeError(`vector ${index} has ${length} bytes, of which ${r.at - at} were understood`);
    at += length;
    yield {
      index,
      mode,
      group,
      exception: exception === NO_EXCEPTION ? undefined : exception,
      approx,
      code,
      errorCode,
      cr2,
      eflagsMask,
      fswMask,
      initial,
      final,
      memory,
      changed,
    };
  }
}
