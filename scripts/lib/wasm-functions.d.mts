export interface FunctionSize {
  readonly index: number;
  readonly name: string | undefined;
  readonly byteCount: number;
}
export function functionSizes(bytes: Uint8Array): FunctionSize[];
