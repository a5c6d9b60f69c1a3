/**
 * Serves the folder of a site on this computer alone: with ranges, with the headers that isolate pages (HTML, "Cross-origin isolation"),
 * and nothing kept by browsers, so that a change shows at once. Pages load anew when they are told to.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import sirv from 'sirv';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const LOOPBACK = '127.0.0.1';
const EVENTS_PATH = '/-/changes';
const SERVICE_WORKER = '/service-worker.js';
const HEADERS: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
const RELOAD = `<script>new EventSource('${EVENTS_PATH}').onmessage = () => location.reload();</script>`;
/** One that keeps nothing, in place of one from an earlier site at this address. */
const NO_SERVICE_WORKER = `self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil((async () => {
  for (const name of await caches.keys()) await caches.delete(name);
})()));
`;

export interface SiteServer {
  readonly url: string;
  /** Pages that are open load anew. */
  reload(): void;
  close(): Promise<void>;
}

/** Throws CONFLICT for a port that is taken. */
export async function serveSite(folder: string, port: number): Promise<SiteServer> {
  const listeners = new Set<ServerResponse>();
  const sendFile = sirv(folder, { dev: true, dotfiles: false });
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    // A name that leads here from the web has no business with this server (DNS rebinding).
    if (!isOwnHost(request, server.address() as AddressInfo)) return void response.writeHead(403).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405).end();
    const path = pathOf(request);
    if (path === EVENTS_PATH) return listen(response, listeners);
    if (path === SERVICE_WORKER)
      return void response.writeHead(200, { 'content-type': 'text/javascript' }).end(NO_SERVICE_WORKER);
    if (path.endsWith('/') || path.endsWith('.html'))
      return void sendPage(join(folder, path.endsWith('/') ? `${path}index.html` : path), response);
    sendFile(request, response, () => void response.writeHead(404).end());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new VivariumError(ErrorCodes.CONFLICT, `port ${port} is taken; choose another with --port`)
          : error,
      ),
    );
    server.listen(port, LOOPBACK, resolve);
  });
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/`,
    reload: () => {
      for (const response of listeners) response.write('data: changed\n\n');
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function isOwnHost({ headers }: IncomingMessage, { port }: AddressInfo): boolean {
  return headers.host === `${LOOPBACK}:${port}` || headers.host === `localhost:${port}`;
}

/** Without `..`, which an address as browsers send it can't have either. */
function pathOf({ url = '/' }: IncomingMessage): string {
  try {
    const path = decodeURIComponent(new URL(url, 'http://host').pathname);
    return path.split(/[\\/]/).includes('..') || path.includes('\0') ? '' : path;
  } catch {
    return '';
  }
}

function listen(response: ServerResponse, listeners: Set<ServerResponse>): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': here\n\n');
  listeners.add(response);
  response.once('close', () => listeners.delete(response));
}

async function sendPage(path: string, response: ServerResponse): Promise<void> {
  try {
    const page = await readFile(path, 'utf8');
    response
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(page.replace('</body>', `${RELOAD}</body>`));
  } catch {
    response.writeHead(404).end();
  }
}
