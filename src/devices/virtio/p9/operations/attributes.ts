/** Tgetattr, Tsetattr, Treadlink, Tstatfs: what stat shows. */
import { Errno } from '../errno.ts';
import * as Fs from '../filesystem.ts';
import type { FsChanges } from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import * as P from '../protocol.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';
import { OK, checkComplete, checkOffset, done } from './common.ts';

export function getattr(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const { node } = server.fid(input.u32());
  input.u64(); // which attributes: the basic ones are cheap and always given
  checkComplete(input);
  return andThen(server.fileSystem.getattr(node), (attributes) => {
    output.u64(P.GETATTR_BASIC);
    output.qid(node);
    output.u32(attributes.mode);
    output.u32(attributes.uid);
    output.u32(attributes.gid);
    output.u64(attributes.linkCount);
    output.u64(attributes.deviceNumber);
    output.u64(attributes.size);
    output.u64(attributes.blockSize);
    output.u64(attributes.blocks);
    for (const time of [attributes.atime, attributes.mtime, attributes.ctime]) {
      output.u64(time.seconds);
      output.u64(time.nanoseconds);
    }
    // Birth time, generation and data version are not among the basic ones.
    for (let i = 0; i < 4; i++) output.u64(0);
    return OK;
  });
}

export function setattr(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const { node } = server.fid(input.u32());
  const valid = input.u32();
  const mode = input.u32();
  const uid = input.u32();
  const gid = input.u32();
  const size = input.u64();
  const atime = { seconds: input.i64(), nanoseconds: input.u64() };
  const mtime = { seconds: input.i64(), nanoseconds: input.u64() };
  checkComplete(input);
  const changes: FsChanges = {};
  if (valid & P.SETATTR_MODE) changes.mode = mode & Fs.MODE_PERMISSIONS;
  if (valid & P.SETATTR_UID) changes.uid = uid;
  if (valid & P.SETATTR_GID) changes.gid = gid;
  if (valid & P.SETATTR_SIZE) changes.size = checkOffset(size);
  if (valid & P.SETATTR_ATIME) changes.atime = valid & P.SETATTR_ATIME_SET ? atime : 'now';
  if (valid & P.SETATTR_MTIME) changes.mtime = valid & P.SETATTR_MTIME_SET ? mtime : 'now';
  const nanosecondsValid = atime.nanoseconds < 1e9 && mtime.nanoseconds < 1e9;
  if ((changes.atime === atime || changes.mtime === mtime) && !nanosecondsValid) return Errno.EINVAL;
  if (changes.size !== undefined && node.qidType !== Fs.QID_FILE)
    return node.qidType === Fs.QID_DIRECTORY ? Errno.EISDIR : Errno.EINVAL;
  return done(server.fileSystem.setattr(node, changes));
}

export function readlink(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const { node } = server.fid(input.u32());
  checkComplete(input);
  if (node.qidType !== Fs.QID_SYMLINK) return Errno.EINVAL;
  return andThen(server.fileSystem.readlink(node), (target) => {
    output.string(target);
    return OK;
  });
}

export function statfs(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  server.fid(input.u32());
  checkComplete(input);
  return andThen(server.fileSystem.statfs(), (statistics) => {
    output.u32(P.FILE_SYSTEM_TYPE);
    output.u32(statistics.blockSize);
    output.u64(statistics.blocks);
    output.u64(statistics.freeBlocks);
    output.u64(statistics.freeBlocks);
    output.u64(statistics.files);
    output.u64(statistics.freeFiles);
    output.u64(0); // fsid
    output.u32(Fs.NAME_MAX);
    return OK;
  });
}
