/** An initramfs of busybox and a script: a guest that does one thing, without the agent. */
import { readFileSync } from 'node:fs';
import { cpio, type CpioEntry } from '../../scripts/lib/cpio.mjs';

const FOLDER = 0o40755;
const PROGRAM = 0o100755;
const SYMLINK = 0o120777;
const CHARACTER_DEVICE = 0o20600;
const CONSOLE: [number, number] = [5, 1];
const APPLETS = ['sh', 'mount', 'echo', 'cat', 'head', 'dd', 'md5sum', 'sleep', 'uname', 'poweroff', 'nproc'];

/** @param script what /init does after /proc, /sys and /dev are mounted. */
export function shellInitramfs(busybox: string, script: string): Buffer {
  const folders = ['bin', 'dev', 'proc', 'sys'].map((path): CpioEntry => ({ path, mode: FOLDER }));
  const applets = APPLETS.map((name): CpioEntry => ({
    path: `bin/${name}`,
    mode: SYMLINK,
    data: Buffer.from('busybox'),
  }));
  const mounts = 'mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev';
  return cpio([
    ...folders,
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: CONSOLE },
    { path: 'bin/busybox', mode: PROGRAM, data: readFileSync(busybox) },
    ...applets,
    { path: 'init', mode: PROGRAM, data: Buffer.from(`#!/bin/sh\n${mounts}\n${script}\n`) },
  ]);
}
