/**
 * What of WebAssembly this host has: our floor (docs/architecture.md) is SIMD, threads and tail calls. Each is asked by the smallest
 * module that needs it, in the binary format of the core specification 2.0, section 5, and of the threads and tail call proposals.
 */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** One function type without parameters or results, and one function of it. */
const ONE_FUNCTION = [0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02, 0x01, 0x00];
/** A shared memory of one page. */
const SHARED_MEMORY = [0x05, 0x04, 0x01, 0x03, 0x01, 0x01];
const END = 0x0b;
const I32_CONST_0 = [0x41, 0x00];
const DROP = 0x1a;
const I8X16_SPLAT = [0xfd, 0x0f];
const I32_ATOMIC_LOAD = [0xfe, 0x10, 0x02, 0x00];
const RETURN_CALL_0 = [0x12, 0x00];

function code(...instructions: number[]): number[] {
  const body = [0x00, ...instructions, END]; // no locals
  return [0x0a, body.length + 2, 0x01, body.length, ...body];
}

const MODULES = {
  SIMD: [...HEADER, ...ONE_FUNCTION, ...code(...I32_CONST_0, ...I8X16_SPLAT, DROP)],
  threads: [...HEADER, ...ONE_FUNCTION, ...SHARED_MEMORY, ...code(...I32_CONST_0, ...I32_ATOMIC_LOAD, DROP)],
  'tail calls': [...HEADER, ...ONE_FUNCTION, ...code(...RETURN_CALL_0)],
};
export type WasmFeature = keyof typeof MODULES;

/** Each feature of our floor, and whether it is there. */
export function wasmFeatures(): Readonly<Record<WasmFeature, boolean>> {
  const entries = Object.entries(MODULES).map(([name, bytes]) => [name, WebAssembly.validate(Uint8Array.from(bytes))]);
  return Object.fromEntries(entries) as Record<WasmFeature, boolean>;
}
