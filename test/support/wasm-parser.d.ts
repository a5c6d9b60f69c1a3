/** The part of @webassemblyjs/wasm-parser that the tests use; it has no types of its own. */
declare module '@webassemblyjs/wasm-parser' {
  export interface ModuleField {
    readonly type: string;
    readonly module?: string;
    readonly name?: string | { readonly value: string };
    readonly descr?: { readonly type: string; readonly exportType?: string };
    readonly functype?: {
      readonly params: readonly { readonly valtype: string }[];
      readonly results: readonly string[];
    };
  }
  export interface Program {
    readonly body: readonly { readonly fields: readonly ModuleField[] }[];
  }
  export function decode(bytes: ArrayBuffer | Uint8Array, options?: { readonly ignoreCodeSection?: boolean }): Program;
}
