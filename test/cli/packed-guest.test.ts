/** A package made on the spot, with a guest of three small files. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type PackedGuest, packedGuest, unpackGuest, verifyUnpacked } from '../../src/cli/packed-guest.ts';

const FILES = { vmlinux: 'the kernel', 'initramfs.cpio': 'the agent', 'images/busybox/index.json': '{}' };

let root: string;
let cache: string;

function writePackage(archived = Object.values(FILES).join('')): PackedGuest {
  const folder = join(root, 'build/package');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'guest.br'), brotliCompressSync(archived));
  const files = Object.entries(FILES).map(([path, text]) => ({
    path,
    bytes: text.length,
    sha256: createHash('sha256').update(text).digest('hex'),
  }));
  const list = { key: 'k1', archive: 'guest.br', kernel: 'vmlinux', initramfs: 'initramfs.cpio', images: {}, files };
  writeFileSync(join(folder, 'guest.json'), JSON.stringify(list));
  return packedGuest(root)!;
}

const unpacked = (name: string): string => join(cache, 'package-guest/k1', name);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vivarium-package-'));
  cache = join(root, 'cache');
  vi.stubEnv('VIVARIUM_CACHE', cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

test('a folder without a list is no package with a guest', () => {
  expect(packedGuest(root)).toBeUndefined();
});

test('the guest is unpacked at first use, and nothing else is left beside it', () => {
  const folder = unpackGuest(writePackage());

  expect(folder).toBe(join(cache, 'package-guest/k1'));
  expect(readFileSync(unpacked('vmlinux'), 'utf8')).toBe('the kernel');
  expect(readFileSync(unpacked('images/busybox/index.json'), 'utf8')).toBe('{}');
  expect(readdirSync(join(cache, 'package-guest'))).toEqual(['k1']);
});

test('what is there already is taken as it is', () => {
  const guest = writePackage();
  unpackGuest(guest);
  writeFileSync(join(root, 'build/package/guest.br'), 'no longer needed');

  expect(unpackGuest(guest)).toBe(join(cache, 'package-guest/k1'));
});

test('a file that was cut off is unpacked again', () => {
  const guest = writePackage();
  unpackGuest(guest);
  writeFileSync(unpacked('vmlinux'), 'the ker');

  unpackGuest(guest);

  expect(readFileSync(unpacked('vmlinux'), 'utf8')).toBe('the kernel');
});

test('a file that was changed is found by its hash, and unpacked again when asked', () => {
  const guest = writePackage();
  unpackGuest(guest);
  writeFileSync(unpacked('vmlinux'), 'the KERNEL');

  expect(verifyUnpacked(guest)).toEqual([unpacked('vmlinux')]);
  unpackGuest(guest, { again: true });
  expect(verifyUnpacked(guest)).toEqual([]);
});

test.each([
  ['another byte', 'The kernelthe agent{}'],
  ['too little', 'the kernelthe ag'],
  ['too much', 'the kernelthe agent{} and more'],
])('an archive with %s is refused, and nothing of it is kept', (_what, archived) => {
  const guest = writePackage(archived);

  expect(() => unpackGuest(guest)).toThrow(/guest.br of the installed package is damaged; install vivarium again/);
  expect(existsSync(join(cache, 'package-guest'))).toBe(false);
});

test('a list that is not JSON is refused', () => {
  writePackage();
  writeFileSync(join(root, 'build/package/guest.json'), '{');

  expect(() => packedGuest(root)).toThrow(/guest.json of the installed package is damaged/);
});

test.runIf(process.getuid?.() !== 0)('a cache that may not be written is named, with what to do', () => {
  const guest = writePackage();
  mkdirSync(cache);
  chmodSync(cache, 0o500);

  expect(() => unpackGuest(guest)).toThrow(/set VIVARIUM_CACHE to a folder that you may write/);
});

test('a file in the place of the cache is named, with what to do', () => {
  const guest = writePackage();
  writeFileSync(cache, '');

  expect(() => unpackGuest(guest)).toThrow(/set VIVARIUM_CACHE to a folder that you may write/);
});
