/** What disks are made of besides whole files: pieces from elsewhere, and room that nobody keeps. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExtentsBackend, memoryExtent } from '../../../src/devices/virtio/blk/extents-backend.ts';
import { NodeScratchBackend } from '../../../src/devices/virtio/blk/node-scratch-backend.ts';
import { openNodeDisk } from '../../../src/worker/node-disks.ts';
import type { DiskConfig } from '../../../src/worker/protocol.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-test-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function read(disk: { read(offset: number, target: Uint8Array): unknown }, offset: number, length: number): string {
  const target = new Uint8Array(length).fill(0xff);
  void disk.read(offset, target);
  return Buffer.from(target).toString('latin1').replaceAll('\0', '.');
}

describe('a disk of pieces', () => {
  const piece = (offset: number, text: string) => memoryExtent(offset, Buffer.from(text));
  const disk = (): ExtentsBackend =>
    new ExtentsBackend({
      byteCount: 1024,
      id: 'pieces',
      extents: [piece(6, 'def'), piece(2, 'abcd'), piece(1020, 'wxyz')],
    });

  test('reads from them, and zeroes between them', () => {
    expect(read(disk(), 0, 12)).toBe('..abcddef...');
    expect(read(disk(), 1018, 6)).toBe('..wxyz');
    expect(read(disk(), 100, 3)).toBe('...');
  });

  test('reads any range as a whole read has it', () => {
    const whole = read(disk(), 0, 16);
    const ranges = Array.from({ length: 16 * 16 }, (_, index) => [index >> 4, index & 15] as const).filter(
      ([offset, length]) => offset + length <= 16,
    );

    expect(ranges.map(([offset, length]) => read(disk(), offset, length))).toEqual(
      ranges.map(([offset, length]) => whole.slice(offset, offset + length)),
    );
  });

  test('whose pieces overlap or do not fit is a mistake of ours', () => {
    const make = (...extents: ReturnType<typeof piece>[]) => new ExtentsBackend({ byteCount: 512, id: 'x', extents });

    expect(() => make(piece(0, 'abc'), piece(2, 'x'))).toThrow(/overlap/);
    expect(() => make(piece(510, 'abc'))).toThrow(/do not fit/);
  });

  test('may be files of the host', () => {
    const path = join(folder, 'layer');
    writeFileSync(path, Buffer.alloc(1024, 'f'));
    const config: DiskConfig = {
      kind: 'extents',
      serial: 'image-1',
      byteCount: 4096,
      extents: [
        { offset: 0, bytes: Buffer.from('head') },
        { offset: 1024, path },
      ],
    };

    const opened = openNodeDisk(config);

    expect([opened.id, opened.readOnly, opened.byteCount]).toEqual(['image-1', true, 4096]);
    expect([read(opened, 0, 6), read(opened, 1022, 4), read(opened, 2046, 4)]).toEqual(['head..', '..ff', 'ff..']);
    opened.close!();
  });

  test('whose file is not there is refused', () => {
    const extents = [{ offset: 0, path: join(folder, 'none') }];

    expect(() => openNodeDisk({ kind: 'extents', serial: 'x', byteCount: 512, extents })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
  });
});

describe('a disk that nobody keeps', () => {
  const make = (): NodeScratchBackend =>
    new NodeScratchBackend({
      folder: join(folder, 'scratch'),
      byteCount: 2 ** 40,
      id: 'disk-1',
      parts: [{ offset: 1024, bytes: Buffer.from('super') }],
    });

  test('has what it was given, zeroes, and what is written', () => {
    const disk = make();
    disk.write(2 ** 39, Buffer.from('far away'));

    expect([read(disk, 1023, 7), read(disk, 2 ** 39, 8), read(disk, 2 ** 40 - 2, 2)]).toEqual([
      '.super.',
      'far away',
      '..',
    ]);
    disk.close();
  });

  test('has no name and takes no more room than is written to', () => {
    const disk = make();

    expect(readdirSync(join(folder, 'scratch'))).toEqual([]);
    expect(statSync(join(folder, 'scratch')).mode & 0o777).toBe(0o700);
    disk.close();
  });

  test('where nothing can be written is refused', () => {
    writeFileSync(join(folder, 'scratch'), '');

    expect(make).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND', message: expect.stringMatching(/^can't make a disk in/) }),
    );
  });
});
