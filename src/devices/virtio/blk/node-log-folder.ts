/** A folder of the host with the logs of a disk (chunk-log.ts). Node only. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogFile, LogFolder } from './chunk-log.ts';
import { readFully, writeFully } from './node-file-io.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Makes the folder if it is not there. That nobody else uses it is the caller's to see to. */
export function nodeLogFolder(path: string): LogFolder {
  mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  return {
    names: () => readdir(path),
    open: async (name) => openLog(join(path, name), path),
    remove: (name) => rm(join(path, name), { force: true }),
    isFull: (error) => FULL_CODES.includes((error as NodeJS.ErrnoException).code ?? ''),
    close: () => {},
  };
}

function openLog(path: string, folder: string): LogFile {
  const flags = 'a+'; // made if it is not there
  closeSync(openSync(path, flags, PRIVATE_FILE_MODE));
  const fd = openSync(path, 'r+');
  let isNamed = false;
  return {
    size: () => fstatSync(fd).size,
    read: (offset, target) => readFully(fd, offset, target),
    write: (offset, bytes) => writeFully(fd, offset, bytes),
    truncate: (byteCount) => ftruncateSync(fd, byteCount),
    flush: () => {
      fsyncSync(fd);
      if (!isNamed) syncFolder(folder);
      isNamed = true;
    },
    close: () => closeSync(fd),
  };
}

/** A file's name is durable when its folder is. */
function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
