/** Linux error numbers (asm-generic/errno-base.h and errno.h, x86 values) as Rlerror carries them. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EMLINK: 31,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
  ESTALE: 116,
  EDQUOT: 122,
} as const;

/** An operation failed in a way that the guest is told about. Not a host error: it never leaves the 9P server. */
export class FsError extends Error {
  override name = 'FsError';
  readonly errno: number;
  constructor(errno: number) {
    super(`file system error ${errno}`);
    this.errno = errno;
  }
}
