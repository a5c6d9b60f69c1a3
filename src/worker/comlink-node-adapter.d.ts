/** comlink ships this module with declarations that a package import does not find. */
declare module 'comlink/dist/esm/node-adapter.mjs' {
  import type { Endpoint } from 'comlink';
  /** Makes a worker thread, its parent port or a message port of Node an endpoint. */
  export default function nodeEndpoint(port: { postMessage(message: unknown, transfer?: never[]): void; on(type: string, listener: (...values: never[]) => void): unknown }): Endpoint;
}
