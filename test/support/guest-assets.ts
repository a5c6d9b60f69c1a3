/** Kernel and initramfs as the set-up built them, and a busybox root file system made on the spot. Node only. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const APPLETS = [
  'cat',
  'chown',
  'cmp',
  'dd',
  'echo',
  'env',
  'head',
  'hostname',
  'id',
  'ls',
  'md5sum',
  'mount',
  'printf',
  'pwd',
  'seq',
  'sh',
  'sleep',
  'stty',
  'true',
  'tty',
  'uname',
  'wc',
  'yes',
];

function built(recipe: string): string {
  return execFileSync(process.execPath, [join(PROJECT, recipe)], { encoding: 'utf8' }).trim();
}

/** Paths of the guest's parts; builds them when they are not there, which npm test has done before. */
export function guestAssets(): { kernel: string; initramfs: string; busybox: string } {
  const initramfs = built('images/guest/build.mjs');
  return { kernel: built('images/kernel/build.mjs'), initramfs, busybox: join(dirname(initramfs), 'busybox') };
}

/** A new folder with a small root file system in it. The caller removes it. */
export function makeBusyboxRootfs(busybox: string): string {
  const root = mkdtempSync(join(tmpdir(), 'vivarium-rootfs-'));
  chmodSync(root, 0o755);
  for (const folder of ['bin', 'etc', 'tmp', 'home']) mkdirSync(join(root, folder));
  copyFileSync(busybox, join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  writeFileSync(join(root, 'bin/not-a-program'), '\x7fELF broken', { mode: 0o755 });
  writeFileSync(join(root, 'bin/not-executable'), '#!/bin/sh\n', { mode: 0o644 });
  writeFileSync(join(root, 'bin/no-interpreter'), '#!/bin/nowhere\n', { mode: 0o755 });
  return root;
}
