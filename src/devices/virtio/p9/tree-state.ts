/**
 * Saving what a guest changed in a {@link TreeFs} and loading it onto the same tree again. The tree itself comes from
 * its image and is not saved. A saved state is hostile input: everything is checked, directory loops included.
 */
import { VivariumError, ErrorCodes } from '../../../util/errors.ts';
import type { DeviceState, StateValue } from '../../bus.ts';
import { StateReader } from '../../state.ts';
import { FsError } from './errno.ts';
import { FileContent } from './file-content.ts';
import { MODE_DIRECTORY, MODE_REGULAR, MODE_SYMLINK, MODE_TYPE, SYMLINK_MAX, type Timestamp } from './filesystem.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { TreeInode } from './tree-inode.ts';

const STATE_VERSION = 1;
const WHAT = 'an in-memory file system';
const CHUNK_BYTES_MAX = 64 * 1024;
const XATTR_BYTES_MAX = 64 * 1024;

/** The parts of a tree that its state is made of. */
export interface TreeStore {
  readonly root: TreeInode;
  readonly inodes: Map<number, TreeInode>;
  readonly removedInodes: Map<number, TreeInode>;
  nextInode: number;
  readonly firstChangedInode: number;
  readonly fingerprint: number;
  readonly budget: MemoryBudget;
}

export function saveTree(tree: TreeStore): DeviceState {
  const changed = [...tree.inodes.values()].filter((inode) => inode.changed);
  return {
    version: STATE_VERSION,
    fingerprint: tree.fingerprint,
    firstChangedInode: tree.firstChangedInode,
    nextInode: tree.nextInode,
    removed: [...tree.removedInodes.keys()],
    inodes: changed.map(saveInode),
  };
}

function saveInode(inode: TreeInode): DeviceState {
  const { content, directory } = inode;
  const saved = content?.save();
  return {
    number: inode.qidPath,
    version: inode.qidVersion,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    linkCount: inode.linkCount,
    deviceNumber: inode.deviceNumber,
    charge: inode.charge,
    target: inode.target ?? null,
    times: [inode.atime, inode.mtime, inode.ctime].flatMap((time) => [time.seconds, time.nanoseconds]),
    xattrs: [...(inode.xattrs ?? [])].map(([name, { value, charge }]) => ({ name, value, charge })),
    content: saved
      ? { size: saved.size, sourceBytes: saved.sourceBytes, chunks: saved.chunks.map((chunk) => ({ ...chunk })) }
      : null,
    directory: directory
      ? {
          parent: directory.parent.qidPath,
          nextCookie: directory.nextCookie,
          entries: [...directory.entries].map(([name, { inode: entry, cookie, charge }]) => ({
            name,
            number: entry.qidPath,
            cookie,
            charge,
          })),
        }
      : null,
  };
}

export function loadTree(tree: TreeStore, state: DeviceState): void {
  const reader = new StateReader(WHAT, state, STATE_VERSION);
  if (
    reader.int('fingerprint') !== tree.fingerprint ||
    reader.int('firstChangedInode', Number.MAX_SAFE_INTEGER) !== tree.firstChangedInode
  ) {
    throw new VivariumError(
      ErrorCodes.BAD_STATE,
      'the saved file system belongs to another image; start it with the image that it was saved with',
    );
  }
  revert(tree);
  try {
    apply(tree, state, reader);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new VivariumError(
      ErrorCodes.BAD_STATE,
      `the saved file system needs more than ${tree.budget.limitBytes} bytes of memory; start with a larger limit`,
    );
  }
}

function apply(tree: TreeStore, state: DeviceState, reader: StateReader): void {
  tree.nextInode = reader.int('nextInode', Number.MAX_SAFE_INTEGER, tree.firstChangedInode);
  const saved = list(state['inodes']).map((part) => ({ reader: new StateReader(WHAT, part), part }));
  // First all inodes, then what refers to them.
  const loaded = saved.map(({ reader: fields, part }) => ({ inode: loadInode(tree, fields, part), fields, part }));
  for (const { inode, part } of loaded) loadDirectory(tree, inode, part['directory']);
  for (const number of numbers(state['removed'])) {
    const inode = tree.inodes.get(number) ?? refuse('removed');
    if (inode === tree.root) refuse('removed');
    inode.pristine ??= inode.record();
    inode.linkCount = 0;
    tree.inodes.delete(number);
    tree.removedInodes.set(number, inode);
  }
  checkReachable(tree);
}

/** Back to what the builder made. */
function revert(tree: TreeStore): void {
  for (const [number, inode] of tree.removedInodes) tree.inodes.set(number, inode);
  tree.removedInodes.clear();
  for (const [number, inode] of tree.inodes) {
    if (inode.pristine) {
      inode.apply(inode.pristine);
      inode.content?.revert();
      inode.pristine = undefined;
      inode.changed = false;
    } else if (number >= tree.firstChangedInode) {
      inode.content?.release();
      tree.inodes.delete(number);
    }
  }
  tree.budget.clear();
}

function loadInode(tree: TreeStore, fields: StateReader, part: DeviceState): TreeInode {
  const number = fields.int('number', tree.nextInode - 1);
  const mode = fields.int('mode', 0o177777);
  const times = list6(part['times']);
  let inode = tree.inodes.get(number);
  if (number >= tree.firstChangedInode) {
    if (inode) refuse('number');
    const target = part['target'];
    const isSymlink = (mode & MODE_TYPE) === MODE_SYMLINK;
    if (isSymlink ? typeof target !== 'string' || target.length > SYMLINK_MAX : target !== null) refuse('target');
    inode = new TreeInode(number, mode, { uid: 0, gid: 0 }, times[0], {
      deviceNumber: fields.int('deviceNumber'),
      ...(typeof target === 'string' ? { target } : {}),
    });
    if ((mode & MODE_TYPE) === MODE_REGULAR) inode.content = new FileContent(tree.budget);
    if ((mode & MODE_TYPE) === MODE_DIRECTORY)
      inode.directory = { entries: new Map(), nextCookie: 1, parent: tree.root };
    inode.charge = fields.int('charge', Number.MAX_SAFE_INTEGER);
    tree.budget.take(inode.charge);
    tree.inodes.set(number, inode);
  } else {
    if (!inode || (inode.mode & MODE_TYPE) !== (mode & MODE_TYPE)) refuse('mode');
    inode.pristine = inode.record();
  }
  inode.changed = true;
  inode.mode = mode;
  inode.qidVersion = fields.int('version');
  inode.uid = fields.int('uid');
  inode.gid = fields.int('gid');
  inode.linkCount = fields.int('linkCount');
  [inode.atime, inode.mtime, inode.ctime] = times;
  const xattrs = list(part['xattrs']).map((xattr) => loadXattr(tree, xattr));
  inode.xattrs = xattrs.length > 0 ? new Map(xattrs) : undefined;
  if (inode.content) loadContent(inode.content, fields.part('content'));
  return inode;
}

function loadXattr(tree: TreeStore, part: DeviceState): [string, { value: Uint8Array; charge: number }] {
  const fields = new StateReader(WHAT, part);
  const charge = fields.int('charge');
  tree.budget.take(charge);
  return [text(part['name']), { value: fields.bytes('value', XATTR_BYTES_MAX), charge }];
}

function loadContent(content: FileContent, part: DeviceState): void {
  const fields = new StateReader(WHAT, part);
  const size = fields.int('size', Number.MAX_SAFE_INTEGER);
  const chunks = list(part['chunks']).map((chunk) => {
    const chunkFields = new StateReader(WHAT, chunk);
    return {
      index: chunkFields.int('index', Math.ceil(size / CHUNK_BYTES_MAX)),
      bytes: chunkFields.bytes('bytes', CHUNK_BYTES_MAX),
    };
  });
  content.load({ size, sourceBytes: fields.int('sourceBytes', size), chunks });
}

function loadDirectory(tree: TreeStore, inode: TreeInode, part: StateValue | undefined): void {
  if (!inode.directory) return;
  const fields = new StateReader(WHAT, isPart(part) ? part : refuse('directory'));
  const nextCookie = fields.int('nextCookie', Number.MAX_SAFE_INTEGER, 1);
  const parent = tree.inodes.get(fields.int('parent', Number.MAX_SAFE_INTEGER));
  const entries = new Map<string, { inode: TreeInode; cookie: number; charge: number }>();
  let lastCookie = 0;
  for (const entry of list((part as DeviceState)['entries'])) {
    const entryFields = new StateReader(WHAT, entry);
    const cookie = entryFields.int('cookie', nextCookie - 1, lastCookie + 1);
    const charge = entryFields.int('charge');
    tree.budget.take(charge);
    const named = tree.inodes.get(entryFields.int('number', Number.MAX_SAFE_INTEGER)) ?? refuse('entries');
    entries.set(text(entry['name']), { inode: named, cookie, charge });
    lastCookie = cookie;
  }
  // A removed directory's parent may be gone too; nothing asks for it then.
  inode.directory = { entries, nextCookie, parent: parent?.directory ? parent : tree.root };
}

/** Every directory is in exactly one place, below its parent; the removed ones that are still held are empty. */
function checkReachable(tree: TreeStore): void {
  const seen = new Set<TreeInode>([tree.root]);
  const pending = [tree.root];
  if (tree.root.directory!.parent !== tree.root) refuse('directory');
  for (let next = pending.pop(); next; next = pending.pop()) {
    for (const { inode } of next.directory!.entries.values()) {
      if (tree.inodes.get(inode.qidPath) !== inode || inode.linkCount === 0) refuse('entries');
      if (!inode.directory) continue;
      if (seen.has(inode) || inode.directory.parent !== next) refuse('directory');
      seen.add(inode);
      pending.push(inode);
    }
  }
  for (const inode of tree.inodes.values()) {
    if (inode.directory && !seen.has(inode) && (inode.linkCount !== 0 || inode.directory.entries.size > 0))
      refuse('directory');
  }
}

function refuse(field: string): never {
  throw new VivariumError(
    ErrorCodes.BAD_STATE,
    `the saved state of ${WHAT} has no valid field "${field}": the snapshot is damaged`,
  );
}
function isPart(value: StateValue | undefined): value is DeviceState {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
function list(value: StateValue | undefined): DeviceState[] {
  if (!Array.isArray(value)) return refuse('list');
  return value.map((item) => (isPart(item) ? item : refuse('list')));
}
function numbers(value: StateValue | undefined): number[] {
  if (!Array.isArray(value)) return refuse('removed');
  return value.map((item) => (typeof item === 'number' ? item : refuse('removed')));
}
function text(value: StateValue | undefined): string {
  return typeof value === 'string' ? value : refuse('name');
}
function list6(value: StateValue | undefined): [Timestamp, Timestamp, Timestamp] {
  if (!Array.isArray(value) || value.length !== 6 || !value.every((item) => Number.isSafeInteger(item)))
    return refuse('times');
  const parts = value as number[];
  const time = (at: number): Timestamp => ({ seconds: parts[at]!, nanoseconds: parts[at + 1]! });
  return [time(0), time(2), time(4)];
}
