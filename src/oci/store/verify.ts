/**
 * Proves that a store is valid, or names what is not: every name leads to a manifest, its config and its layers, all there
 * and as their digests say. Repairs by removing what is wrong, so that pulling brings it again; an image list that can't
 * be read is put aside and made anew from the manifests that are there, without their names.
 */
import { VivariumError } from '../../util/errors.ts';
import { collect, digestOf, readDocument, verifyStream } from '../blob.ts';
import { type Digest, blobPath } from '../digest.ts';
import { INDEX_FILE, LAYOUT_FILE } from '../layout.ts';
import { type Descriptor, MediaTypes, checkLayoutVersion, parseConfig, parseManifest } from '../spec.ts';
import { blobsOf, idlePartials, listBlobs, usedDigests } from './collect.ts';
import type { IndexRecord } from './image-index.ts';
import type { ImageStore } from './image-store.ts';

export interface StoreProblem {
  /** One sentence: what is wrong and where. */
  readonly message: string;
  /** What {@link repairStore} would remove. */
  readonly blob?: Digest;
  readonly index?: true;
}

export interface StoreReport {
  readonly problems: readonly StoreProblem[];
  readonly images: number;
  readonly blobs: number;
  readonly bytes: number;
  /** Blobs that no image uses; they do no harm. */
  readonly unused: number;
  /** Interrupted downloads; pulling goes on with them. */
  readonly partials: number;
}

/** Reads everything. Throws only when the place can't be read at all. */
export async function verifyStore(store: ImageStore, signal?: AbortSignal): Promise<StoreReport> {
  const problems: StoreProblem[] = [];
  const blobs = await listBlobs(store);
  const wrong = new Set<Digest>();
  for (const blob of blobs) {
    signal?.throwIfAborted();
    const message = await problemOf(() => readThrough(store, blob, signal));
    if (message === undefined) continue;
    wrong.add(blob.digest);
    problems.push({ message, blob: blob.digest });
  }
  const records = await store.records().catch((error: unknown) => {
    problems.push({ message: messageOf(error), index: true });
    return [];
  });
  problems.push(...(await layoutProblems(store, records)));
  for (const record of uniqueManifests(records)) problems.push(...(await imageProblems(store, record, wrong)));
  const used = problems.length === 0 ? await usedDigests(store) : new Set(blobs.map(({ digest }) => digest));
  return {
    problems,
    images: new Set(records.map(({ id }) => id)).size,
    blobs: blobs.length,
    bytes: blobs.reduce((sum, { size }) => sum + size, 0),
    unused: blobs.filter(({ digest }) => !used.has(digest)).length,
    partials: (await idlePartials(store)).length,
  };
}

async function readThrough(
  store: ImageStore,
  blob: { digest: Digest; size: number },
  signal?: AbortSignal,
): Promise<void> {
  for await (const _ of verifyStream(store.open(blob), blob, store.codec, `blob ${blob.digest}`))
    signal?.throwIfAborted();
}

async function layoutProblems({ files, limits }: ImageStore, records: readonly IndexRecord[]): Promise<StoreProblem[]> {
  if ((await files.stat(LAYOUT_FILE)) === undefined)
    return records.length > 0 ? [{ message: `the file ${LAYOUT_FILE} is missing`, index: true }] : [];
  const message = await problemOf(async () => {
    checkLayoutVersion(await collect(files.read(LAYOUT_FILE), limits.jsonBytes, LAYOUT_FILE), LAYOUT_FILE, limits);
  });
  return message === undefined ? [] : [{ message, index: true }];
}

function uniqueManifests(records: readonly IndexRecord[]): IndexRecord[] {
  return [...new Map(records.map((record) => [`${record.manifest.digest} ${record.id}`, record])).values()];
}

async function imageProblems(
  store: ImageStore,
  record: IndexRecord,
  wrong: ReadonlySet<Digest>,
): Promise<StoreProblem[]> {
  const { manifest, id, name } = record;
  const what = name ?? `image ${id}`;
  if (wrong.has(manifest.digest)) return [{ message: `${what}: its manifest ${manifest.digest} is corrupt` }];
  const problems: StoreProblem[] = [];
  let parts: Descriptor[] = [];
  const message = await problemOf(async () => {
    parts = await blobsOf(store, { manifest });
    if (parts[1]!.digest !== id) throw new VivariumError('STORE', `its config is not ${id}, as the list says`);
  });
  if (message !== undefined) problems.push({ message: `${what}: ${message}` });
  for (const part of parts) {
    if (wrong.has(part.digest)) problems.push({ message: `${what} needs ${part.digest}, which is corrupt` });
    else if (!(await store.has(part))) problems.push({ message: `${what} needs ${part.digest}, which is not there` });
  }
  if (problems.length > 0) return problems;
  const broken = await problemOf(async () => {
    const config = `config of ${what}`;
    parseConfig(await readDocument(store, parts[1]!, config, store.codec, store.limits), config, store.limits);
  });
  return broken === undefined ? [] : [{ message: broken }];
}

async function problemOf(check: () => Promise<void>): Promise<string | undefined> {
  try {
    await check();
    return undefined;
  } catch (error) {
    if (!(error instanceof VivariumError)) throw error;
    return messageOf(error);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof VivariumError) return error.message;
  throw error;
}

export interface Repair {
  readonly removedBlobs: number;
  /** Names whose image lacks something now; pulling them brings it. */
  readonly incomplete: readonly string[];
  /** Where the old list of images is, if it had to be made anew. */
  readonly oldIndex: string | undefined;
}

/** Removes what {@link verifyStore} found corrupt, and images that have lost their manifest or config. */
export async function repairStore(store: ImageStore, { problems }: Pick<StoreReport, 'problems'>): Promise<Repair> {
  return store.files.exclusively(async () => {
    const blobs = problems.flatMap(({ blob }) => (blob === undefined ? [] : [blob]));
    for (const digest of blobs) {
      const stored = await store.files.stat(blobPath(digest));
      if (stored !== undefined) await store.removeIfWrong({ digest, size: stored.size }); // it may have come anew
    }
    const oldIndex = problems.some(({ index }) => index) ? await rebuildIndex(store) : undefined;
    const incomplete = new Set<string>();
    const lost = new Set<IndexRecord>();
    for (const record of await store.records()) {
      const state = await stateOf(store, record);
      if (state === 'lost') lost.add(record);
      if (state !== 'complete') incomplete.add(record.name ?? record.id);
    }
    const isLost = ({ name, id }: IndexRecord): boolean =>
      [...lost].some((other) => other.name === name && other.id === id);
    if (lost.size > 0) await store.updateExclusively((records) => records.filter((record) => !isLost(record)));
    return { removedBlobs: blobs.length, incomplete: [...incomplete], oldIndex };
  });
}

/** Lost: nobody knows what it was made of. */
async function stateOf(store: ImageStore, record: IndexRecord): Promise<'complete' | 'incomplete' | 'lost'> {
  let parts: Descriptor[];
  try {
    parts = await blobsOf(store, record);
  } catch {
    return 'lost';
  }
  const there = await Promise.all(parts.map((part) => store.has(part)));
  if (parts[1]!.digest !== record.id || !there[1]) return 'lost';
  return there.every(Boolean) ? 'complete' : 'incomplete';
}

async function rebuildIndex(store: ImageStore): Promise<string> {
  const aside = `${INDEX_FILE}.corrupt-${store.files.uniqueName()}`;
  if ((await store.files.stat(INDEX_FILE)) !== undefined) await store.files.rename(INDEX_FILE, aside);
  await store.files.remove(LAYOUT_FILE);
  const records: IndexRecord[] = [];
  for (const blob of await listBlobs(store)) {
    const manifest = blob.size <= store.limits.jsonBytes ? await asManifest(store, blob) : undefined;
    if (manifest !== undefined) records.push(manifest);
  }
  await store.updateExclusively(() => records);
  return aside;
}

/** The record of a manifest among the blobs; `undefined` for any other blob. */
async function asManifest(store: ImageStore, blob: { digest: Digest; size: number }): Promise<IndexRecord | undefined> {
  const bytes = await collect(store.open(blob), store.limits.jsonBytes, 'blob');
  if (bytes[0] !== '{'.charCodeAt(0) || (await digestOf(bytes, store.codec)) !== blob.digest) return undefined;
  try {
    const { config } = parseManifest(bytes, 'blob', store.limits);
    const { mediaType = MediaTypes.manifest } = JSON.parse(new TextDecoder().decode(bytes)) as { mediaType?: string };
    return { name: undefined, id: config.digest, manifest: { ...blob, mediaType, annotations: new Map() } };
  } catch {
    return undefined; // a config, or something else
  }
}
