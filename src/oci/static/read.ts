/** Reads the description of a static image (format.ts). It comes from a stranger, so every field is checked. */
import { parseDigest } from '../digest.ts';
import { badImage, overLimit, quote } from '../fail.ts';
import { JsonObject, parseJson, type JsonValue } from '../json.ts';
import { DEFAULT_LIMITS, type ImageLimits } from '../limits.ts';
import { readExecution, readPlatform } from '../spec.ts';
import type { InodeAttributes } from '../tree.ts';
import {
  CHUNK_BYTES_MAX,
  STATIC_FORMAT,
  STATIC_VERSION,
  type StaticChunk,
  type StaticImage,
  type StaticLayer,
} from './format.ts';

const SECTOR_BYTES = 512;
const MODE_MAX = 0o7777;
const UINT32_MAX = 0xffffffff;
const NANOSECONDS = /^-?[0-9]{1,20}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** A path below image.json's folder or the one above it: no other place, no query. */
const FILE = /^(\.\.\/)?[A-Za-z0-9_-][A-Za-z0-9._-]*(\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/;

/** Throws BAD_IMAGE or LIMIT. `what` names it in errors. */
export function parseStaticImage(bytes: Uint8Array, what: string, limits: ImageLimits = DEFAULT_LIMITS): StaticImage {
  const object = new JsonObject(parseJson(bytes, what, limits), what);
  if (object.optionalString('format') !== STATIC_FORMAT)
    throw badImage(`${what} is not the description of an image; check its address`);
  if (object.size('version') !== STATIC_VERSION)
    throw badImage(`${what} is of another version of Vivarium; build the image again with this one`);
  const layers = object.objects('layers');
  if (layers.length > limits.layers) throw overLimit(`${what} has more than ${limits.layers} layers`);
  return {
    reference: object.optionalString('reference'),
    id: parseDigest(object.string('id'), what),
    platform: readPlatform(object.object('platform')),
    execution: readExecution(object.object('config')),
    accounts: base64Map(object, 'accounts', what),
    rootAttributes: readAttributes(object.object('rootAttributes'), what),
    takesIdentity: object.strings('takesIdentity'),
    layers: layers.map((layer, index) => readLayer(layer, `layer ${index + 1} of ${what}`, limits)),
  };
}

function readLayer(object: JsonObject, what: string, limits: ImageLimits): StaticLayer {
  const layer = { file: readPath(object.string('file'), what), ...readChunks(object, what, limits) };
  if (layer.byteCount % SECTOR_BYTES !== 0 || layer.chunkBytes % SECTOR_BYTES !== 0)
    throw badImage(`${what} does not consist of whole sectors`);
  return layer;
}

/** Checks a path of a site's file. Throws BAD_IMAGE. */
export function readPath(path: string, what: string): string {
  if (!FILE.test(path)) throw badImage(`${what}: ${quote(path)} is no path of a file beside it`);
  return path;
}

/** Reads what a file of chunks consists of. Throws BAD_IMAGE or LIMIT. */
export function readChunks(object: JsonObject, what: string, limits: ImageLimits): Omit<StaticLayer, 'file'> {
  const byteCount = object.size('byteCount');
  const chunkBytes = object.size('chunkBytes');
  if (byteCount > limits.imageBytes) throw overLimit(`${what} is larger than an image may be`);
  if (byteCount === 0) throw badImage(`${what} has a file without content`);
  if (chunkBytes === 0 || chunkBytes > CHUNK_BYTES_MAX)
    throw badImage(`${what} has chunks of ${chunkBytes} bytes, which can't be`);
  const chunks = object.array('chunks');
  if (chunks.length !== Math.ceil(byteCount / chunkBytes))
    throw badImage(`${what} has ${chunks.length} chunks, which is not what its size takes`);
  return {
    byteCount,
    chunkBytes,
    chunks: chunks.map((chunk, index) => readChunk(chunk, Math.min(chunkBytes, byteCount - index * chunkBytes), what)),
  };
}

function readChunk(value: JsonValue, contentBytes: number, what: string): StaticChunk {
  const [storedBytes, sha256] = Array.isArray(value) ? value : [];
  if (
    typeof storedBytes !== 'number' ||
    !Number.isInteger(storedBytes) ||
    storedBytes < 1 ||
    storedBytes > contentBytes
  )
    throw badImage(`${what} has a chunk whose length can't be`);
  if (typeof sha256 !== 'string' || !SHA256.test(sha256)) throw badImage(`${what} has a chunk without SHA-256`);
  return { storedBytes, sha256 };
}

function readAttributes(object: JsonObject, what: string): InodeAttributes {
  const bounded = (key: string, maximum: number): number => {
    const value = object.size(key);
    if (value > maximum) throw badImage(`${what}: the root directory's ${key} is too large`);
    return value;
  };
  const mtimeNs = object.string('mtimeNs');
  if (!NANOSECONDS.test(mtimeNs)) throw badImage(`${what}: the root directory's time is none`);
  return {
    mode: bounded('mode', MODE_MAX),
    uid: bounded('uid', UINT32_MAX),
    gid: bounded('gid', UINT32_MAX),
    mtimeNs: BigInt(mtimeNs),
    xattrs: base64Map(object, 'xattrs', what),
  };
}

function base64Map(object: JsonObject, key: string, what: string): Map<string, Uint8Array> {
  return new Map([...object.stringMap(key)].map(([name, text]) => [name, fromBase64(text, `${what}: ${key}`)]));
}

function fromBase64(text: string, what: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw badImage(`${what} holds something that is not base64`, cause);
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
