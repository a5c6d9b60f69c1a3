/** The native peer of random programs (test/native/run.c): what goes in and comes out, and how to run it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

export const IMAGE_BYTES = 0x7000;
/** Offsets in the image: code, data, read-only data, stack, high data. */
export const IMAGE_DATA = 0x2000;
export const CODE_LINEAR = 0x10000000n;

// struct record of run.c
const MODE = 0;
const SIGNAL = 4;
const VECTOR = 8;
const ERROR = 12;
const CR2 = 16;
const RIP = 24;
const EFLAGS = 32;
const MXCSR = 40;
const FCW = 44;
const FSW = 46;
const FTW = 48;
const GPR = 56;
const ST = 184;
const YMM = 312;
const IMAGE = 824;
const RECORD_BYTES = IMAGE + IMAGE_BYTES;

/** Everything that user-mode code sees and changes. */
export interface UserState {
  /** 0: 64-bit, 1: 32-bit code. */
  mode: 0 | 1;
  gpr: bigint[];
  rip: bigint;
  eflags: number;
  mxcsr: number;
  fcw: number;
  fsw: number;
  /** Abridged tag word. */
  ftw: number;
  /** ST(0) to ST(7), 16 bytes each. */
  st: Uint8Array;
  /** 16 registers of 32 bytes. */
  ymm: Uint8Array;
  image: Uint8Array;
}

export interface NativeResult extends UserState {
  signal: number;
  vector: number;
  error: number;
  cr2: bigint;
}

/** Compiles run.c to `program`. */
export function buildNative(source: string, program: string): void {
  mkdirSync(dirname(program), { recursive: true });
  execFileSync('gcc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

function write(record: Buffer, s: UserState): void {
  record.writeUInt32LE(s.mode, MODE);
  record.writeBigUInt64LE(s.rip, RIP);
  record.writeBigUInt64LE(BigInt(s.eflags), EFLAGS);
  record.writeUInt32LE(s.mxcsr, MXCSR);
  record.writeUInt16LE(s.fcw, FCW);
  record.writeUInt16LE(s.fsw, FSW);
  record.writeUInt8(s.ftw, FTW);
  s.gpr.forEach((value, n) => record.writeBigUInt64LE(value, GPR + n * 8));
  record.set(s.st, ST);
  record.set(s.ymm, YMM);
  record.set(s.image, IMAGE);
}

function read(record: Buffer): NativeResult {
  return {
    mode: record.readUInt32LE(MODE) as 0 | 1,
    signal: record.readUInt32LE(SIGNAL),
    vector: record.readUInt32LE(VECTOR),
    error: record.readUInt32LE(ERROR),
    cr2: record.readBigUInt64LE(CR2),
    rip: record.readBigUInt64LE(RIP),
    eflags: Number(record.readBigUInt64LE(EFLAGS)),
    mxcsr: record.readUInt32LE(MXCSR),
    fcw: record.readUInt16LE(FCW),
    fsw: record.readUInt16LE(FSW),
    ftw: record.readUInt8(FTW),
    gpr: Array.from({ length: 16 }, (_, n) => record.readBigUInt64LE(GPR + n * 8)),
    st: record.subarray(ST, YMM),
    ymm: record.subarray(YMM, IMAGE),
    image: record.subarray(IMAGE),
  };
}

/** Runs each state's code to its end on the host's CPU. */
export function runNative(program: string, states: UserState[]): NativeResult[] {
  const input = Buffer.alloc(states.length * RECORD_BYTES);
  const at = (b: Buffer, n: number) => b.subarray(n * RECORD_BYTES, (n + 1) * RECORD_BYTES);
  states.forEach((s, n) => write(at(input, n), s));
  const { stdout, status, signal } = spawnSync(program, {
    input,
    maxBuffer: input.length + RECORD_BYTES,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (status !== 0 || stdout.length !== input.length) {
    throw new Error(
      `${program} ended with ${signal ?? status} after ${Math.floor(stdout.length / RECORD_BYTES)} of ${states.length} cases`,
    );
  }
  return states.map((_, n) => read(at(stdout, n)));
}
