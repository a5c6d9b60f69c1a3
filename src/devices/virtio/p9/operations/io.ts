/** Tlopen, Tlcreate, Tread, Twrite, Tfsync, Treaddir, Tlock, Tgetlock: what is done with an open file. */
import { Errno, FsError } from '../errno.ts';
import * as Fs from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import { QID_LENGTH } from '../message.ts';
import * as P from '../protocol.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';
import { OK, checkComplete, checkName, checkOffset, replyRoom, done, newAttributes, copyData } from './common.ts';
import { writeXattr } from './xattr.ts';

/** Fixed part of a directory entry: qid, offset, type, name length. */
const DIRENT_LENGTH = QID_LENGTH + 8 + 1 + 2;
/** Cookies of '.' and '..'; the file system's own come after these. */
const COOKIE_DOT = 1;
const COOKIE_DOT_DOT = 2;
const DIRENT_DIRECTORY = Fs.MODE_DIRECTORY >> 12;

export function open(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const number = input.u32();
  const fid = server.fid(number);
  const flags = input.u32();
  checkComplete(input);
  if (fid.openFlags !== undefined) return Errno.EBADF;
  const { node } = fid;
  const writes = (flags & Fs.OpenFlags.ACCESS_MASK) !== Fs.OpenFlags.READ_ONLY || (flags & Fs.OpenFlags.TRUNCATE) !== 0;
  if (node.qidType === Fs.QID_SYMLINK) return Errno.ELOOP;
  if (node.qidType === Fs.QID_DIRECTORY ? writes : (flags & Fs.OpenFlags.DIRECTORY) !== 0) {
    return node.qidType === Fs.QID_DIRECTORY ? Errno.EISDIR : Errno.ENOTDIR;
  }
  return andThen(server.fileSystem.open(node, flags), (file) => {
    server.setOpen(number, fid, file, flags);
    output.qid(node);
    output.u32(0); // iounit: up to the message size
    return OK;
  });
}

export function create(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const number = input.u32();
  const fid = server.directory(number);
  const name = checkName(input.string());
  const flags = input.u32();
  const attributes = newAttributes(fid, input);
  checkComplete(input);
  if (fid.openFlags !== undefined) return Errno.EBADF;
  const directory = fid.node;
  return andThen(server.fileSystem.create(directory, name, attributes, flags), ({ node, file }) => {
    server.moveFid(fid, node, directory, name);
    server.setOpen(number, fid, file, flags);
    output.qid(node);
    output.u32(0);
    return OK;
  });
}

export function read(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input } = request;
  const number = input.u32();
  const offset = checkOffset(input.u64());
  const count = Math.min(input.u32(), replyRoom(server, request));
  checkComplete(input);
  const fid = server.fids.get(number);
  if (fid?.xattr)
    return fid.xattr.direction === 'read'
      ? replyData(request, fid.xattr.value.subarray(offset, offset + count))
      : Errno.EBADF;
  if (fid && fid.openFlags !== undefined && (fid.openFlags & Fs.OpenFlags.ACCESS_MASK) === Fs.OpenFlags.WRITE_ONLY)
    return Errno.EBADF;
  if (fid?.node?.qidType === Fs.QID_DIRECTORY) return Errno.EISDIR;
  return andThen(server.openFile(number), (file) =>
    andThen(server.fileSystem.read(file, offset, count), (bytes) => replyData(request, bytes)),
  );
}

function replyData(request: P9Request, bytes: Uint8Array): number {
  request.output.u32(bytes.length);
  request.payload = bytes;
  return OK;
}

export function write(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input, output } = request;
  const number = input.u32();
  const offset = checkOffset(input.u64());
  const count = input.u32();
  checkComplete(input);
  if (count !== request.dataLength) return Errno.EINVAL;
  const fid = server.fids.get(number);
  if (fid?.xattr) return writeXattr(request, fid.xattr, offset, count);
  if (fid && fid.openFlags !== undefined && (fid.openFlags & Fs.OpenFlags.ACCESS_MASK) === Fs.OpenFlags.READ_ONLY)
    return Errno.EBADF;
  const reply = (written: number): number => {
    output.u32(written);
    return OK;
  };
  const file = server.openFile(number);
  if (!(file instanceof Promise)) return andThen(writePieces(server, request, file, offset, count), reply);
  // The client's buffer is only readable now: keep a copy until the file is open.
  const data = copyData(request, count);
  return file.then((opened) => server.fileSystem.write(opened, offset, data)).then(reply);
}

/** Hands the data over piece by piece, as it lies in guest memory; together once a piece is not done at once. */
function writePieces(
  server: P9Server,
  request: P9Request,
  file: Fs.FsOpenFile,
  offset: number,
  count: number,
): MaybePromise<number> {
  let written = 0;
  let seen = 0;
  let pending: Promise<number> | undefined;
  const rest: Uint8Array[] = [];
  request.forEachData(count, (bytes) => {
    const short = written < seen;
    seen += bytes.length;
    if (short) return;
    if (pending) {
      rest.push(bytes.slice());
      return;
    }
    let result: MaybePromise<number>;
    try {
      result = server.fileSystem.write(file, offset + written, bytes);
    } catch (error) {
      // write(2): an error after some bytes is a short write; the next one meets the error.
      if (!(error instanceof FsError) || written === 0) throw error;
      return;
    }
    if (result instanceof Promise) pending = result;
    else written += result;
  });
  if (!pending) return written;
  const before = written;
  return pending.then((first) => writeRest(server, file, offset, before + first, rest));
}

async function writeRest(
  server: P9Server,
  file: Fs.FsOpenFile,
  offset: number,
  done: number,
  rest: readonly Uint8Array[],
): Promise<number> {
  let written = done;
  for (const bytes of rest) written += await server.fileSystem.write(file, offset + written, bytes);
  return written;
}

export function fsync(server: P9Server, { input }: P9Request): MaybePromise<number> {
  const number = input.u32();
  // Older clients don't say whether data alone is enough.
  const dataOnly = input.remaining > 0 ? input.u32() !== 0 : false;
  checkComplete(input);
  return andThen(server.openFile(number), (file) => done(server.fileSystem.fsync(file, dataOnly)));
}

export function readdir(server: P9Server, request: P9Request): MaybePromise<number> {
  const { input, output } = request;
  const number = input.u32();
  const cookie = checkOffset(input.u64());
  const count = Math.min(input.u32(), replyRoom(server, request));
  checkComplete(input);
  const { node } = server.directory(number);
  const { fileSystem } = server;
  const countAt = output.length;
  output.u32(0);
  const start = output.length;
  const put = (
    qid: { qidType: number; qidVersion: number; qidPath: number },
    next: number,
    type: number,
    name: string,
  ): boolean => {
    const before = output.length;
    output.qid(qid);
    output.u64(next);
    output.u8(type);
    output.string(name);
    if (output.length - start <= count) return true;
    output.truncate(before);
    return false;
  };
  const finish = (): number => {
    output.patch32(countAt, output.length - start);
    return OK;
  };
  return andThen(server.openFile(number), (file) =>
    andThen(fileSystem.parent(node), (parent) => {
      if (cookie < COOKIE_DOT && !put(node, COOKIE_DOT, DIRENT_DIRECTORY, '.')) return Errno.EINVAL;
      if (cookie < COOKIE_DOT_DOT && !put(parent, COOKIE_DOT_DOT, DIRENT_DIRECTORY, '..')) return finish();
      // At least one, to tell the end from too small a buffer.
      const limit = Math.max(Math.floor((count - (output.length - start)) / (DIRENT_LENGTH + 1)), 1);
      const after = Math.max(cookie - COOKIE_DOT_DOT, 0);
      return andThen(fileSystem.readdir(file, after, limit), (entries) => {
        for (const entry of entries) {
          if (!put(entry, entry.cookie + COOKIE_DOT_DOT, entry.direntType, entry.name)) break;
        }
        // An empty answer means the end, which this is not.
        if (entries.length > 0 && output.length === start) return Errno.EINVAL;
        return finish();
      });
    }),
  );
}

/**
 * The guest kernel takes every lock locally before it asks (fs/9p/vfs_file.c), and it is the only client of this share,
 * so a conflict can't be left to find. A table by process here would even be wrong: a flock is shared by forks.
 */
export function lock(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const number = input.u32();
  const type = input.u8();
  input.u32(); // flags: block, reclaim
  input.u64(); // start
  input.u64(); // length
  input.u32(); // process
  input.string(); // client
  checkComplete(input);
  if (type > P.LOCK_TYPE_UNLOCK) return Errno.EINVAL;
  if (server.fid(number).openFlags === undefined) return Errno.EBADF;
  output.u8(P.LOCK_SUCCESS);
  return OK;
}

/** Nothing else holds a lock: the answer is "unlocked". */
export function getLock(server: P9Server, { input, output }: P9Request): MaybePromise<number> {
  const number = input.u32();
  const type = input.u8();
  const start = input.u64();
  const length = input.u64();
  const process = input.u32();
  const client = input.string();
  checkComplete(input);
  if (type > P.LOCK_TYPE_UNLOCK) return Errno.EINVAL;
  if (server.fid(number).openFlags === undefined) return Errno.EBADF;
  output.u8(P.LOCK_TYPE_UNLOCK);
  output.u64(start);
  output.u64(length);
  output.u32(process);
  output.string(client);
  return OK;
}
