/** Tversion, Tauth, Tattach, Tflush, Twalk, Tclunk: sessions and fids. */
import { Errno, FsError } from '../errno.ts';
import * as Fs from '../filesystem.ts';
import type { FsNode } from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import * as P from '../protocol.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';
import { OK, checkComplete, done } from './common.ts';
import { storeXattr } from './xattr.ts';

export function version(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const size = input.u32();
  const name = input.string();
  checkComplete(input);
  if (size < P.MSIZE_MIN) return Errno.EINVAL;
  server.dropAllFids();
  const agreed = Math.min(size, P.MSIZE_MAX);
  const known = name === P.VERSION;
  server.messageSize = known ? agreed : 0;
  output.u32(agreed);
  output.string(known ? P.VERSION : P.VERSION_UNKNOWN);
  return OK;
}

/** No authentication is needed, auth(5): the answer to that is an error. */
export function auth(): number {
  return Errno.EOPNOTSUPP;
}

export function attach(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input, output } = request;
  const number = input.u32();
  const authFid = input.u32();
  input.string(); // user name; numeric below
  const path = input.string();
  const uid = input.u32();
  checkComplete(input);
  if (authFid !== P.NO_FID) return Errno.EINVAL;
  server.checkFree(number);
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.length > P.WALK_MAX || names.includes('..')) return Errno.EINVAL;
  const qids: FsNode[] = [];
  return andThen(walkNames(server, server.fileSystem.root, names, qids), () => {
    if (qids.length < names.length) return Errno.ENOENT;
    const node = qids.at(-1) ?? server.fileSystem.root;
    server.addFid(number, { node, uid: uid === P.NO_FID ? 0 : uid, parent: undefined, name: '' });
    output.qid(node);
    return OK;
  });
}

export function flush(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const oldTag = input.u16();
  checkComplete(input);
  // flush(5): the answer must not overtake that of the flushed request, which is let end.
  return done(server.pending(oldTag));
}

/** Looks names up one after the other into `found` and stops, without error, at the first that is not there. */
function walkNames(server: P9Server, start: FsNode, names: readonly string[], found: FsNode[]): MaybePromise<void> {
  const { fileSystem } = server;
  let node = start;
  for (let i = found.length; i < names.length; i++) {
    if (node.qidType !== Fs.QID_DIRECTORY) {
      if (i === 0) throw new FsError(Errno.ENOTDIR);
      return;
    }
    const name = names[i]!;
    const next: MaybePromise<FsNode | undefined> =
      name === '..' ? fileSystem.parent(node) : fileSystem.lookup(node, name);
    if (next instanceof Promise) {
      return next.then((reached) => {
        if (!reached) return;
        found.push(reached);
        return walkNames(server, reached, names, found);
      });
    }
    if (!next) return;
    found.push(next);
    node = next;
  }
}

export function walk(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input, output } = request;
  const number = input.u32();
  const newNumber = input.u32();
  const count = input.u16();
  if (count > P.WALK_MAX) return Errno.EINVAL;
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = input.string();
    if (name === '' || name === '.' || name.includes('/') || name.includes('\0')) return Errno.EINVAL;
    if (name.length > Fs.NAME_MAX) return Errno.ENAMETOOLONG;
    names.push(name);
  }
  checkComplete(input);
  const fid = server.fid(number);
  if (newNumber !== number) server.checkFree(newNumber);
  else if (fid.openFlags !== undefined) return Errno.EBADF;

  const found: FsNode[] = [];
  return andThen(walkNames(server, fid.node, names, found), () => {
    // walk(5): a walk that fails at its first name is an error, one that fails later tells how far it came.
    if (found.length === 0 && count > 0) return Errno.ENOENT;
    if (found.length === count) {
      const node = found.at(-1) ?? fid.node;
      const parent = count === 0 ? fid.parent : (found.at(-2) ?? fid.node);
      const name = names.at(-1) ?? fid.name;
      if (newNumber === number) server.moveFid(fid, node, parent, name);
      else server.addFid(newNumber, { node, uid: fid.uid, parent, name });
    }
    output.u16(found.length);
    for (const node of found) output.qid(node);
    return OK;
  });
}

export function clunk(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const number = input.u32();
  checkComplete(input);
  const fid = server.fids.get(number);
  if (!fid) return Errno.EBADF;
  const { node, xattr } = fid;
  // The fid is gone whatever happens, clunk(5). An attribute that was written takes effect now.
  if (node && xattr?.direction === 'write') {
    server.fileSystem.retain(node);
    server.dropFid(number, fid);
    return storeXattr(server, node, xattr);
  }
  server.dropFid(number, fid);
  return OK;
}
