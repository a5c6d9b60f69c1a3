/**
 * What a process says that it is doing with a store, in files that mean nothing any more once it is dead:
 *
 * - a *lease* names blobs that garbage collection leaves alone although no image has them yet;
 * - a *claim* on a blob says who downloads it, so that nobody else does at the same time.
 *
 * And what outlives processes: a *hold* keeps an image for somebody, such as a container.
 */
import { assert } from '../../util/errors.ts';
import { collect } from '../blob.ts';
import { type Digest, digestAlgorithm, digestHex, isDigest } from '../digest.ts';
import type { StoreFiles } from './files.ts';

const LEASES = 'leases';
const CLAIMS = 'claims';
const HOLDS = 'holds';
const FILE_BYTES_MAX = 4 * 1024 * 1024;
const POLL_MS = 100;

interface LeaseFile {
  readonly owner: string;
  readonly digests: readonly string[];
}

async function readText(files: StoreFiles, path: string): Promise<string | undefined> {
  if ((await files.stat(path)) === undefined) return undefined;
  const bytes = await collect(files.read(path), FILE_BYTES_MAX, path);
  return new TextDecoder().decode(bytes);
}

function parseObject(text: string | undefined): Partial<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {}; // not ours: it protects nothing
  }
}

const bytesOf = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const digestsOf = (value: unknown): Digest[] =>
  Array.isArray(value) ? value.filter((item): item is Digest => typeof item === 'string' && isDigest(item)) : [];

/** Protects blobs while an image is put together. */
export class Lease {
  readonly #files: StoreFiles;
  readonly #path: string;
  readonly #digests = new Set<Digest>();

  constructor(files: StoreFiles) {
    this.#files = files;
    this.#path = `${LEASES}/${files.uniqueName()}`;
  }

  /** From now on these stay. A blob that is there afterwards will still be there when it is used. */
  async protect(digests: Iterable<Digest>, signal?: AbortSignal): Promise<void> {
    await this.#files.exclusively(() => this.protectExclusively(digests), signal);
  }

  /** The same for who has the store to itself already. */
  async protectExclusively(digests: Iterable<Digest>): Promise<void> {
    for (const digest of digests) this.#digests.add(digest);
    const content: LeaseFile = { owner: this.#files.owner, digests: [...this.#digests] };
    await this.#files.write(this.#path, bytesOf(content));
  }

  async release(): Promise<void> {
    await this.#files.remove(this.#path);
  }
}

/** Blobs of leases whose owners live; leases of dead ones are removed. Call exclusively. */
export async function leasedDigests(files: StoreFiles): Promise<Set<Digest>> {
  const all = new Set<Digest>();
  for (const { name } of await files.list(LEASES)) {
    const path = `${LEASES}/${name}`;
    const { owner, digests } = parseObject(await readText(files, path));
    if (typeof owner === 'string' && (await files.isAlive(owner)))
      digestsOf(digests).forEach((digest) => all.add(digest));
    else await files.remove(path);
  }
  return all;
}

/** The name of what belongs to a blob that is not there yet. */
export function partialName(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}`;
}

/** Whether somebody alive has claimed a blob, by its partial name. */
export async function isClaimed(files: StoreFiles, name: string): Promise<boolean> {
  const { owner } = parseObject(await readText(files, `${CLAIMS}/${name}`));
  return typeof owner === 'string' && (await files.isAlive(owner));
}

/** Claims a name that nobody else knows. Resolves to what gives it back. */
export async function claimName(files: StoreFiles, name: string): Promise<() => Promise<void>> {
  const path = `${CLAIMS}/${name}`;
  await files.write(path, bytesOf({ owner: files.owner }));
  return () => files.remove(path);
}

/**
 * Claims a blob, waiting for who has it. `isNeeded` is asked again after each wait; resolves to what gives the claim back,
 * or `undefined` when it is not needed any more.
 */
export async function claimBlob(
  files: StoreFiles,
  digest: Digest,
  isNeeded: () => Promise<boolean>,
  signal?: AbortSignal,
): Promise<(() => Promise<void>) | undefined> {
  const name = partialName(digest);
  const tryClaim = async (): Promise<(() => Promise<void>) | undefined> =>
    (await isClaimed(files, name)) ? undefined : claimName(files, name);
  for (;;) {
    if (!(await isNeeded())) return undefined;
    const release = (await isClaimed(files, name)) ? undefined : await files.exclusively(tryClaim, signal);
    if (release !== undefined) return release;
    await files.sleep(POLL_MS, signal);
  }
}

/** Removes claims of the dead. Call exclusively. */
export async function dropDeadClaims(files: StoreFiles): Promise<void> {
  for (const { name } of await files.list(CLAIMS)) {
    if (!(await isClaimed(files, name))) await files.remove(`${CLAIMS}/${name}`);
  }
}

const HOLDER = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/;

/** Keeps a manifest and what it names until {@link unhold}, under a holder's name, which others are told. */
export async function hold(files: StoreFiles, holder: string, manifest: Digest): Promise<void> {
  assert(HOLDER.test(holder), 'the name of a holder is that of a file');
  await files.write(`${HOLDS}/${holder}`, bytesOf({ manifest }));
}

export async function unhold(files: StoreFiles, holder: string): Promise<void> {
  assert(HOLDER.test(holder), 'the name of a holder is that of a file');
  await files.remove(`${HOLDS}/${holder}`);
}

/** Holders by the manifest that they hold. */
export async function readHolds(files: StoreFiles): Promise<ReadonlyMap<Digest, readonly string[]>> {
  const holds = new Map<Digest, string[]>();
  for (const { name } of await files.list(HOLDS)) {
    const [manifest] = digestsOf([parseObject(await readText(files, `${HOLDS}/${name}`))['manifest']]);
    if (manifest !== undefined) holds.set(manifest, [...(holds.get(manifest) ?? []), name]);
  }
  return holds;
}
