/** The empty ext4 file system, judged by e2fsck and debugfs. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ext4Entry, EXT4_BYTES_MIN, makeExt4 } from '../../../src/oci/disk/ext4.ts';
import type { DiskPart } from '../../../src/oci/disk/parts.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const UUID = Uint8Array.from({ length: 16 }, (_, index) => 16 * index + 1);
const ATTRIBUTES = { mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
  path = join(folder, 'disk');
});
afterEach(() => rmSync(folder, { recursive: true }));

function putOnDisk(byteCount: number, parts: readonly DiskPart[]): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, byteCount);
  for (const { offset, bytes } of parts) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

function make(byteCount: number, options: { journal?: boolean; entries?: Ext4Entry[] } = {}): DiskPart[] {
  const parts = makeExt4({ byteCount, uuid: UUID, journal: false, entries: [], ...options });
  putOnDisk(byteCount, parts);
  return parts;
}

/** Throws when there is anything to correct. */
function check(): string {
  return execFileSync('e2fsck', ['-f', '-n', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function debugfs(request: string): string {
  return execFileSync('debugfs', ['-R', request, path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

describe('an empty file system', () => {
  test.each([
    ['the least', EXT4_BYTES_MIN],
    ['a size that is no multiple of anything', 50 * MIB + 4097],
    ['exactly a group', 128 * MIB],
    ['a group and less than its tables', 128 * MIB + 2 * MIB],
    ['a group and a bit more than its tables', 128 * MIB + 4 * MIB],
    ['many groups', 10 * GIB],
    ['more groups than a block of descriptors has', 40 * GIB],
    ['more groups than get bitmaps', 160 * GIB],
  ])('of %s is sound, with and without a journal', (_, byteCount) => {
    make(byteCount);
    const plain = check();
    make(byteCount, { journal: true });
    const journalled = check();

    expect([plain, journalled]).toEqual([expect.stringContaining('11/'), expect.stringContaining('11/')]);
  });

  test('has nearly all of the disk free, and little was written', () => {
    const parts = make(10 * GIB);

    const [, free] = /Free blocks:\s+(\d+)/.exec(debugfs('stats'))!;

    expect(Number(free) * 4096).toBeGreaterThan(0.98 * 10 * GIB);
    expect(parts.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(512 * 1024);
  });

  test('has block bitmaps, which the kernel would make at each mount, but not for all groups of a huge disk', () => {
    const uninitialised = (byteCount: number): number => {
      make(byteCount);
      return (debugfs('stats').match(/Block not init/g) ?? []).length;
    };

    expect([uninitialised(10 * GIB), uninitialised(160 * GIB)]).toEqual([0, 160 * 8 - 1024 - 1]);
  });

  test('has what it was given', () => {
    make(64 * MIB, {
      journal: true,
      entries: [
        { name: 'upper', attributes: { mode: 0o1711, uid: 70_000, gid: 80_000, mtimeNs: 5_000_000_006n } },
        {
          name: 'hosts',
          attributes: { ...ATTRIBUTES, mode: 0o644 },
          content: new TextEncoder().encode('127.0.0.1 x\n'),
        },
        { name: 'empty', attributes: ATTRIBUTES, content: new Uint8Array(0) },
      ],
    });

    expect(check()).toContain('14/');
    expect(debugfs('stat upper')).toMatch(/Mode:\s+01711[^]*User: 70000\s+Group: 80000[^]*mtime: 0x00000005:00000018/);
    expect(debugfs('cat hosts')).toBe('127.0.0.1 x\n');
    expect(debugfs('ls -p /').match(/\/([^/]+)\/(?=\d*\/\n)/g)).toEqual([
      '/./',
      '/../',
      '/lost+found/',
      '/upper/',
      '/hosts/',
      '/empty/',
    ]);
  });

  test('keeps times before 1970 and after 2038', () => {
    make(64 * MIB, {
      entries: [
        { name: 'old', attributes: { ...ATTRIBUTES, mtimeNs: -1_000_000_000n } },
        { name: 'new', attributes: { ...ATTRIBUTES, mtimeNs: 5_000_000_000_000_000_000n } },
      ],
    });

    expect([debugfs('stat old'), debugfs('stat new')]).toEqual([
      expect.stringMatching(/mtime: .*1969/),
      expect.stringMatching(/mtime: .*2128/),
    ]);
  });

  test('is the same for the same UUID', () => {
    expect(make(1 * GIB)).toEqual(make(1 * GIB));
  });

  test.each([0, EXT4_BYTES_MIN - 1, 2 ** 44, NaN])('of %d bytes is refused', (byteCount) => {
    expect(() => makeExt4({ byteCount, uuid: UUID, journal: false, entries: [] })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(/choose between 8 MiB and 16 TiB/) }),
    );
  });
});
