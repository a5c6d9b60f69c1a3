/**
 * One repository of a registry: OCI distribution-spec v1.1, "Pull" and "Push". What comes back is unchecked except where it
 * says otherwise; the caller has the descriptors.
 */
import { VivariumError } from '../../util/errors.ts';
import { type BlobReader, collect, digestOf } from '../blob.ts';
import type { Codec } from '../codec.ts';
import type { Digest } from '../digest.ts';
import { badImage, quote } from '../fail.ts';
import type { ImageLimits } from '../limits.ts';
import { type Descriptor, MediaTypes, isIndexMediaType, isManifestMediaType } from '../spec.ts';
import { type HttpBody, type HttpResponse, bytesBody } from './http.ts';
import type { RegistrySession } from './session.ts';

const ACCEPTED = [MediaTypes.manifest, MediaTypes.index, MediaTypes.dockerManifest, MediaTypes.dockerManifestList];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
const OCTETS = 'application/octet-stream';

/** A manifest or index as the registry gave it, its digest computed. */
export interface FetchedManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

export interface FetchedBlob {
  /** Where in the blob `body` begins: what was asked for, or 0. */
  readonly start: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Where an upload goes on. */
export interface Upload {
  readonly location: string;
  /** Bytes that the registry has. */
  readonly offset: number;
  /** Fewest bytes that it takes at once, except for the last. */
  readonly chunkBytesMin: number;
}

export class RepositoryClient implements BlobReader {
  readonly session: RegistrySession;
  readonly #path: string;
  readonly #codec: Codec;
  readonly #limits: ImageLimits;
  readonly #scopes: readonly string[];

  /** `path`: as the registry has it. `actions`: `pull` or `pull,push`. */
  constructor(session: RegistrySession, path: string, actions: string, codec: Codec, limits: ImageLimits) {
    this.session = session;
    this.#path = path;
    this.#codec = codec;
    this.#limits = limits;
    this.#scopes = [`repository:${path}:${actions}`];
  }

  /** Names it in messages. */
  get what(): string {
    return `${this.session.registry}/${this.#path}`;
  }

  /** Reads a manifest by tag or digest. A digest is checked. Throws NOT_FOUND, UNAUTHORIZED, REGISTRY, LIMIT, DIGEST_MISMATCH. */
  async manifest(reference: string): Promise<FetchedManifest> {
    return this.session.retrying(() => this.#manifest(reference));
  }

  async #manifest(reference: string): Promise<FetchedManifest> {
    const what = `image ${quote(`${this.#path}${reference.includes(':') ? '@' : ':'}${reference}`)}`;
    const response = await this.session.request({
      method: 'GET',
      path: `${this.#path}/manifests/${reference}`,
      headers: { accept: ACCEPTED.join(', ') },
      scopes: this.#scopes,
    });
    if (response.status !== 200) throw await this.session.failure(response, what);
    const mediaType = (response.headers.get('content-type') ?? '').split(';')[0]!.trim();
    if (SCHEMA_1.test(mediaType))
      throw badImage(`${what} has only a manifest of the old schema 1; push it again with a present-day tool`);
    if (!isManifestMediaType(mediaType) && !isIndexMediaType(mediaType))
      throw badImage(`${what} is ${quote(mediaType)}, which is not a container image`);
    const bytes = await collect(response.body, this.#limits.jsonBytes, `manifest of ${what}`);
    const digest = await digestOf(bytes, this.#codec);
    // Registries may know a manifest by another algorithm than ours; then its reader checks it.
    const stated = [reference, response.headers.get('docker-content-digest')].find(
      (text) => text?.startsWith('sha256:') && text !== digest,
    );
    if (stated !== undefined)
      throw new VivariumError(
        'DIGEST_MISMATCH',
        `${what} does not match its digest ${stated}; ${this.session.registry} gives something else`,
      );
    return { descriptor: { mediaType, digest, size: bytes.length, annotations: new Map() }, bytes };
  }

  /** Whether a manifest is there. */
  async hasManifest(reference: string): Promise<boolean> {
    return this.#exists(`manifests/${reference}`);
  }

  /** Whether a blob is there. */
  async hasBlob(digest: Digest): Promise<boolean> {
    return this.#exists(`blobs/${digest}`);
  }

  async #exists(path: string): Promise<boolean> {
    const headers = { accept: ACCEPTED.join(', ') };
    const response = await this.session.request({
      method: 'HEAD',
      path: `${this.#path}/${path}`,
      headers,
      scopes: this.#scopes,
    });
    response.discard();
    if (response.status === 200) return true;
    if (response.status === 404) return false;
    throw await this.session.failure(response, quote(this.#path));
  }

  /** Begins to read a blob at an offset; a registry without ranges gives all of it. The body may throw NetworkError. */
  async blob(digest: Digest, offset = 0): Promise<FetchedBlob> {
    const response = await this.session.request({
      method: 'GET',
      path: `${this.#path}/blobs/${digest}`,
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
      scopes: this.#scopes,
    });
    const what = `blob ${digest} of ${quote(this.#path)}`;
    if (response.status === 200) return { start: 0, body: response.body };
    if (response.status === 206 && offset > 0) return { start: rangeStart(response) ?? offset, body: response.body };
    if (response.status === 416) {
      response.discard();
      return this.blob(digest);
    }
    throw await this.session.failure(response, what);
  }

  /** Reads a document (manifest, index, config) that a descriptor names, all at once; layers come by {@link blob}. */
  async *open({
    digest,
    mediaType = '',
  }: Pick<Descriptor, 'digest' | 'size'> & Partial<Pick<Descriptor, 'mediaType'>>): AsyncGenerator<Uint8Array> {
    if (isManifestMediaType(mediaType) || isIndexMediaType(mediaType)) {
      yield (await this.manifest(digest)).bytes;
      return;
    }
    yield await this.session.retrying(async () => {
      const { body } = await this.blob(digest);
      return collect(body, this.#limits.jsonBytes, `blob ${digest} of ${quote(this.#path)}`);
    });
  }

  // Push

  /** Asks the registry to take a blob over from another of its repositories; false when it will not. */
  async mount(digest: Digest, from: string): Promise<boolean> {
    const response = await this.session.request({
      method: 'POST',
      path: `${this.#path}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`,
      scopes: [...this.#scopes, `repository:${from}:pull`],
    });
    response.discard();
    if (response.status === 201) return true;
    // It began an upload instead. It is not ours to go on with, since it was begun with other rights.
    const location = response.headers.get('location');
    if (response.status === 202 && location !== undefined) await this.#cancel(location);
    return false;
  }

  async #cancel(location: string): Promise<void> {
    const path = this.session.resolve(location, await this.session.base()).href;
    const response = await this.session.request({ method: 'DELETE', path, scopes: this.#scopes });
    response.discard(); // many registries don't have this
  }

  /** Begins an upload. */
  async beginUpload(): Promise<Upload> {
    const response = await this.session.request({
      method: 'POST',
      path: `${this.#path}/blobs/uploads/`,
      scopes: this.#scopes,
    });
    if (response.status !== 202) throw await this.session.failure(response, `pushing to ${quote(this.#path)}`);
    response.discard();
    return this.#upload(response, await this.session.base(), 0);
  }

  /** Asks how far an upload came; `undefined` when the registry does not know it any more. */
  async uploadStatus({ location }: Upload): Promise<Upload | undefined> {
    const response = await this.session.request({ method: 'GET', path: location, scopes: this.#scopes });
    response.discard();
    if (response.status !== 204) return undefined;
    const end = /^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1];
    return this.#upload(response, location, end === undefined ? 0 : Number(end) + 1);
  }

  /** Sends one chunk. Throws NetworkError without trying again, since the registry may have taken some of it. */
  async sendChunk(upload: Upload, body: HttpBody): Promise<Upload> {
    const end = upload.offset + body.size;
    const response = await this.session.request({
      method: 'PATCH',
      path: upload.location,
      headers: { 'content-type': OCTETS, 'content-range': `${upload.offset}-${end - 1}` },
      body,
      scopes: this.#scopes,
      mayRetry: false,
    });
    if (response.status !== 202 && response.status !== 204)
      throw await this.session.failure(response, `pushing to ${quote(this.#path)}`);
    response.discard();
    return this.#upload(response, upload.location, end);
  }

  /** Ends an upload with what is left of the blob. */
  async finishUpload(upload: Upload, digest: Digest, rest: HttpBody): Promise<void> {
    const url = new URL(upload.location);
    url.searchParams.set('digest', digest);
    const response = await this.session.request({
      method: 'PUT',
      path: url.href,
      headers: {
        'content-type': OCTETS,
        ...(rest.size > 0 && upload.offset > 0
          ? { 'content-range': `${upload.offset}-${upload.offset + rest.size - 1}` }
          : {}),
      },
      body: rest,
      scopes: this.#scopes,
      mayRetry: false,
    });
    if (response.status !== 201 && response.status !== 204)
      throw await this.session.failure(response, `pushing blob ${digest} to ${quote(this.#path)}`);
    response.discard();
  }

  #upload(response: HttpResponse, from: URL | string, offset: number): Upload {
    const location = response.headers.get('location');
    if (location === undefined && typeof from !== 'string')
      throw new VivariumError('REGISTRY', `${this.session.registry} takes an upload but does not say where`);
    const minimum = Number(response.headers.get('oci-chunk-min-length') ?? 0);
    return {
      location: location === undefined ? String(from) : this.session.resolve(location, from).href,
      offset,
      chunkBytesMin: Number.isSafeInteger(minimum) && minimum > 0 ? minimum : 0,
    };
  }

  /** Puts a manifest under a tag or its digest. */
  async putManifest(reference: string, mediaType: string, bytes: Uint8Array): Promise<void> {
    const response = await this.session.request({
      method: 'PUT',
      path: `${this.#path}/manifests/${reference}`,
      headers: { 'content-type': mediaType },
      body: bytesBody(bytes),
      scopes: this.#scopes,
    });
    if (response.status !== 201 && response.status !== 202 && response.status !== 200)
      throw await this.session.failure(response, `pushing ${quote(`${this.#path}:${reference}`)}`);
    response.discard();
  }
}

/** Where the bytes of a 206 begin (RFC 9110 §14.4); some registries leave the header out. */
function rangeStart(response: HttpResponse): number | undefined {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? undefined : Number(match[1]);
}
