/**
 * Writes cpio archives in the "newc" form that the Linux kernel unpacks as an initramfs (kernel documentation,
 * driver-api/early-userspace/buffer-format). Same entries, same bytes: times are 0, owners root, inodes counted.
 */

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const S_IFMT = 0o170000;
const S_IFDIR = 0o40000;

function padded(buffer) {
  const rest = buffer.length % 4;
  return rest === 0 ? buffer : Buffer.concat([buffer, Buffer.alloc(4 - rest)]);
}

function member(inode, { path, mode, data = Buffer.alloc(0), device = [0, 0] }) {
  const name = Buffer.from(`${path}\0`);
  const links = (mode & S_IFMT) === S_IFDIR ? 2 : 1;
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, device[0], device[1], name.length, 0];
  const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(data)]);
}

/** An archive of entries { path (no leading slash), mode with file type, data?, device?: [major, minor] }. */
export function cpio(entries) {
  const members = entries.map((entry, index) => member(index + 1, entry));
  return Buffer.concat([...members, member(0, { path: TRAILER, mode: 0 })]);
}
