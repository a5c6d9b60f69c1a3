/** Checks and small steps that several messages share. */
import { Errno, FsError } from '../errno.ts';
import * as Fs from '../filesystem.ts';
import type { Fid } from '../fid.ts';
import type { FsNewAttributes, FsNode } from '../filesystem.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import type { MessageReader } from '../message.ts';
import { encodeName } from '../names.ts';
import { READ_REPLY_HEADER_LENGTH } from '../protocol.ts';
import type { P9Request } from '../request.ts';
import type { P9Server } from '../server.ts';

/**
 * A message of 9P2000.L: parses the request, does it, writes the reply's body and returns 0 or a Linux error number
 * (errors may also be thrown as FsError). Fields as in Linux's net/9p/client.c.
 */
export type Operation = (server: P9Server, request: P9Request) => MaybePromise<number>;

export const OK = 0;
/** Offsets above this are no file's; 2^53 is where numbers stop being exact. */
const OFFSET_MAX = 2 ** 52;

/** EINVAL unless the message held exactly its fields. */
export function checkComplete(input: MessageReader): void {
  if (!input.complete) throw new FsError(Errno.EINVAL);
}

/** A name for something new or to be removed: one path component, not '.' or '..'. */
export function checkName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw new FsError(Errno.EINVAL);
  // A string is at most as long as its bytes; only long ones need counting.
  if (name.length > Fs.NAME_MAX || (name.length > Fs.NAME_MAX / 4 && encodeName(name).length > Fs.NAME_MAX))
    throw new FsError(Errno.ENAMETOOLONG);
  return name;
}

export function checkOffset(offset: number): number {
  if (offset > OFFSET_MAX) throw new FsError(Errno.EINVAL);
  return offset;
}

/** Largest data part that message size and the client's buffer leave for a reply. */
export function replyRoom(server: P9Server, request: P9Request): number {
  return Math.max(Math.min(server.messageSize, request.replyCapacity) - READ_REPLY_HEADER_LENGTH, 0);
}

/** Writes the QID of something new. */
export function replyQid(request: P9Request, node: MaybePromise<FsNode>): MaybePromise<number> {
  return andThen(node, (made) => {
    request.output.qid(made);
    return OK;
  });
}

export function done(result: MaybePromise<unknown>): MaybePromise<number> {
  return result instanceof Promise ? result.then(() => OK) : OK;
}

/** mode[4] gid[4], the end of every message that makes something. */
export function newAttributes(fid: Fid, input: MessageReader): FsNewAttributes {
  const mode = input.u32();
  return { mode: mode & Fs.MODE_PERMISSIONS, uid: fid.uid, gid: input.u32() };
}

/** A Twrite's data in one piece of our own. */
export function copyData(request: P9Request, count: number): Uint8Array {
  const data = new Uint8Array(count);
  let at = 0;
  request.forEachData(count, (bytes) => {
    data.set(bytes, at);
    at += bytes.length;
  });
  return data;
}
