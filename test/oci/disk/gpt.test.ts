/** Partition tables, judged by sfdisk. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { partitionDisk, PARTITIONS_MAX } from '../../../src/oci/disk/gpt.ts';

const GUID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
  path = join(folder, 'disk');
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Listed {
  partitiontable: {
    label: string;
    id: string;
    partitions: { start: number; size: number; type: string; uuid: string }[];
  };
}

/** Puts tables for these sizes on a disk; gives where they are and what sfdisk sees. */
function make(sizes: number[]): { offsets: readonly number[]; listed: Listed['partitiontable']; verdict: string } {
  const { byteCount, offsets, parts } = partitionDisk(sizes, GUID);
  const file = openSync(path, 'w');
  ftruncateSync(file, byteCount);
  for (const { offset, bytes } of parts) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  const sfdisk = (option: string): string => execFileSync('sfdisk', [option, path], { encoding: 'utf8' });
  return { offsets, listed: (JSON.parse(sfdisk('--json')) as Listed).partitiontable, verdict: sfdisk('--verify') };
}

describe('a partition table', () => {
  test('says where each partition is', () => {
    const { offsets, listed, verdict } = make([4096, 512, 8192 + 512]);

    expect(verdict).toContain('No errors detected');
    expect(listed).toMatchObject({ label: 'gpt', id: '04030201-0605-0807-090A-0B0C0D0E0F10' });
    expect(listed.partitions.map(({ start, size }) => [start * 512, size * 512])).toEqual([
      [offsets[0], 4096],
      [offsets[1], 512],
      [offsets[2], 8704],
    ]);
    expect(offsets.map((offset) => offset % 4096)).toEqual([0, 0, 0]);
    expect(new Set(listed.partitions.map(({ uuid }) => uuid)).size).toBe(3);
  });

  test('may be full', () => {
    const { listed, verdict } = make(new Array<number>(PARTITIONS_MAX).fill(1536));

    expect([listed.partitions.length, verdict]).toEqual([
      PARTITIONS_MAX,
      expect.stringContaining('No errors detected'),
    ]);
  });

  test('with more partitions than it has room for is a mistake of ours', () => {
    expect(() => partitionDisk(new Array<number>(PARTITIONS_MAX + 1).fill(512), GUID)).toThrow(/1 to 128/);
  });
});
