/**
 * A 9P2000.L server over a {@link FileSystem}: sessions, fids and the dispatch of messages; operations.ts has the
 * messages themselves. Semantics as the Linux client expects them (net/9p, fs/9p). The client is hostile: whatever it
 * sends, it gets an Rlerror, and what it can make the server hold is limited.
 */
import { AssertionError, VivariumError, ErrorCodes } from '../../../util/errors.ts';
import type { DeviceState, StateValue } from '../../bus.ts';
import { StateReader } from '../../state.ts';
import { Errno, FsError } from './errno.ts';
import type { Fid, XattrState } from './fid.ts';
import {
  OpenFlags,
  QID_DIRECTORY,
  XATTR_SIZE_MAX,
  type FileSystem,
  type FsNode,
  type FsOpenFile,
} from './filesystem.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { OPERATIONS } from './operations.ts';
import { MessageType, MSIZE_MAX } from './protocol.ts';
import type { P9Request } from './request.ts';

/** Fids of one client. Linux keeps one for every cached name. */
const FID_COUNT_MAX = 1 << 20;
const STATE_VERSION = 1;

export class P9Server {
  readonly fileSystem: FileSystem;
  /** Agreed message size; 0 before Tversion. */
  messageSize = 0;
  readonly fids = new Map<number, Fid>();
  /** Requests that have not ended, by tag, for Tflush. */
  readonly #underWay = new Map<number, Promise<void>>();

  constructor(fileSystem: FileSystem) {
    this.fileSystem = fileSystem;
  }

  /**
   * Carries out the request that `request` holds (type, tag and input are set) and leaves the reply in it. Returns the
   * reply's type, at once where the file system answers at once. Never throws for what a client or a file system did.
   */
  serve(request: P9Request): MaybePromise<number> {
    request.output.begin();
    request.payload = undefined;
    let result: MaybePromise<number>;
    try {
      const operation = OPERATIONS[request.type];
      if (!operation) result = Errno.EOPNOTSUPP;
      else if (this.messageSize === 0 && request.type !== MessageType.Tversion) result = Errno.EPROTO;
      else if (request.size > this.messageSize && request.type !== MessageType.Tversion) result = Errno.EMSGSIZE;
      else result = operation(this, request);
    } catch (error) {
      result = errnoOf(error);
    }
    if (!(result instanceof Promise)) return this.#reply(request, result);
    const { tag } = request;
    const replied = result.then(
      (errno) => this.#reply(request, errno),
      (error: unknown) => this.#reply(request, errnoOf(error)),
    );
    const settled = replied.then(() => {
      if (this.#underWay.get(tag) === settled) this.#underWay.delete(tag);
    });
    this.#underWay.set(tag, settled);
    return replied;
  }

  /** The request with this tag, if it has not ended. */
  pending(tag: number): Promise<void> | undefined {
    return this.#underWay.get(tag);
  }

  #reply(request: P9Request, errno: number): number {
    if (errno === 0) return request.type + 1;
    request.output.begin();
    request.payload = undefined;
    request.output.u32(errno);
    return MessageType.Rlerror;
  }

  // --- Fids ---

  /** The fid, which must name an inode (not an attribute). */
  fid(number: number): Fid & { node: FsNode } {
    const fid = this.fids.get(number);
    if (!fid || fid.xattr) throw new FsError(Errno.EBADF);
    if (!fid.node) throw new FsError(Errno.ESTALE);
    return fid as Fid & { node: FsNode };
  }

  /** The fid, which must name a directory. */
  directory(number: number): Fid & { node: FsNode } {
    const fid = this.fid(number);
    if (fid.node.qidType !== QID_DIRECTORY) throw new FsError(Errno.ENOTDIR);
    return fid;
  }

  /** A new fid for an inode. EBADF when the number is in use. */
  addFid(number: number, fid: Omit<Fid, 'openFlags' | 'file' | 'xattr'>): Fid {
    this.checkFree(number);
    const added: Fid = { ...fid, openFlags: undefined, file: undefined, xattr: undefined };
    if (added.node) this.fileSystem.retain(added.node);
    this.fids.set(number, added);
    return added;
  }

  checkFree(number: number): void {
    if (this.fids.has(number)) throw new FsError(Errno.EBADF);
    if (this.fids.size >= FID_COUNT_MAX) throw new FsError(Errno.ENFILE);
  }

  /** Points a fid at another inode. */
  moveFid(fid: Fid, node: FsNode, parent: FsNode | undefined, name: string): void {
    this.fileSystem.retain(node);
    if (fid.node) this.fileSystem.forget(fid.node);
    fid.node = node;
    fid.parent = parent;
    fid.name = name;
  }

  /** Forgets a fid and what it had open. */
  dropFid(number: number, fid: Fid): void {
    this.fids.delete(number);
    const { file, node } = fid;
    fid.file = undefined;
    if (file) this.fileSystem.release(file);
    if (node) this.fileSystem.forget(node);
  }

  /** New session, 9P2000 version(5): all fids are clunked. */
  dropAllFids(): void {
    for (const [number, fid] of this.fids) this.dropFid(number, fid);
  }

  /** Makes a fid open, unless it was clunked while the file was being opened. */
  setOpen(number: number, fid: Fid, file: FsOpenFile, flags: number): void {
    if (this.fids.get(number) !== fid) {
      this.fileSystem.release(file);
      return;
    }
    fid.file = file;
    fid.openFlags = flags;
  }

  /** The open file of a fid; EBADF when it is not open. After a restore this is where it is opened again. */
  openFile(number: number): MaybePromise<FsOpenFile> {
    const fid = this.fid(number);
    if (fid.file) return fid.file;
    if (fid.openFlags === undefined) throw new FsError(Errno.EBADF);
    const flags = fid.openFlags & ~(OpenFlags.CREATE | OpenFlags.EXCLUSIVE | OpenFlags.TRUNCATE);
    return andThen(this.fileSystem.open(fid.node, flags), (file) => {
      // Two requests may have come here at once; the first wins.
      if (fid.file || this.fids.get(number) !== fid) this.fileSystem.release(file);
      else fid.file = file;
      return fid.file ?? file;
    });
  }

  // --- State ---

  async quiesce(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay.values());
  }

  reset(): void {
    this.dropAllFids();
    this.messageSize = 0;
  }

  save(): DeviceState {
    const { fileSystem } = this;
    const saveNode = (node: FsNode | undefined): StateValue => (node ? fileSystem.saveNode(node) : null);
    const fids = [...this.fids].map(([number, fid]) => ({
      number,
      node: saveNode(fid.node),
      uid: fid.uid,
      parent: saveNode(fid.parent),
      name: fid.name,
      openFlags: fid.openFlags ?? null,
      xattr: fid.xattr ? { ...fid.xattr } : null,
    }));
    return { version: STATE_VERSION, messageSize: this.messageSize, fids, fileSystem: fileSystem.save() };
  }

  load(state: DeviceState): void {
    const reader = new StateReader('a shared folder', state, STATE_VERSION);
    const saved = state['fids'];
    if (!Array.isArray(saved) || saved.length > FID_COUNT_MAX) throw damaged();
    this.dropAllFids();
    this.fileSystem.load(reader.part('fileSystem'));
    this.messageSize = reader.int('messageSize', MSIZE_MAX);
    for (const entry of saved) this.#loadFid(entry);
  }

  #loadFid(saved: StateValue): void {
    if (typeof saved !== 'object' || saved === null || Array.isArray(saved) || saved instanceof Uint8Array)
      throw damaged();
    const fields = new StateReader('a fid', saved);
    const number = fields.int('number');
    if (this.fids.has(number)) throw damaged();
    const node = (value: StateValue | undefined): FsNode | undefined =>
      value === null || value === undefined ? undefined : this.fileSystem.loadNode(value);
    const fid = this.addFid(number, {
      node: node(saved['node']),
      uid: fields.int('uid'),
      parent: node(saved['parent']),
      name: String(saved['name']),
    });
    fid.openFlags = saved['openFlags'] === null ? undefined : fields.int('openFlags');
    fid.xattr = saved['xattr'] === null ? undefined : loadXattr(fields.part('xattr'));
  }
}

function loadXattr(saved: DeviceState): XattrState {
  const fields = new StateReader('an attribute fid', saved);
  const direction = saved['direction'];
  if (direction !== 'read' && direction !== 'write') throw damaged();
  const value = fields.bytes('value', XATTR_SIZE_MAX * 2);
  return {
    direction,
    name: String(saved['name']),
    value,
    written: fields.int('written', value.length),
    flags: fields.int('flags'),
  };
}

function damaged(): VivariumError {
  return new VivariumError(
    ErrorCodes.BAD_STATE,
    'the saved state of a shared folder is damaged; start the machine afresh',
  );
}

/** What the client is told. Our own bugs are not the client's and go up. */
function errnoOf(error: unknown): number {
  if (error instanceof FsError) return error.errno;
  if (error instanceof AssertionError || error instanceof TypeError || error instanceof RangeError) throw error;
  return Errno.EIO;
}
