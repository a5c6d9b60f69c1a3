/**
 * A registry in this process, on a port of its own, for faults that a real one does not show: what it answers can be scripted
 * request by request. It has what distribution-spec v1.1 asks of pull and push, ranges, and Basic or token authorization.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { sha256 } from './image-builder.ts';
import type { LayoutBuilder } from './image-builder.ts';

/** Answers a request itself, or returns false to leave it to the registry. */
export type Script = (request: IncomingMessage, response: ServerResponse, registry: FakeRegistry) => boolean;

export interface SeenRequest {
  method: string;
  path: string;
  authorization: string | undefined;
  range: string | undefined;
  contentRange: string | undefined;
  status: number;
}

interface StoredManifest {
  bytes: Uint8Array;
  mediaType: string;
}

export class FakeRegistry {
  readonly blobs = new Map<string, Uint8Array>();
  /** By `REPOSITORY TAG-OR-DIGEST`. */
  readonly manifests = new Map<string, StoredManifest>();
  readonly seen: SeenRequest[] = [];
  /** Repositories that have a blob; without an entry every one has it. */
  readonly owners = new Map<string, Set<string>>();
  script: Script = () => false;
  /** `USER:PASSWORD` for Basic. */
  basic: string | undefined;
  /** Wants `Bearer TOKEN`, got at `realm`. */
  bearer: { token: string; realm: string; service: string } | undefined;
  readonly #server: Server;
  readonly #uploads = new Map<string, Uint8Array>();
  #uploadCount = 0;

  constructor(tls?: { key: string; cert: string }) {
    const handler = (request: IncomingMessage, response: ServerResponse): void => void this.#handle(request, response);
    this.#server = tls === undefined ? createServer(handler) : createSecureServer(tls, handler);
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Takes all blobs of a layout, and one of its manifests under a tag. */
  put(repository: string, tag: string, layout: LayoutBuilder, root: { digest: string; mediaType: string }): void {
    for (const [path, bytes] of layout.files) {
      if (!path.startsWith('blobs/')) continue;
      const digest = sha256(bytes);
      this.blobs.set(digest, bytes);
      const text = new TextDecoder().decode(bytes.subarray(0, 200));
      const mediaType = /"mediaType":"([^"]+(?:manifest|index)[^"]*)"/.exec(text)?.[1];
      if (mediaType !== undefined) this.manifests.set(`${repository} ${digest}`, { bytes, mediaType });
    }
    this.manifests.set(`${repository} ${tag}`, { bytes: this.blobs.get(root.digest)!, mediaType: root.mediaType });
  }

  /** Requests whose path has this in it, as `METHOD STATUS`. */
  answers(part: string): string[] {
    return this.seen.filter(({ path }) => path.includes(part)).map(({ method, status }) => `${method} ${status}`);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const entry: SeenRequest = {
      method,
      path: url,
      authorization: headers.authorization,
      range: headers.range,
      contentRange: headers['content-range'],
      status: 0,
    };
    this.seen.push(entry);
    response.once('close', () => (entry.status = response.statusCode));
    if (this.script(request, response, this)) return;
    if (!this.#isAuthorized(headers.authorization)) return this.#challenge(response);
    const body = await readAll(request).catch(() => undefined);
    if (body === undefined) return;
    const [path, query] = url.split('?');
    if (path === '/v2/') return reply(response, 200);
    const manifest = /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path!);
    if (manifest)
      return this.#manifest(method, manifest[1]!, manifest[2]!, body, headers['content-type'] ?? '', response);
    const upload = /^\/v2\/(.+)\/blobs\/uploads\/(.*)$/.exec(path!);
    if (upload) return this.#upload(method, upload[1]!, upload[2]!, new URLSearchParams(query), body, response);
    const blob = /^\/v2\/(.+)\/blobs\/(.+)$/.exec(path!);
    if (blob) return this.#blob(method, blob[1]!, blob[2]!, headers.range, response);
    reply(response, 404);
  }

  #isAuthorized(authorization: string | undefined): boolean {
    if (this.basic !== undefined) return authorization === `Basic ${Buffer.from(this.basic).toString('base64')}`;
    return this.bearer === undefined || authorization === `Bearer ${this.bearer.token}`;
  }

  #challenge(response: ServerResponse): void {
    const wanted =
      this.bearer === undefined
        ? 'Basic realm="fake"'
        : `Bearer realm="${this.bearer.realm}",service="${this.bearer.service}",scope="repository:x:pull"`;
    reply(response, 401, '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}', {
      'www-authenticate': wanted,
    });
  }

  #manifest(
    method: string,
    repository: string,
    reference: string,
    body: Uint8Array,
    mediaType: string,
    response: ServerResponse,
  ): void {
    if (method === 'PUT') {
      for (const key of [reference, sha256(body)])
        this.manifests.set(`${repository} ${key}`, { bytes: body, mediaType });
      return reply(response, 201, '', { location: `/v2/${repository}/manifests/${sha256(body)}` });
    }
    const found = this.manifests.get(`${repository} ${reference}`);
    if (found === undefined)
      return reply(response, 404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    reply(response, 200, method === 'HEAD' ? '' : found.bytes, {
      'content-type': found.mediaType,
      'docker-content-digest': sha256(found.bytes),
    });
  }

  #blob(method: string, repository: string, digest: string, range: string | undefined, response: ServerResponse): void {
    const bytes = this.blobs.get(digest);
    if (bytes === undefined || this.owners.get(digest)?.has(repository) === false) return reply(response, 404);
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (start >= bytes.length && start > 0) return reply(response, 416);
    const rest = method === 'HEAD' ? '' : bytes.subarray(start);
    if (start === 0) return reply(response, 200, rest);
    reply(response, 206, rest, { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` });
  }

  #upload(
    method: string,
    repository: string,
    id: string,
    query: URLSearchParams,
    body: Uint8Array,
    response: ServerResponse,
  ): void {
    const mount = query.get('mount');
    if (method === 'POST') {
      if (mount !== null && this.blobs.has(mount) && this.owners.get(mount)?.has(query.get('from')!) !== false) {
        this.owners.get(mount)?.add(repository);
        return reply(response, 201);
      }
      const made = String(++this.#uploadCount);
      this.#uploads.set(made, new Uint8Array(0));
      return reply(response, 202, '', { location: `/v2/${repository}/blobs/uploads/${made}` });
    }
    const had = this.#uploads.get(id);
    if (had === undefined) return reply(response, 404);
    const location = { location: `/v2/${repository}/blobs/uploads/${id}?state=${had.length + body.length}` };
    if (method === 'GET')
      return reply(response, 204, '', had.length === 0 ? location : { ...location, range: `0-${had.length - 1}` });
    if (method === 'DELETE') {
      this.#uploads.delete(id);
      return reply(response, 204);
    }
    const all = Buffer.concat([had, body]);
    this.#uploads.set(id, all);
    if (method === 'PATCH') return reply(response, 202, '', { ...location, range: `0-${all.length - 1}` });
    if (sha256(all) !== query.get('digest'))
      return reply(response, 400, '{"errors":[{"code":"DIGEST_INVALID","message":"wrong digest"}]}');
    this.#uploads.delete(id);
    this.blobs.set(sha256(all), all);
    this.owners.set(sha256(all), new Set([...(this.owners.get(sha256(all)) ?? []), repository]));
    reply(response, 201);
  }
}

async function readAll(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Ends a response. */
export function reply(
  response: ServerResponse,
  status: number,
  body: string | Uint8Array = '',
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-length': String(body.length), ...headers });
  response.end(body);
}
