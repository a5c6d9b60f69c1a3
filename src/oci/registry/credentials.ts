/**
 * Who we are to a registry, and the file format of it, which is Docker's config.json (docker login reference, "Credential
 * stores"): `auths`, and the names of helper programs in `credHelpers` and `credsStore`. Where files are and how helpers
 * run is in node-credentials.ts.
 */
import { VivariumError } from '../../util/errors.ts';
import { quote } from '../fail.ts';
import { DEFAULT_REGISTRY } from '../image-name.ts';

export interface PasswordCredentials {
  readonly username: string;
  readonly password: string;
}

/** A refresh token, as `docker login` gets from some registries. */
export interface TokenCredentials {
  readonly identityToken: string;
}

export type Credentials = PasswordCredentials | TokenCredentials;

/** Finds what we have for a registry (`docker.io`, `localhost:5000`). */
export interface CredentialSource {
  find(registry: string): Promise<Credentials | undefined>;
}

/** Docker files its own registry under this address of version 1. */
const DOCKER_KEY = 'https://index.docker.io/v1/';

/** The key of a registry in the file. */
export function credentialKey(registry: string): string {
  return registry === DEFAULT_REGISTRY ? DOCKER_KEY : registry;
}

/** The registry that a key means: old files have whole addresses. */
export function registryOfKey(key: string): string {
  if (key === DOCKER_KEY) return DEFAULT_REGISTRY;
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === 'index.docker.io' ? DEFAULT_REGISTRY : host;
}

/** What a file holds. */
export interface CredentialFile {
  readonly auths: Readonly<Record<string, CredentialEntry>>;
  readonly credHelpers: Readonly<Record<string, string>>;
  readonly credsStore: string | undefined;
}

export interface CredentialEntry {
  /** Base64 of `USER:PASSWORD`. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Parses a file; `what` names it. Throws USAGE. */
export function parseCredentialFile(text: string, what: string): CredentialFile {
  const bad = (why: string): VivariumError =>
    new VivariumError('USAGE', `the credentials file ${quote(what)} is damaged (${why}); correct or remove it`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad('not JSON');
  }
  if (!isObject(value)) throw bad('not an object');
  const { auths = {}, credHelpers = {}, credsStore } = value;
  if (!isObject(auths) || !Object.values(auths).every(isObject)) throw bad('auths');
  if (!isObject(credHelpers) || !Object.values(credHelpers).every((name) => typeof name === 'string'))
    throw bad('credHelpers');
  if (credsStore !== undefined && typeof credsStore !== 'string') throw bad('credsStore');
  return {
    auths: auths as Record<string, CredentialEntry>,
    credHelpers: credHelpers as Record<string, string>,
    credsStore: credsStore === '' ? undefined : credsStore,
  };
}

/** The entry of a registry in `auths`, whatever its key looks like. */
export function findEntry(file: CredentialFile, registry: string): CredentialEntry | undefined {
  const key = Object.keys(file.auths).find((name) => registryOfKey(name) === registry);
  return key === undefined ? undefined : file.auths[key];
}

/** The helper program that keeps a registry's credentials, without `docker-credential-`. */
export function findHelper(file: CredentialFile, registry: string): string | undefined {
  const key = Object.keys(file.credHelpers).find((name) => registryOfKey(name) === registry);
  return key === undefined ? file.credsStore : file.credHelpers[key];
}

/** Credentials of an entry; `undefined` for the empty ones that Docker leaves where a helper has them. Throws USAGE. */
export function credentialsOfEntry(entry: CredentialEntry, what: string): Credentials | undefined {
  if (entry.identitytoken) return { identityToken: entry.identitytoken };
  if (entry.username && entry.password !== undefined) return { username: entry.username, password: entry.password };
  if (!entry.auth) return undefined;
  let text: string;
  try {
    text = new TextDecoder().decode(Uint8Array.from(atob(entry.auth), (char) => char.charCodeAt(0)));
  } catch {
    throw new VivariumError('USAGE', `the credentials in ${quote(what)} are not base64; log in again`);
  }
  const colon = text.indexOf(':');
  if (colon <= 0) throw new VivariumError('USAGE', `the credentials in ${quote(what)} hold no user name; log in again`);
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

/** Base64 of `USER:PASSWORD`, in UTF-8 (RFC 7617). */
export function encodeBasic({ username, password }: PasswordCredentials): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(`${username}:${password}`)));
}
