/** Snapshot files: what goes in comes out, and whatever else is in a file is refused with BAD_STATE. */
import { describe, expect, test } from 'vitest';
import { crc32 } from '../../../src/util/crc.ts';
import { BLOCK_PAGES, PAGE_BYTES } from '../../../src/machine/snapshot-file/format.ts';
import { memorySource, SnapshotFile } from '../../../src/machine/snapshot-file/read.ts';
import { VivariumError } from '../../../src/util/errors.ts';
import type { MachineSnapshot } from '../../../src/machine/snapshot.ts';
import { fileOf, forge, IDENTITY, memory, page, RAM_BYTES, snapshotOf, type Parts } from '../../support/snapshots.ts';

const open = (file: Uint8Array): Promise<SnapshotFile> => SnapshotFile.open(memorySource(file));

/** Reads all of a file. */
async function readAll(file: Uint8Array, ram = memory()) {
  const opened = await open(file);
  opened.checkIdentity(IDENTITY);
  await opened.loadRam(ram);
  return { header: opened.header, cpu: await opened.cpu(), devices: await opened.devices(), ram: ram.bytes };
}

function ramOf({ ram: { numbers, bytes } }: MachineSnapshot): Uint8Array {
  const ram = new Uint8Array(RAM_BYTES);
  numbers.forEach((number, index) =>
    ram.set(bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES), number * PAGE_BYTES),
  );
  return ram;
}

/** Scattered and adjacent pages, equal ones near and far, and more than a block of different ones. */
const mixed = (): MachineSnapshot =>
  snapshotOf(
    new Map([
      [1, page(1)],
      [2, page(2)],
      [3, page(2)],
      [4, page(2)],
      [9, page(1)],
      [10, page(2)],
      [11, page(3)],
      ...Array.from({ length: BLOCK_PAGES + 50 }, (_, index) => [100 + index, page(1000 + index)] as const),
      [RAM_BYTES / PAGE_BYTES - 1, page(1)],
    ]),
  );
const small = (): MachineSnapshot =>
  snapshotOf(new Map([1, 2, 2, 3].map((seed, index) => [index * 2 + (index & 1), page(seed)])));

describe('a whole file', () => {
  test.each([false, true])('gives back what was saved (compressed: %s)', async (compress) => {
    const snapshot = mixed();

    const read = await readAll(await fileOf(snapshot, { compress }));

    expect(read.cpu).toEqual(snapshot.cpu);
    expect(read.devices).toEqual(snapshot.devices);
    expect(Buffer.compare(read.ram, ramOf(snapshot))).toBe(0);
    expect(read.header).toMatchObject({ nowNs: 1.5e9, bootUnixMs: 1_700_000_000_000, parent: null });
  });

  test('of a machine that holds nothing', async () => {
    const { ram } = await readAll(await fileOf(snapshotOf(new Map())));

    expect(ram.every((byte) => byte === 0)).toBe(true);
  });

  test('stores equal pages once', async () => {
    const different = new Map([10, 11, 12, 13].map((number) => [number, page(number)]));
    const equal = new Map([10, 11, 12, 13].map((number) => [number, page(1)]));

    const saved = (await fileOf(snapshotOf(different))).length - (await fileOf(snapshotOf(equal))).length;

    expect(saved).toBeGreaterThan(2.9 * PAGE_BYTES);
  });

  test('is smaller when it is compressed', async () => {
    const snapshot = snapshotOf(new Map([[1, new Uint8Array(PAGE_BYTES).fill(7)]]));

    const [raw, compressed] = [await fileOf(snapshot), await fileOf(snapshot, { compress: true })];

    expect(raw.length - compressed.length).toBeGreaterThan(0.9 * PAGE_BYTES);
  });

  test('that is of another kernel is refused by name', async () => {
    const file = await open(await fileOf(small()));

    expect(() => file.checkIdentity({ ...IDENTITY, kernel: 'other' })).toThrow('the snapshot is of another kernel');
    expect(() => file.checkIdentity({ ...IDENTITY, agent: 'new' })).toThrow('the snapshot is of another agent');
    expect(() => file.checkIdentity({ kernel: 'abc' })).toThrow('the snapshot is of another core');
  });
});

describe('a damaged file', () => {
  /** All of what describes the rest, and some of that. */
  const places = (file: Uint8Array): number[] =>
    [...file.keys()].filter((at) => at < 1000 || at > file.length - 100 || at % 11 === 0);

  /** What reading all the variants of a file that `vary` makes gives: BAD_STATE, other errors, or 'accepted'. */
  async function outcomes(places: Iterable<number>, vary: (at: number) => Uint8Array): Promise<string[]> {
    const ram = memory();
    const seen = new Set<string>();
    for (const at of places) {
      seen.add(
        await readAll(vary(at), ram).then(
          () => `accepted at ${at}`,
          (error: unknown) => (error instanceof VivariumError ? error.code : String(error)),
        ),
      );
    }
    return [...seen];
  }

  test('with any byte changed is refused', async () => {
    const file = await fileOf(small());

    const seen = await outcomes(places(file), (at) => {
      const damaged = file.slice();
      damaged[at]! ^= 1 << (at % 8);
      return damaged;
    });

    expect(seen).toEqual(['BAD_STATE']);
  });

  test('cut off anywhere is refused', async () => {
    const file = await fileOf(small());

    const seen = await outcomes(places(file), (at) => file.subarray(0, at));

    expect(seen).toEqual(['BAD_STATE']);
  });

  test('that goes on after its end is refused', async () => {
    await expect(open(Buffer.concat([await fileOf(small()), Buffer.of(0)]))).rejects.toThrow('longer than it says');
  });

  test('that is something else is called so', async () => {
    await expect(open(new TextEncoder().encode('#!/bin/sh\n'.repeat(20)))).rejects.toThrow(
      'the file is no snapshot of a machine',
    );
  });
});

const header = (change: Record<string, unknown>) => (parts: Parts) => void Object.assign(parts.header, change);
/** Runs as the file has them: page, count with flag, stored page. */
const runs =
  (...words: number[]) =>
  ({ sections }: Parts): void => {
    sections.runs = new Uint8Array(Uint32Array.from(words).buffer);
  };
const devices =
  (text: string) =>
  ({ sections }: Parts): void => {
    sections.devices = new TextEncoder().encode(text);
  };
/** The first block's encoding, length or checksum. */
const block =
  (field: 0 | 1 | 2, value: number) =>
  ({ sections }: Parts): void =>
    new DataView(sections.blocks.buffer).setUint32(4 * field, value, true);

describe('a file with right checksums and wrong content', () => {
  test.each<[string, (parts: Parts) => void, string]>([
    ['a difference', header({ parent: '0'.repeat(32) }), 'is a difference to snapshot 0000'],
    ['a parent that is none', header({ parent: 7 }), 'no name of a snapshot'],
    ['no id', header({ id: 'x' }), 'no name of a snapshot'],
    ['no identity', header({ identity: { kernel: 1 } }), 'does not say what machine'],
    ['too much memory', header({ ramBytes: 2 ** 40 }), 'has no memory size'],
    ['half a page of memory', header({ ramBytes: 2048 }), 'has no memory size'],
    ['a time that is none', header({ nowNs: -1 }), 'has no time'],
    ['more pages than memory', header({ storedPages: RAM_BYTES / PAGE_BYTES + 1 }), 'counts too many pages'],
    ['pages that are not there', header({ storedPages: 300 }), 'section "blocks" can\'t have that length'],
    ['no sections', header({ sections: null }), 'has no sections'],
    ['a section that is none', header({ sections: { cpu: 1 } }), 'lacks a section'],
    ['a short CPU block', ({ sections }) => void (sections.cpu = sections.cpu.slice(1)), 'CPU state is cut off'],
    ['a long CPU block', ({ sections }) => void (sections.cpu = new Uint8Array(9000)), 'a part of it is too long'],
    ['half a run', ({ sections }) => void (sections.runs = new Uint8Array(6)), 'section "runs" can\'t have'],
    ['runs that overlap', runs(5, 2, 0, 6, 1, 0), 'pages are out of order'],
    ['runs that go back', runs(5, 1, 0, 4, 1, 0), 'pages are out of order'],
    ['an empty run', runs(5, 0, 0), 'pages are out of order'],
    ['a run beyond the memory', runs(RAM_BYTES / PAGE_BYTES - 1, 2, 0), 'pages are out of order'],
    ['a run without end', runs(0, 0x7fffffff, 0), 'pages are out of order'],
    ['a run of zeroes', runs(0, 1, 0xffffffff), 'names pages as zero'],
    ['a run beyond what is stored', runs(0, 2, 2), 'names pages that it does not have'],
    ['a repeated page beyond what is stored', runs(0, 0x80000002, 3), 'names pages that it does not have'],
    ['devices that are a list', devices('[]'), 'device states are not there'],
    ['devices that are no JSON', devices('{'), "device states can't be read"],
    ['devices that are no text', ({ sections }) => void (sections.devices = Buffer.of(0xff)), "can't be read"],
    ['devices of endless depth', devices('['.repeat(1e6) + ']'.repeat(1e6)), ''],
    ['bytes that are none', devices('{"rtc":{"x":{"$bytes":"*"}}}'), "can't be read"],
    ['a number that is none', devices('{"rtc":{"x":{"$bigint":"x"}}}'), "can't be read"],
    ['a block of another kind', block(0, 2), 'a block has an unknown encoding'],
    ['a block that is longer', block(1, 1 << 30), 'a block is too long'],
    ['a block that is shorter', block(1, 4096), 'a block is too short'],
    ['a deflated block that is none', block(0, 1), "can't be inflated"],
  ])('%s is refused', async (_, change, why) => {
    const file = forge(await fileOf(small()), change);

    await expect(readAll(file)).rejects.toMatchObject({ code: 'BAD_STATE', message: expect.stringContaining(why) });
  });

  test.each([
    ['more', 1, 'inflates to less'],
    ['less', -1, 'inflates to more'],
  ])('a block that claims %s pages than it inflates to is refused', async (_, by, why) => {
    const zeroes = new Map([1, 2, 3].map((number) => [number, page(number).fill(number)]));
    const file = forge(await fileOf(snapshotOf(zeroes), { compress: true }), (parts) => {
      parts.header['storedPages'] = 3 + by;
      runs(0, 1, 0)(parts);
    });

    await expect(readAll(file)).rejects.toMatchObject({ code: 'BAD_STATE', message: expect.stringContaining(why) });
  });

  test('of a later version is called so', async () => {
    const file = await fileOf(small());
    const view = new DataView(file.buffer);
    view.setUint32(8, 2, true);
    view.setUint32(20, crc32(file.subarray(0, 20)), true);

    await expect(open(file)).rejects.toThrow('has version 2, but this build reads 1');
  });

  test('a name that means something to JavaScript changes nothing', async () => {
    const file = await open(forge(await fileOf(small()), devices('{"__proto__":{"polluted":true},"rtc":{}}')));

    await file.devices();

    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
