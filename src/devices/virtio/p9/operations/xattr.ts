/** Txattrwalk, Txattrcreate: extended attributes are read and written through fids of their own. */
import { Errno, FsError } from '../errno.ts';
import type { Fid } from '../fid.ts';
import * as Fs from '../filesystem.ts';
import type { FsNode } from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import { encodeName } from '../names.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';
import { OK, checkComplete, copyData } from './common.ts';

export function xattrWalk(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const fid = server.fid(input.u32());
  const newNumber = input.u32();
  const name = input.string();
  checkComplete(input);
  if (!server.fileSystem.supportsXattrs) return Errno.EOPNOTSUPP;
  server.checkFree(newNumber);
  const { fileSystem } = server;
  const value: MaybePromise<Uint8Array | undefined> =
    name === '' ? andThen(fileSystem.listXattrs(fid.node), joinNames) : fileSystem.getXattr(fid.node, name);
  return andThen(value, (bytes) => {
    if (!bytes) return Errno.ENODATA;
    const added = server.addFid(newNumber, { node: fid.node, uid: fid.uid, parent: undefined, name: '' });
    // A copy: the attribute may change while the client reads it.
    added.xattr = { direction: 'read', name, value: bytes.slice(), written: 0, flags: 0 };
    output.u64(bytes.length);
    return OK;
  });
}

/** listxattr(2): names, each with a NUL after it. */
function joinNames(names: readonly string[]): Uint8Array {
  return encodeName(names.map((name) => `${name}\0`).join(''));
}

export function xattrCreate(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const fid = server.fid(input.u32());
  const name = input.string();
  const size = input.u64();
  const flags = input.u32();
  checkComplete(input);
  if (!server.fileSystem.supportsXattrs) return Errno.EOPNOTSUPP;
  if (fid.openFlags !== undefined) return Errno.EBADF;
  if (name === '' || name.includes('\0') || encodeName(name).length > Fs.XATTR_NAME_MAX) return Errno.ERANGE;
  if (size > Fs.XATTR_SIZE_MAX) return Errno.ENOSPC;
  if (flags !== 0 && flags !== Fs.XATTR_CREATE && flags !== Fs.XATTR_REPLACE) return Errno.EINVAL;
  fid.xattr = { direction: 'write', name, value: new Uint8Array(size), written: 0, flags };
  return OK;
}

export function writeXattr(
  request: P9Request,
  xattr: NonNullable<Fid['xattr']>,
  offset: number,
  count: number,
): number {
  if (xattr.direction !== 'write') return Errno.EBADF;
  if (offset !== xattr.written || offset + count > xattr.value.length) return Errno.EINVAL;
  xattr.value.set(copyData(request, count), offset);
  xattr.written += count;
  request.output.u32(count);
  return OK;
}

/** An attribute fid was clunked: store it. Linux removes one by replacing it with nothing (fs/9p/xattr.c). */
export function storeXattr(server: P9Server, node: FsNode, xattr: NonNullable<Fid['xattr']>): MaybePromise<number> {
  const { fileSystem } = server;
  const forget = (): void => fileSystem.forget(node);
  let result: MaybePromise<void>;
  try {
    if (xattr.written !== xattr.value.length) throw new FsError(Errno.EINVAL);
    const removes = xattr.value.length === 0 && xattr.flags === Fs.XATTR_REPLACE;
    result = removes
      ? fileSystem.removeXattr(node, xattr.name)
      : fileSystem.setXattr(node, xattr.name, xattr.value, xattr.flags);
  } catch (error) {
    forget();
    throw error;
  }
  if (result instanceof Promise) return result.finally(forget).then(() => OK);
  forget();
  return OK;
}
