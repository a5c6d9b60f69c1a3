/** Which function answers which message. To add one, write it in operations/ and name it here. */
import * as attributes from './operations/attributes.ts';
import type { Operation } from './operations/common.ts';
import * as io from './operations/io.ts';
import * as names from './operations/names.ts';
import * as session from './operations/session.ts';
import * as xattr from './operations/xattr.ts';
import { MessageType } from './protocol.ts';

export const OPERATIONS: Readonly<Record<number, Operation | undefined>> = {
  [MessageType.Tstatfs]: attributes.statfs,
  [MessageType.Tlopen]: io.open,
  [MessageType.Tlcreate]: io.create,
  [MessageType.Tsymlink]: names.symlink,
  [MessageType.Tmknod]: names.mknod,
  [MessageType.Trename]: names.rename,
  [MessageType.Treadlink]: attributes.readlink,
  [MessageType.Tgetattr]: attributes.getattr,
  [MessageType.Tsetattr]: attributes.setattr,
  [MessageType.Txattrwalk]: xattr.xattrWalk,
  [MessageType.Txattrcreate]: xattr.xattrCreate,
  [MessageType.Treaddir]: io.readdir,
  [MessageType.Tfsync]: io.fsync,
  [MessageType.Tlock]: io.lock,
  [MessageType.Tgetlock]: io.getLock,
  [MessageType.Tlink]: names.link,
  [MessageType.Tmkdir]: names.mkdir,
  [MessageType.Trenameat]: names.renameAt,
  [MessageType.Tunlinkat]: names.unlinkAt,
  [MessageType.Tversion]: session.version,
  [MessageType.Tauth]: session.auth,
  [MessageType.Tattach]: session.attach,
  [MessageType.Tflush]: session.flush,
  [MessageType.Twalk]: session.walk,
  [MessageType.Tread]: io.read,
  [MessageType.Twrite]: io.write,
  [MessageType.Tclunk]: session.clunk,
  [MessageType.Tremove]: names.remove,
};
