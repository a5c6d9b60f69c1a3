/**
 * The site's service worker (a classic script, so it imports nothing). It keeps the site's pages and scripts, so that the next
 * visit needs no network, and gives answers the headers that isolate pages, for hosts that can't. The files of one version
 * are kept together: a version is used when all its files are there and are what they should be, and until then the one
 * before goes on. What guests and images are made of has caches of its own and passes through.
 */
import type { ServiceWorkerScope, ExtendableEvent, FetchEvent } from './service-worker-types.ts';

declare const self: ServiceWorkerScope;

/** Written when the site is complete (src/sandbox/node-site.ts). */
importScripts('./service-worker-files.js');
const { version, files } = self.vivariumFiles;

const CACHE_PREFIX = 'vivarium-site-';
const CACHE = `${CACHE_PREFIX}${version}`;
const SHA256 = 'x-vivarium-sha256';
const ISOLATION: Readonly<Record<string, string>> = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'cross-origin',
};
const RANGE = /^bytes=(\d+)-(\d*)$/;

const scope = new URL(self.registration.scope);
const addresses = new Map(Object.entries(files).map(([path, sha256]) => [new URL(path, scope).href, sha256]));

self.addEventListener('install', (event: ExtendableEvent) => event.waitUntil(install()));
self.addEventListener('activate', (event: ExtendableEvent) => event.waitUntil(activate()));
self.addEventListener('fetch', (event: FetchEvent) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== scope.origin || !url.pathname.startsWith(scope.pathname)) return;
  event.respondWith(answer(request, url));
});

/** Rejects when a file is not the one of this version: then the server's files are of several, and this is tried again later. */
async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  try {
    await Promise.all([...addresses].map(([url, sha256]) => keep(cache, url, sha256)));
  } catch (error) {
    await caches.delete(CACHE);
    throw error;
  }
}

async function keep(cache: Cache, url: string, sha256: string): Promise<void> {
  const before = await caches.match(url);
  if (before?.headers.get(SHA256) === sha256) return cache.put(url, isolated(before));
  const response = await fetch(url, { cache: 'no-cache' });
  if (!response.ok) throw new TypeError(`${url} answers with ${response.status}`);
  const content = await response.arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  const found = Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== sha256) throw new TypeError(`${url} is of another version`);
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  await cache.put(url, new Response(content, { headers: { 'content-type': type, [SHA256]: sha256, ...ISOLATION } }));
}

async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(CACHE_PREFIX) && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
  // The page of a first visit is ours from now on; a later version waits until the pages of the one before are gone.
  await self.clients.claim();
}

async function answer(request: Request, url: URL): Promise<Response> {
  const kept = await find(url);
  // As it is kept, with headers and all: to an answer that is made anew browsers attach no compiled code.
  if (kept !== undefined) return ranged(request, kept);
  const response = await fetch(request);
  return response.type === 'opaque' || response.type === 'opaqueredirect' ? response : isolated(response);
}

/** A file of this version; a folder is its index.html. */
async function find(url: URL): Promise<Response | undefined> {
  const address = new URL(url.pathname.endsWith('/') ? `${url.pathname}index.html` : url.pathname, scope).href;
  return addresses.has(address) ? (await caches.open(CACHE)).match(address) : undefined;
}

/** A part of what is kept, if one is asked for (RFC 9110, §14). */
async function ranged(request: Request, response: Response): Promise<Response> {
  const range = RANGE.exec(request.headers.get('range') ?? '');
  if (range === null) return response;
  const content = await response.blob();
  const start = Number(range[1]);
  const end = range[2] === '' ? content.size : Math.min(content.size, Number(range[2]) + 1);
  if (start >= end) return new Response(null, { status: 416, headers: { 'content-range': `bytes */${content.size}` } });
  const headers = new Headers(response.headers);
  headers.set('content-range', `bytes ${start}-${end - 1}/${content.size}`);
  headers.set('content-length', String(end - start));
  return new Response(content.slice(start, end), { status: 206, headers });
}

function isolated(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  const { status, statusText } = response;
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  return new Response(hasBody ? response.body : null, { status, statusText, headers });
}
