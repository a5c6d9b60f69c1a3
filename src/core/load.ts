/**
 * Brings the CPU core (core.wasm) to life: memory, imports, exports. The caller brings the bytes: fetched in a browser,
 * read from a file in Node. The ABI is assembly/core.ts (exports) and assembly/host.ts (imports).
 */
import { EXCHANGE, RAM_BASE, RAM_SIZE_MAX } from '../../assembly/layout.ts';
import { Translator, type Tier, type TranslatorCore } from './translator.ts';
import { assert, AssertionError, ErrorCodes, VivariumError } from '../util/errors.ts';

const WASM_PAGE_BYTES = 65536;
const KIB = 1024;
const MIB = KIB * KIB;
/** Less can't hold any Linux; more does not fit under the hole for devices. */
export const RAM_BYTES_MIN = 16 * MIB;
export const RAM_BYTES_MAX = RAM_SIZE_MAX;

/** What the core asks of the machine around it. Values are unsigned; a physical address is a double. */
export interface CpuHost {
  portRead(port: number, size: number): number;
  portWrite(port: number, size: number, value: number): void;
  /** An access outside RAM. */
  mmioRead(physical: number, size: number): number;
  mmioWrite(physical: number, size: number, value: number): void;
  /** Machine time in TSC ticks since power-on. */
  tscTicks(): number;
  random32(): number;
  /** Accepts the external interrupt that waits: its vector, or -1. */
  acknowledge(): number;
  /** Local APIC registers as MSRs, IA32_APIC_BASE and IA32_TSC_DEADLINE; undefined or false raise #GP. */
  apicRead(msr: number): bigint | undefined;
  apicWrite(msr: number, low: number, high: number): boolean;
  /** CR8. */
  readTpr(): number;
  writeTpr(value: number): void;
  /** A KVM paravirt MSR was written; false raises #GP. */
  paravirtWrite(msr: number, low: number, high: number): boolean;
  /** Something worth a log line. */
  note(code: number, detail: number): void;
}

/** The exports of core.wasm; see assembly/core.ts. */
export interface CoreExports extends TranslatorCore {
  configure(ramBytes: number): void;
  reset(): void;
  run(budget: number): number;
  step(): number;
  deliverFault(): void;
  requestExit(): void;
  instructionCount(): number;
  updateMode(): void;
  flushTlb(): void;
  flushCode(): void;
  invalidate(physical: number, byteCount: number): void;
  restartDirtyTracking(): void;
  eflags(): number;
  setEflags(value: number): void;
  probe(): void;
}

/** One CPU's instance of the core with the memory it lives in. */
export interface Core {
  readonly exports: CoreExports;
  readonly memory: WebAssembly.Memory;
  readonly ramBytes: number;
  readonly translator: Translator;
  /** Accepts the external interrupt that waits, as the core itself does: its vector, or -1. */
  acknowledge(): number;
}

export interface CoreOptions {
  readonly memory?: WebAssembly.Memory;
  /** 'mixed' if not given. */
  readonly tier?: Tier;
  /** A clock in milliseconds, for the translator's statistics. */
  readonly nowMs?: () => number;
}

/** What raise() throws. It is made once: unwinding costs no allocation. */
export const GUEST_FAULT: object = Object.freeze({ guestFault: true });

/** Compiles the core. Throws NOT_BUILT when the bytes are no WebAssembly module. */
export async function compileCore(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    throw new VivariumError(
      ErrorCodes.NOT_BUILT,
      'the CPU core is not a valid WebAssembly module; build it again with npm run build',
      { cause: error },
    );
  }
}

/** Checks a RAM size in bytes: 16 MiB to 3 GiB in whole pages of 4 KiB. Throws BAD_MEMORY_SIZE. */
export function checkRamBytes(ramBytes: number): void {
  if (
    !Number.isInteger(ramBytes) ||
    ramBytes % (4 * KIB) !== 0 ||
    ramBytes < RAM_BYTES_MIN ||
    ramBytes > RAM_BYTES_MAX
  ) {
    throw new VivariumError(
      ErrorCodes.BAD_MEMORY_SIZE,
      `a machine can't have ${describeBytes(ramBytes)} of memory; choose between ${RAM_BYTES_MIN / MIB}M and ${RAM_BYTES_MAX / MIB / KIB}G`,
    );
  }
}

function describeBytes(byteCount: number): string {
  return byteCount >= MIB && byteCount % MIB === 0 ? `${byteCount / MIB} MiB` : `${byteCount} bytes`;
}

/** Makes the memory of a machine. It never grows: growing would detach every view. Throws BAD_MEMORY_SIZE. */
export function createMemory(ramBytes: number): WebAssembly.Memory {
  checkRamBytes(ramBytes);
  const pageCount = Math.ceil((RAM_BASE + ramBytes) / WASM_PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: pageCount, maximum: pageCount });
  } catch (error) {
    throw new VivariumError(
      ErrorCodes.BAD_MEMORY_SIZE,
      `the host has no room for a machine with ${describeBytes(ramBytes)} of memory; choose less with -m`,
      { cause: error },
    );
  }
}

/** Instantiates the core over `memory` and puts the CPU into its reset state. */
export function instantiateCore(
  module: WebAssembly.Module,
  ramBytes: number,
  host: CpuHost,
  { memory = createMemory(ramBytes), tier = 'mixed', nowMs }: CoreOptions = {},
): Core {
  assert(memory.buffer.byteLength >= RAM_BASE + ramBytes, 'the memory is too small for this much RAM');
  const exchange = new BigUint64Array(memory.buffer, EXCHANGE, 1);
  const hostImports = {
    raise: () => {
      throw GUEST_FAULT;
    },
    portRead: (port: number, size: number) => host.portRead(port, size),
    portWrite: (port: number, size: number, value: number) => host.portWrite(port, size, value >>> 0),
    mmioRead: (physical: number, size: number) => host.mmioRead(physical, size),
    mmioWrite: (physical: number, size: number, value: number) => host.mmioWrite(physical, size, value >>> 0),
    tsc: () => host.tscTicks(),
    random32: () => host.random32(),
    acknowledge: () => host.acknowledge(),
    apicRead: (msr: number) => {
      const value = host.apicRead(msr >>> 0);
      if (value === undefined) return 0;
      exchange[0] = value;
      return 1;
    },
    apicWrite: (msr: number, low: number, high: number) => Number(host.apicWrite(msr >>> 0, low >>> 0, high >>> 0)),
    readTpr: () => host.readTpr(),
    writeTpr: (value: number) => host.writeTpr(value >>> 0),
    paravirtWrite: (msr: number, low: number, high: number) =>
      Number(host.paravirtWrite(msr >>> 0, low >>> 0, high >>> 0)),
    note: (code: number, detail: number) => host.note(code, detail),
    translated: (region: number, start: number, byteCount: number, hints: number, hintCount: number) =>
      translator.translated(region >>> 0, start >>> 0, byteCount >>> 0, hints >>> 0, hintCount >>> 0),
    translationsDropped: () => translator.dropped(),
  };
  const abort = () => {
    throw new AssertionError('the CPU core gave up');
  };
  // The compiler names the module of an import after its file, host.ts.
  const instance = new WebAssembly.Instance(module, { host: hostImports, env: { memory, abort } });
  const exports = instance.exports as unknown as CoreExports;
  const translator = new Translator(exports, memory, nowMs);
  exports.configure(ramBytes);
  translator.setTier(tier);
  return { exports, memory, ramBytes, translator, acknowledge: () => host.acknowledge() };
}
