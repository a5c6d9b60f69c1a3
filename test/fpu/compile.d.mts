export interface FpuExports {
  memory: WebAssembly.Memory;
  scratch(count: number): number;
  evaluate(address: number, count: number): void;
}
export function compileFpu(): Promise<FpuExports>;
export function evaluateRecords(fpu: FpuExports, records: Uint8Array): Uint8Array;
