/** The scripts of npm pack on a guest of a few small files; the other side is src/cli/packed-guest.ts. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { checkDependencies, checkPromises } from '../../scripts/lib/pack-checks.mjs';
import { packGuest } from '../../scripts/lib/pack-guest.mjs';
import { packedGuest, unpackGuest, verifyUnpacked } from '../../src/cli/packed-guest.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-pack-'));
  vi.stubEnv('VIVARIUM_CACHE', join(folder, 'cache'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test('what is packed comes out as it was', () => {
  mkdirSync(join(folder, 'busybox/blobs'), { recursive: true });
  mkdirSync(join(folder, 'build/package'), { recursive: true });
  writeFileSync(join(folder, 'vmlinux'), 'the kernel');
  writeFileSync(join(folder, 'initramfs.cpio'), 'the agent');
  writeFileSync(join(folder, 'busybox/index.json'), '{}');
  writeFileSync(join(folder, 'busybox/blobs/layer'), 'a layer');
  const at = (name: string): string => join(folder, name);

  const { list, archive } = packGuest(
    { kernel: at('vmlinux'), initramfs: at('initramfs.cpio'), images: { busybox: at('busybox') } },
    { kernelVersion: '6.1' },
  );
  writeFileSync(at('build/package/guest.json'), JSON.stringify(list));
  writeFileSync(join(folder, 'build/package', list.archive), archive);
  const packed = packedGuest(folder)!;
  const unpacked = unpackGuest(packed);

  expect(readFileSync(join(unpacked, packed.kernel), 'utf8')).toBe('the kernel');
  expect(readFileSync(join(unpacked, packed.initramfs), 'utf8')).toBe('the agent');
  expect(readFileSync(join(unpacked, packed.images['busybox']!, 'blobs/layer'), 'utf8')).toBe('a layer');
  expect([packed.kernelVersion, verifyUnpacked(packed)]).toEqual(['6.1', []]);
});

test('a part that is not built is named, and nothing is packed', () => {
  const none = join(folder, 'none');

  expect(() => packGuest({ kernel: none, initramfs: none, images: {} }, {})).toThrow(
    /none is not there, .* npm run build/,
  );
});

test('what package.json promises must be there', () => {
  const manifest = {
    files: ['bin', 'dist/bundle'],
    bin: { viv: 'bin/viv.mjs' },
    exports: { '.': { types: 'a.d.ts' } },
  };

  expect(() => checkPromises(manifest, () => true)).not.toThrow();
  expect(() => checkPromises(manifest, (path) => path === 'bin')).toThrow(
    /nothing is packed: dist\/bundle, bin\/viv.mjs, a.d.ts;/,
  );
});

test('a package that would come along when ours is installed is refused', () => {
  expect(() => checkDependencies({})).not.toThrow();
  expect(() => checkDependencies({ dependencies: { left: '1.0.0' } })).toThrow(/list left under devDependencies/);
});
