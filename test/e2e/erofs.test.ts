/**
 * What the guest's kernel makes of our layer images, stacked by overlayfs, compared with what umoci unpacks from the same
 * image: every file with its attributes and content. Needs the build, mmdebstrap, umoci and attr, and root.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianImage } from '../support/debian-images.ts';
import { charDevice, dir, fifo, file, hardlink, symlink, tar } from '../support/tar-builder.ts';
import { viv } from '../support/viv.ts';

const MAKE_IMAGES_MS = 240_000;
const RUN_MS = 240_000;
const CAPABILITY = Uint8Array.from([1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const many = Array.from({ length: 1500 }, (_, index) =>
  file('long', `${index}`, { gnuName: `n/many/${'x'.repeat(index % 180)}${index}` }),
);

/** Layers over the Debian system that have something of everything. */
const LAYERS = [
  tar(
    dir('n', { mode: 0o751, uid: 70_000, gid: 4_000_000_000, mtime: 1_000_000_000 }),
    dir('n/many'),
    ...many,
    file('n/tool', 'tool', { mode: 0o4755, pax: { 'SCHILY.xattr.security.capability': CAPABILITY } }),
    file('n/named', 'x', { pax: { mtime: '1234567890.123456789', 'SCHILY.xattr.user.long': 'v'.repeat(3000) } }),
    hardlink('n/linked', 'n/named'),
    file('n/block', 'b'.repeat(4096)),
    file('n/tail', 't'.repeat(10_000)),
    file('n/empty'),
    symlink('n/link', '/n/tool', { uid: 5 }),
    symlink('n/dangling', 'z'.repeat(600)),
    fifo('n/pipe'),
    charDevice('n/null', 1, 3),
    dir('n/gone'),
    file('n/gone/a'),
    dir('n/emptied'),
    file('n/emptied/old', 'old'),
    dir('n/emptied/sub'),
    file('n/emptied/sub/old'),
    dir('n/replaced'),
    file('n/replaced/old', 'old'),
    file('n/to-folder', 'file'),
    dir('n/to-file'),
    file('n/to-file/x', 'x'),
    dir('n/attributes', { mode: 0o700 }),
    file('n/attributes/kept', 'kept'),
    symlink('n/through', 'attributes'),
  ),
  tar(
    dir('n', { mode: 0o711, uid: 1 }),
    file('n/.wh.gone'),
    file('n/.wh.never-there'),
    dir('n/emptied'),
    file('n/emptied/.wh..wh..opq'),
    file('n/emptied/new', 'new'),
    dir('n/emptied/sub'),
    file('n/.wh.replaced'),
    dir('n/replaced'),
    file('n/replaced/new', 'new'),
    dir('n/to-folder'),
    file('n/to-folder/y', 'y'),
    file('n/to-file', 'now a file'),
    dir('n/attributes', { mode: 0o770, gid: 9 }),
    file('n/tail', 'replaced', { mode: 0o600 }),
    dir('n/only-here'),
    file('n/only-here/.wh.nothing'),
    file('n/only-here/z', 'z'),
  ),
  tar(file('n/attributes/implied', 'its folder is as it was'), file('n/many/.wh.0')),
];

/** Prints a line for each file: everything that a program can see of it. */
const LISTING = `
import hashlib, os, stat, sys
SKIPPED = {"/etc/hosts", "/etc/hostname"}
CHANGED = {"/etc"} # those two were put there
def show(path):
    if path in SKIPPED: return
    s = os.lstat(path)
    fields = [path, oct(s.st_mode), s.st_uid, s.st_gid, path in CHANGED or s.st_mtime_ns, s.st_rdev]
    if stat.S_ISREG(s.st_mode): fields += [s.st_size, s.st_nlink, hashlib.sha256(open(path, "rb").read()).hexdigest()]
    if stat.S_ISLNK(s.st_mode): fields.append(os.readlink(path))
    fields.append(sorted((n, os.getxattr(path, n, follow_symlinks=False).hex()) for n in os.listxattr(path, follow_symlinks=False)))
    print(*fields)
    if stat.S_ISDIR(s.st_mode):
        for name in sorted(os.listdir(path)): show(os.path.join(path, name))
for path in sys.argv[1:]: show(path)
print("end")
`;

let folder: string;
let layout: string;
let unpacked: string;
beforeAll(async () => {
  const debian = await debianImage();
  folder = mkdtempSync(join(tmpdir(), 'vivarium-erofs-'));
  layout = join(folder, 'layout');
  cpSync(debian.layout, layout, { recursive: true });
  const umoci = (...words: string[]): void =>
    void execFileSync('umoci', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  for (const [index, layer] of LAYERS.entries()) {
    const path = join(folder, `layer-${index}.tar`);
    writeFileSync(path, layer);
    umoci('raw', 'add-layer', '--image', `${layout}:debian`, path);
  }
  umoci('raw', 'unpack', '--image', `${layout}:debian`, join(folder, 'root'));
  unpacked = join(folder, 'root');
}, MAKE_IMAGES_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function listings(...paths: string[]): Promise<{ expected: string[]; actual: string[] }> {
  const words = ['python3', '-c', LISTING, ...paths];
  const expected = execFileSync('chroot', [unpacked, ...words], { maxBuffer: 1 << 28 });
  const { stdout, stderr, status } = await viv(['run', '--machine-memory', '1G', layout, ...words], {
    env: { VIVARIUM_CACHE: join(folder, 'cache') },
  });
  expect([status, stderr]).toEqual([0, '']);
  return { expected: expected.toString().split('\n'), actual: stdout.toString().split('\n') };
}

describe('a root filesystem of several layers', () => {
  test(
    'is in the guest what a real tool unpacks: whiteouts, attributes, links and all',
    async () => {
      const { expected, actual } = await listings('/n');

      expect(expected.length).toBeGreaterThan(1500);
      expect(actual).toEqual(expected);
    },
    RUN_MS,
  );

  test(
    'has every file of a Debian system with its content',
    async () => {
      const { expected, actual } = await listings(
        '/usr',
        '/etc',
        '/var',
        '/root',
        '/home',
        '/opt',
        '/boot',
        '/bin',
        '/lib',
      );

      expect(expected.length).toBeGreaterThan(5000);
      expect(actual).toEqual(expected);
    },
    RUN_MS,
  );
});

describe('a disk for what a container writes', () => {
  test('has the size that was asked for, and the rest of the guest goes on when it is full', async () => {
    const script =
      'dd if=/dev/zero of=/big bs=1M count=100 2>/tmp/err; echo status $?; grep -o "No space left" /tmp/err; rm /big; echo again > /small && cat /small';

    const { stdout, status } = await viv([
      'run',
      '--storage-opt',
      'size=32M',
      'busybox',
      'sh',
      '-c',
      `mkdir -p /dev/shm; ${script.replaceAll('/tmp/err', '/dev/shm/err')}`,
    ]);

    expect([status, stdout.toString()]).toEqual([0, 'status 1\nNo space left\nagain\n']);
  });

  test('keeps file capabilities, also of a file that it takes over from the image', async () => {
    const script = `
import os
v = os.getxattr("/n/tool", "security.capability")
open("/n/tool", "a").close(); os.utime("/n/tool")
os.chown("/n/empty", 3, 3); os.setxattr("/n/empty", "security.capability", v)
print(os.getxattr("/n/empty", "security.capability") == v, os.stat("/n/tool").st_dev == os.stat("/n").st_dev == os.stat("/usr/bin").st_dev)`;

    const { stdout, stderr } = await viv(['run', layout, 'python3', '-c', script], {
      env: { VIVARIUM_CACHE: join(folder, 'cache') },
    });

    expect([stdout.toString(), stderr]).toEqual(['True True\n', '']);
  });
});
