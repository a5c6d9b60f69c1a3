/** Tsymlink, Tmknod, Tmkdir, Tlink, Trename, Trenameat, Tunlinkat, Tremove: making, moving and removing names. */
import { Errno, FsError } from '../errno.ts';
import type { Fid } from '../fid.ts';
import * as Fs from '../filesystem.ts';
import type { FsNode } from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import { encodeName } from '../names.ts';
import * as P from '../protocol.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';
import { OK, checkComplete, checkName, replyQid, done, newAttributes } from './common.ts';

export function symlink(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input } = request;
  const fid = server.directory(input.u32());
  const name = checkName(input.string());
  const target = input.string();
  const gid = input.u32();
  checkComplete(input);
  if (target === '' || target.includes('\0')) return Errno.ENOENT;
  if (encodeName(target).length > Fs.SYMLINK_MAX) return Errno.ENAMETOOLONG;
  return replyQid(request, server.fileSystem.symlink(fid.node, name, target, { mode: 0o777, uid: fid.uid, gid }));
}

export function mknod(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input } = request;
  const fid = server.directory(input.u32());
  const name = checkName(input.string());
  const mode = input.u32();
  const major = input.u32();
  const minor = input.u32();
  const gid = input.u32();
  checkComplete(input);
  const type = mode & Fs.MODE_TYPE;
  const isDevice = type === Fs.MODE_CHARACTER || type === Fs.MODE_BLOCK;
  const known = isDevice || type === Fs.MODE_FIFO || type === Fs.MODE_SOCKET || type === Fs.MODE_REGULAR;
  if (!known) return Errno.EINVAL;
  const attributes = { mode: mode & (Fs.MODE_TYPE | Fs.MODE_PERMISSIONS), uid: fid.uid, gid };
  return replyQid(
    request,
    server.fileSystem.mknod(fid.node, name, attributes, isDevice ? Fs.encodeDevice(major, minor) : 0),
  );
}

export function mkdir(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input } = request;
  const fid = server.directory(input.u32());
  const name = checkName(input.string());
  const attributes = newAttributes(fid, input);
  checkComplete(input);
  return replyQid(request, server.fileSystem.mkdir(fid.node, name, attributes));
}

export function link(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const directory = server.directory(input.u32());
  const target = server.fid(input.u32());
  const name = checkName(input.string());
  checkComplete(input);
  if (target.node.qidType === Fs.QID_DIRECTORY) return Errno.EPERM;
  return done(server.fileSystem.link(directory.node, name, target.node));
}

export function renameAt(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const from = server.directory(input.u32());
  const fromName = checkName(input.string());
  const to = server.directory(input.u32());
  const toName = checkName(input.string());
  checkComplete(input);
  return done(server.fileSystem.rename(from.node, fromName, to.node, toName));
}

export function rename(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const fid = server.fid(input.u32());
  const directory = server.directory(input.u32());
  const name = checkName(input.string());
  checkComplete(input);
  return andThen(nameOf(server, fid), ({ parent, name: oldName }) =>
    andThen(server.fileSystem.rename(parent, oldName, directory.node, name), () => {
      fid.parent = directory.node;
      fid.name = name;
      return OK;
    }),
  );
}

export function unlinkAt(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const directory = server.directory(input.u32());
  const name = checkName(input.string());
  const flags = input.u32();
  checkComplete(input);
  if ((flags & ~P.UNLINK_REMOVE_DIRECTORY) !== 0) return Errno.EINVAL;
  return done(server.fileSystem.unlink(directory.node, name, flags !== 0));
}

export function remove(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const number = input.u32();
  checkComplete(input);
  const fid = server.fid(number);
  const isDirectory = fid.node.qidType === Fs.QID_DIRECTORY;
  // remove(5): the fid is clunked even if the removal fails.
  const drop = (): void => server.dropFid(number, fid);
  let result: MaybePromise<number>;
  try {
    result = andThen(nameOf(server, fid), ({ parent, name }) =>
      done(server.fileSystem.unlink(parent, name, isDirectory)),
    );
  } catch (error) {
    drop();
    throw error;
  }
  if (result instanceof Promise) return result.finally(drop);
  drop();
  return result;
}

/** Where a fid's inode has its name now; ENOENT when that was taken from it since the walk. */
function nameOf(server: P9Server, fid: Fid & { node: FsNode }): MaybePromise<{ parent: FsNode; name: string }> {
  const { node, parent, name } = fid;
  if (!parent || name === '..') throw new FsError(Errno.EBUSY);
  return andThen(server.fileSystem.lookup(parent, name), (found) => {
    if (found?.qidPath !== node.qidPath) throw new FsError(Errno.ENOENT);
    return { parent, name };
  });
}
