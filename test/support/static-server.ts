/**
 * A plain web server for a folder, as a site's host may be: ranges or none, headers for isolation or none, and faults on
 * demand. It counts what it sends. Node only.
 */
import { createReadStream, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};
const ISOLATION = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'cross-origin',
};
const RANGE = /^bytes=(\d+)-(\d*)$/;

export interface StaticServerOptions {
  /** Headers that make pages isolated. */
  readonly isolated?: boolean;
  /** Answers to ranges with ranges; else with the whole file. */
  readonly ranges?: boolean;
}

export interface StaticServer {
  readonly url: string;
  /** Bytes of bodies sent, by path. */
  readonly sentBytes: Map<string, number>;
  /** Path and range of each request. */
  readonly requests: { readonly path: string; readonly range: string | undefined }[];
  /** May answer instead; true: it has. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  close(): Promise<void>;
}

export async function serveFolder(
  folder: string,
  { isolated = false, ranges = true }: StaticServerOptions = {},
): Promise<StaticServer> {
  const sentBytes = new Map<string, number>();
  const requests: { path: string; range: string | undefined }[] = [];
  const http = createServer((request, response) => {
    const path = normalize(new URL(request.url!, 'http://host').pathname);
    requests.push({ path, range: request.headers.range });
    if (server.intercept?.(request, response) === true) return;
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined || !found.isFile()) {
      response.writeHead(404).end('not found');
      return;
    }
    const headers = {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'access-control-allow-origin': '*',
      ...(isolated ? ISOLATION : {}),
    };
    const range = ranges ? RANGE.exec(request.headers.range ?? '') : null;
    const start = range === null ? 0 : Number(range[1]);
    const end = range === null || range[2] === '' ? found.size : Math.min(found.size, Number(range[2]) + 1);
    if (start >= end) {
      response.writeHead(416, { 'content-range': `bytes */${found.size}` }).end();
      return;
    }
    response.writeHead(range === null ? 200 : 206, {
      ...headers,
      'content-length': end - start,
      ...(range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${found.size}` }),
    });
    createReadStream(file, { start, end: end - 1 })
      .on('data', (piece) => sentBytes.set(path, (sentBytes.get(path) ?? 0) + piece.length))
      .pipe(response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: StaticServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/`,
    sentBytes,
    requests,
    intercept: undefined,
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}
