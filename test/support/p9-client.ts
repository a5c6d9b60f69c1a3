/**
 * A 9P2000.L client for tests: writes messages byte by byte, sends them through the virtio device and reads the replies.
 * It shares no code with the server, so that both can't be wrong the same way.
 */
import type { FileSystem } from '../../src/devices/virtio/p9/filesystem.ts';
import { VirtioP9 } from '../../src/devices/virtio/p9/device.ts';
import { PciBench, VirtioDriver, type TestBuffer } from './virtio-driver.ts';

export const T = {
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  mknod: 18,
  rename: 20,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  xattrwalk: 30,
  xattrcreate: 32,
  readdir: 40,
  fsync: 50,
  lock: 52,
  getlock: 54,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  auth: 102,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
  remove: 122,
} as const;
const RLERROR = 7;
export const NOFID = 0xffffffff;
export const E = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EBUSY: 16,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ESTALE: 116,
} as const;
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  DIRECTORY: 0o200000,
} as const;

/** A field: u8, u16, u32, u64 as [width, value], a string, or raw bytes. */
export type Field = readonly [1 | 2 | 4 | 8, number | bigint] | string | Uint8Array;

export function encode(type: number, tag: number, fields: readonly Field[], size?: number): Uint8Array {
  const parts: number[] = [0, 0, 0, 0, type, tag & 0xff, tag >> 8];
  for (const field of fields) {
    if (field instanceof Uint8Array) parts.push(...field);
    else if (typeof field === 'string') {
      const bytes = new TextEncoder().encode(field);
      parts.push(bytes.length & 0xff, bytes.length >> 8, ...bytes);
    } else {
      let value = BigInt(field[1]);
      for (let i = 0; i < field[0]; i++, value >>= 8n) parts.push(Number(value & 0xffn));
    }
  }
  const bytes = Uint8Array.from(parts);
  new DataView(bytes.buffer).setUint32(0, size ?? bytes.length, true);
  return bytes;
}

export class Reply {
  readonly type: number;
  readonly tag: number;
  readonly body: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.getUint32(0, true) !== bytes.length) throw new Error('a reply has another length than it says');
    this.type = bytes[4]!;
    this.tag = view.getUint16(5, true);
    this.body = bytes.subarray(7);
  }
  /** errno of an Rlerror, else 0. */
  get errno(): number {
    return this.type === RLERROR ? littleEndian(this.body, 0, 4) : 0;
  }
  u(width: number): number {
    this.#at += width;
    return littleEndian(this.body, this.#at - width, width);
  }
  bytes(count: number): Uint8Array {
    return this.body.slice(this.#at, (this.#at += count));
  }
  string(): string {
    return new TextDecoder().decode(this.bytes(this.u(2)));
  }
  qid(): { type: number; version: number; path: number } {
    return { type: this.u(1), version: this.u(4), path: this.u(8) };
  }
  get rest(): number {
    return this.body.length - this.#at;
  }
}

function littleEndian(bytes: Uint8Array, offset: number, width: number): number {
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + bytes[offset + i]!;
  return value;
}

export interface Attributes {
  qid: { type: number; version: number; path: number };
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  rdev: number;
  size: number;
  blocks: number;
  atime: number;
  mtime: number;
  mtimeNs: number;
}

export class P9Client {
  readonly pci = new PciBench();
  readonly device: VirtioP9;
  readonly driver: VirtioDriver;
  #tag = 0;
  #nextFid = 100;
  readonly #request: number;
  readonly #answer: number;

  /** Connected, with the root attached as fid 0. */
  constructor(fileSystem: FileSystem, options: { attach?: boolean } = {}) {
    this.device = new VirtioP9({ tag: 'root', fileSystem });
    this.pci.plug(this.device, 1);
    this.driver = new VirtioDriver(this.pci).start();
    this.#request = this.pci.allocate(600_000);
    this.#answer = this.pci.allocate(600_000);
    if (options.attach === false) return;
    this.version();
    this.attach(0);
  }

  version(msize = 512_000, version = '9P2000.L'): Reply {
    return this.call(T.version, [[4, msize], version]);
  }
  attach(fid: number, uid = 0, path = ''): Reply {
    return this.call(T.attach, [[4, fid], [4, NOFID], 'root', path, [4, uid]]);
  }

  /** Sends a message and returns its reply, an Rlerror included. */
  call(type: number, fields: readonly Field[], room = 560_000): Reply {
    this.#tag = (this.#tag + 1) & 0x7fff;
    return this.send(encode(type, this.#tag, fields), room);
  }

  /** Sends raw bytes. */
  send(message: Uint8Array, room = 560_000): Reply {
    const pending = this.post(message, room);
    const reply = pending();
    if (!reply) throw new Error('the device did not answer at once');
    return reply;
  }

  /** Sends raw bytes; the returned function gives the reply once it is there. Only one such request at a time. */
  post(message: Uint8Array, room = 560_000, answerAt = this.#answer): () => Reply | undefined {
    const queue = this.driver.queues[0]!;
    this.pci.memory.write(this.#request, message);
    // In two pieces each, so that nothing depends on buffers being whole.
    const cut = Math.min(9, message.length);
    const sent: TestBuffer[] = [
      { address: this.#request, length: cut },
      { address: this.#request + cut, length: message.length - cut },
    ];
    const answer: TestBuffer[] = [
      { address: answerAt, length: Math.min(11, room), writable: true },
      { address: answerAt + Math.min(11, room), length: room - Math.min(11, room), writable: true },
    ];
    const head = queue.chain([...sent, ...answer].filter((buffer) => buffer.length > 0));
    queue.offer(head);
    this.driver.notify(0);
    return () => {
      const used = queue.take().find((element) => element.head === head);
      return used && new Reply(this.pci.memory.view(answerAt, used.written).slice());
    };
  }

  /** Like `call`, but an Rlerror is an exception. */
  ok(type: number, fields: readonly Field[]): Reply {
    const reply = this.call(type, fields);
    if (reply.errno !== 0) throw new Error(`errno ${reply.errno} for message ${type}`);
    return reply;
  }
  /** errno of a message, 0 for success. */
  errno(type: number, fields: readonly Field[]): number {
    return this.call(type, fields).errno;
  }

  walkRaw(fid: number, newFid: number, names: readonly string[]): Reply {
    return this.call(T.walk, [[4, fid], [4, newFid], [2, names.length], ...names]);
  }
  /** Walks to a path from the root into a fresh fid. */
  walk(path: string, from = 0): number {
    const fid = this.#nextFid++;
    const names = path.split('/').filter((name) => name !== '');
    const reply = this.walkRaw(from, fid, names);
    if (reply.errno !== 0 || reply.u(2) !== names.length) throw new Error(`no such path ${path}`);
    return fid;
  }
  exists(path: string): boolean {
    try {
      this.clunk(this.walk(path));
      return true;
    } catch {
      return false;
    }
  }
  clunk(fid: number): void {
    this.ok(T.clunk, [[4, fid]]);
  }
  open(path: string, flags: number = O.RDONLY): number {
    const fid = this.walk(path);
    this.ok(T.lopen, [
      [4, fid],
      [4, flags],
    ]);
    return fid;
  }
  /** Creates a file and leaves it open. */
  create(directory: string, name: string, flags: number = O.RDWR, mode = 0o644): number {
    const fid = this.walk(directory);
    this.ok(T.lcreate, [[4, fid], name, [4, flags], [4, mode], [4, 0]]);
    return fid;
  }
  read(fid: number, offset: number, count: number): Uint8Array {
    const reply = this.ok(T.read, [
      [4, fid],
      [8, offset],
      [4, count],
    ]);
    return reply.bytes(reply.u(4));
  }
  write(fid: number, offset: number, data: Uint8Array): number {
    return this.ok(T.write, [[4, fid], [8, offset], [4, data.length], data]).u(4);
  }
  readFile(path: string): string {
    const fid = this.open(path);
    const text = new TextDecoder().decode(this.read(fid, 0, 100_000));
    this.clunk(fid);
    return text;
  }
  writeFile(directory: string, name: string, text: string): void {
    const fid = this.create(directory, name);
    this.write(fid, 0, new TextEncoder().encode(text));
    this.clunk(fid);
  }
  getattr(fid: number): Attributes {
    const reply = this.ok(T.getattr, [
      [4, fid],
      [8, 0x7ff],
    ]);
    reply.u(8);
    const qid = reply.qid();
    const [mode, uid, gid] = [reply.u(4), reply.u(4), reply.u(4)];
    const [nlink, rdev, size, , blocks] = [reply.u(8), reply.u(8), reply.u(8), reply.u(8), reply.u(8)];
    const [atime, , mtime, mtimeNs] = [reply.u(8), reply.u(8), reply.u(8), reply.u(8)];
    return { qid, mode, uid, gid, nlink, rdev, size, blocks, atime, mtime, mtimeNs };
  }
  stat(path: string): Attributes {
    const fid = this.walk(path);
    const attributes = this.getattr(fid);
    this.clunk(fid);
    return attributes;
  }
  setattr(
    fid: number,
    valid: number,
    values: { mode?: number; uid?: number; gid?: number; size?: number; atime?: number; mtime?: number } = {},
  ): number {
    const { mode = 0, uid = 0, gid = 0, size = 0, atime = 0, mtime = 0 } = values;
    return this.errno(T.setattr, [
      [4, fid],
      [4, valid],
      [4, mode],
      [4, uid],
      [4, gid],
      [8, size],
      [8, BigInt.asUintN(64, BigInt(atime))],
      [8, 0],
      [8, BigInt.asUintN(64, BigInt(mtime))],
      [8, 5],
    ]);
  }
  /** One Treaddir. */
  readdirPage(
    fid: number,
    offset: number,
    count: number,
  ): { name: string; cookie: number; type: number; path: number }[] {
    const reply = this.ok(T.readdir, [
      [4, fid],
      [8, offset],
      [4, count],
    ]);
    reply.u(4);
    const entries = [];
    while (reply.rest > 0) {
      const { path } = reply.qid();
      const [cookie, type] = [reply.u(8), reply.u(1)];
      entries.push({ name: reply.string(), cookie, type, path });
    }
    return entries;
  }
  /** All names in a directory, in the server's order. */
  list(path: string, pageBytes = 4096): string[] {
    const fid = this.open(path);
    const names: string[] = [];
    for (let offset = 0; ;) {
      const page = this.readdirPage(fid, offset, pageBytes);
      if (page.length === 0) break;
      names.push(...page.map((entry) => entry.name));
      offset = page.at(-1)!.cookie;
    }
    this.clunk(fid);
    return names;
  }
}
