/**
 * The guest of the translator's soak: an initramfs of our busybox, of newcode.c, and of a shell loop that starts ever new copies of
 * busybox. Built-ins only.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpio } from '../../scripts/lib/cpio.mjs';
import { ensurePackages } from '../../scripts/lib/debian.mjs';
import { run } from '../../scripts/lib/run.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const FLAGS = [
  '-m64',
  '-mno-red-zone',
  '-std=c11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-static',
  '-nostdlib',
  '-ffreestanding',
  '-fno-pie',
];
const LINKING = ['-no-pie', '-Wl,--build-id=none', '-fno-stack-protector', '-fcf-protection=none'];
const FOLDER = 0o40755;
const PROGRAM = 0o100755;
const SYMLINK = 0o120777;
const CHARACTER_DEVICE = 0o20600;
const APPLETS = ['sh', 'mount', 'cp', 'rm', 'echo'];

/** A copy is new pages of code to the machine, whatever they hold. Each round ends with a line, which the host counts. */
const INIT = `#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
/bin/newcode &
n=0
while true; do
  b=/tmp/busybox$n
  cp /bin/busybox $b
  $b seq 1 2000 > /tmp/numbers
  $b sort -rn /tmp/numbers | $b md5sum > /dev/null
  $b gzip -c /tmp/numbers | $b gunzip -c | $b sha256sum > /dev/null
  $b awk '{ s += $1 * $1 } END { print s }' /tmp/numbers > /dev/null
  $b sed -e 's/1/one/g' /tmp/numbers | $b grep one | $b wc > /dev/null
  for k in 1 2 3 4 5; do $b sh -c 'x=0; for i in 1 2 3 4 5 6 7 8 9; do x=$((x + i)); done' ; done
  rm $b
  n=$((n + 1))
  echo round $n
done
`;

/** Writes initramfs.cpio into `folder` and returns its path. `busybox`: the program. */
export function buildSoakGuest(folder, busybox) {
  ensurePackages(['gcc'], 'the soak of the translator');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'newcode');
  run('gcc', [...FLAGS, ...LINKING, '-o', program, join(HERE, 'newcode.c')]);
  const path = join(folder, 'initramfs.cpio');
  const entries = [
    ...['bin', 'dev', 'proc', 'tmp'].map((name) => ({ path: name, mode: FOLDER })),
    { path: 'dev/console', mode: CHARACTER_DEVICE, device: [5, 1] },
    { path: 'bin/busybox', mode: PROGRAM, data: readFileSync(busybox) },
    { path: 'bin/newcode', mode: PROGRAM, data: readFileSync(program) },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, mode: SYMLINK, data: Buffer.from('busybox') })),
    { path: 'init', mode: PROGRAM, data: Buffer.from(INIT) },
  ];
  writeFileSync(path, cpio(entries));
  return path;
}
