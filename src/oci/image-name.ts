/**
 * Names of images as people write them: `[REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]`, with the grammar and the normalisation of
 * Docker's distribution reference package: no registry means Docker's, one path component there means `library/…`.
 */
import { VivariumError } from '../util/errors.ts';
import { type Digest, isDigest } from './digest.ts';
import { quote } from './fail.ts';

/** The registry that Docker means when a name has none. */
export const DEFAULT_REGISTRY = 'docker.io';
const LEGACY_DEFAULT_REGISTRY = 'index.docker.io';
const OFFICIAL_FOLDER = 'library';
export const DEFAULT_TAG = 'latest';
/** Longest name without tag and digest. */
const NAME_LENGTH_MAX = 255;

const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const REGISTRY = new RegExp(`^(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const BARE_ID = /^[a-f0-9]{64}$/;

/** A repository: where, and what it is called there. */
export interface Repository {
  /** Host and perhaps port: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `library/busybox` */
  readonly path: string;
}

/** A name in full. Without tag and digest it means the repository. */
export interface ImageName extends Repository {
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

function bad(text: string, why: string): VivariumError {
  return new VivariumError('USAGE', `${quote(text)} is no image name: ${why}`);
}

/** Splits off the registry by Docker's rule: the first part counts as one if it could not be a folder of the default one. */
function splitRegistry(name: string): Repository {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const registry = !isRegistry || first === LEGACY_DEFAULT_REGISTRY ? DEFAULT_REGISTRY : first;
  const path = isRegistry ? name.slice(slash + 1) : name;
  return {
    registry,
    path: registry === DEFAULT_REGISTRY && !path.includes('/') ? `${OFFICIAL_FOLDER}/${path}` : path,
  };
}

/** Parses and normalises a name. Throws USAGE. */
export function parseImageName(text: string): ImageName {
  if (BARE_ID.test(text)) throw bad(text, 'it is an image ID; write sha256: before it');
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw bad(text, 'what follows @ is not a sha256 or sha512 digest');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw bad(text, `${quote(tag)} is not a tag`);
  const name = colon < 0 ? named : named.slice(0, colon);
  const repository = splitRegistry(name);
  if (!REGISTRY.test(repository.registry)) throw bad(text, `${quote(repository.registry)} is not a registry`);
  if (repository.path !== repository.path.toLowerCase()) throw bad(text, 'a repository is written in lower case');
  if (!repository.path.split('/').every((component) => PATH_COMPONENT.test(component)))
    throw bad(text, 'write [REGISTRY/]REPOSITORY[:TAG][@DIGEST]');
  if (repositoryName(repository).length > NAME_LENGTH_MAX)
    throw bad(text, `it is longer than ${NAME_LENGTH_MAX} characters`);
  return { ...repository, tag, digest };
}

/** With the tag `latest` when there is neither tag nor digest. */
export function withDefaultTag(name: ImageName): ImageName {
  return name.tag === undefined && name.digest === undefined ? { ...name, tag: DEFAULT_TAG } : name;
}

/** `docker.io/library/busybox` */
export function repositoryName({ registry, path }: Repository): string {
  return `${registry}/${path}`;
}

/** In full: `docker.io/library/busybox:latest`. */
export function formatImageName(name: ImageName): string {
  return repositoryName(name) + suffix(name);
}

function suffix({ tag, digest }: ImageName): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}

/** A repository as Docker shows it: `busybox`, `me/tool`, `localhost:5000/tool`. */
export function familiarRepository({ registry, path }: Repository): string {
  if (registry !== DEFAULT_REGISTRY) return `${registry}/${path}`;
  const components = path.split('/');
  return components.length === 2 && components[0] === OFFICIAL_FOLDER ? components[1]! : path;
}

/** A name as Docker shows it: `busybox:latest`. */
export function familiarName(name: ImageName): string {
  return familiarRepository(name) + suffix(name);
}

export function sameRepository(a: Repository, b: Repository): boolean {
  return a.registry === b.registry && a.path === b.path;
}
