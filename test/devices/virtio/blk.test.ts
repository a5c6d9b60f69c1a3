import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryBlockBackend, type BlockBackend } from '../../../src/devices/virtio/blk/backend.ts';
import { VirtioBlk } from '../../../src/devices/virtio/blk/device.ts';
import { NodeFileBlockBackend } from '../../../src/devices/virtio/blk/node-file-backend.ts';
import { PciBench, STATUS, VirtioDriver } from '../../support/virtio-driver.ts';

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;
const WRITE_ZEROES = 13;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

function header(type: number, sector: bigint | number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setBigUint64(8, BigInt(sector), true);
  return bytes;
}

function rangeSegment(sector: number, count: number, flags = 0): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(sector), true);
  view.setUint32(8, count, true);
  view.setUint32(12, flags, true);
  return bytes;
}

/** Sectors filled with their own number. */
function numberedDisk(sectors: number): Uint8Array {
  return Uint8Array.from({ length: sectors * 512 }, (_, i) => Math.floor(i / 512));
}

function started(backend: BlockBackend): { pci: PciBench; device: VirtioBlk; driver: VirtioDriver } {
  const pci = new PciBench();
  const device = new VirtioBlk(backend);
  pci.plug(device, 1);
  return { pci, device, driver: new VirtioDriver(pci).start() };
}

describe('VirtioBlk configuration', () => {
  it('tells capacity, limits and features', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    expect([driver.config(0, 4), driver.config(8, 4), driver.config(12, 4), driver.config(20, 4)]).toEqual([
      8, 131072, 126, 512,
    ]);
    expect(driver.offeredFeatures & 0xffffffn).toBe(
      (1n << 1n) | (1n << 2n) | (1n << 6n) | (1n << 9n) | (1n << 13n) | (1n << 14n),
    );
  });

  it('offers RO and nothing that writes for a read-only disk', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(1), { readOnly: true }));
    expect(driver.offeredFeatures & 0xffffffn).toBe((1n << 1n) | (1n << 2n) | (1n << 5n) | (1n << 6n) | (1n << 9n));
  });
});

describe('VirtioBlk requests', () => {
  it('reads sectors', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    const answer = driver.request(0, [header(IN, 3)], [512, 512, 1]);
    expect([answer[0], answer[512], answer[1024], answer.length]).toEqual([3, 4, OK, 1025]);
  });

  it('writes sectors, whatever the split of the buffers', () => {
    const disk = numberedDisk(8);
    const { driver } = started(new MemoryBlockBackend(disk));
    const data = new Uint8Array(512).fill(0x77);
    const answer = driver.request(
      0,
      [header(OUT, 2).subarray(0, 7), header(OUT, 2).subarray(7), data.subarray(0, 100), data.subarray(100)],
      [1],
    );
    expect([...answer]).toEqual([OK]);
    expect([disk[1023], disk[1024], disk[1535], disk[1536]]).toEqual([1, 0x77, 0x77, 3]);
  });

  it('flushes', () => {
    let flushes = 0;
    const backend = new MemoryBlockBackend(numberedDisk(1));
    backend.flush = () => void flushes++;
    const { driver } = started(backend);
    expect([...driver.request(0, [header(FLUSH, 0)], [1])]).toEqual([OK]);
    expect(flushes).toBe(1);
  });

  it('tells its serial number', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(1), { id: 'layer0' }));
    const answer = driver.request(0, [header(GET_ID, 0)], [20, 1]);
    expect(new TextDecoder().decode(answer.subarray(0, 6))).toBe('layer0');
    expect([answer[6], answer[20]]).toEqual([0, OK]);
  });

  it('discards and writes zeroes', () => {
    const disk = numberedDisk(8);
    const { driver } = started(new MemoryBlockBackend(disk));
    expect([...driver.request(0, [header(DISCARD, 0), rangeSegment(1, 1)], [1])]).toEqual([OK]);
    expect([...driver.request(0, [header(WRITE_ZEROES, 0), rangeSegment(3, 2, 1), rangeSegment(6, 1)], [1])]).toEqual([
      OK,
    ]);
    expect(Array.from({ length: 8 }, (_, sector) => disk[sector * 512])).toEqual([0, 0, 2, 0, 0, 5, 0, 7]);
  });

  it('completes out of order when the back end does', async () => {
    const pending: (() => void)[] = [];
    const backend = new MemoryBlockBackend(numberedDisk(8));
    const slow: BlockBackend = {
      byteCount: backend.byteCount,
      readOnly: false,
      id: 'slow',
      read: (offset, target) =>
        new Promise((resolve) => {
          pending.push(() => {
            backend.read(offset, target);
            resolve();
          });
        }),
      write: () => {},
      flush: () => {},
    };
    const { device, driver } = started(slow);
    const first = driver.submit(0, [header(IN, 1)], [512, 1]);
    const second = driver.submit(0, [header(IN, 2)], [512, 1]);
    pending[1]!();
    await Promise.resolve().then(() => new Promise((resolve) => setImmediate(resolve)));
    const early = driver.queues[0]!.take();
    pending[0]!();
    await device.quiesce();
    const late = driver.queues[0]!.take();
    expect([early[0]!.head, late[0]!.head]).toEqual([second.head, first.head]);
    expect(driver.collect(second.room, 513)[0]).toBe(2);
    expect(driver.collect(first.room, 513)[0]).toBe(1);
  });

  it('leaves memory alone when a request ends after a reset', async () => {
    let finish = (): void => {};
    const backend: BlockBackend = {
      byteCount: 512,
      readOnly: false,
      id: 'slow',
      read: (_offset, target) =>
        new Promise((resolve) => {
          finish = () => {
            target.fill(0xee);
            resolve();
          };
        }),
      write: () => {},
      flush: () => {},
    };
    const { pci, device, driver } = started(backend);
    const { room } = driver.submit(0, [header(IN, 0)], [512, 1]);
    driver.start();
    finish();
    await device.quiesce();
    expect(pci.memory.read8(room[0]!.address)).toBe(0);
    expect(driver.queues[0]!.take()).toEqual([]);
  });
});

describe('VirtioBlk errors', () => {
  it('answers IOERR past the end of the disk', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    const past = driver.submit(0, [header(IN, 8)], [512, 1]);
    expect(driver.collect(past.room, 513)[512]).toBe(IOERR);
    const { room } = driver.submit(0, [header(IN, 0xffff_ffff_ffff_ffffn)], [512, 1]);
    expect(driver.collect(room, 513)[512]).toBe(IOERR);
  });

  it('answers IOERR for half a sector', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    expect([...driver.request(0, [header(OUT, 0), new Uint8Array(100)], [1])]).toEqual([IOERR]);
  });

  it('answers IOERR for a write to a read-only disk and leaves it as it was', () => {
    const disk = numberedDisk(2);
    const { driver } = started(new MemoryBlockBackend(disk, { readOnly: true }));
    expect([...driver.request(0, [header(OUT, 1), new Uint8Array(512)], [1])]).toEqual([IOERR]);
    expect(disk[512]).toBe(1);
  });

  it('answers IOERR when the back end fails, at once or later', async () => {
    const backend: BlockBackend = {
      byteCount: 512,
      readOnly: false,
      id: 'bad',
      read: () => {
        throw new Error('bad sector');
      },
      write: () => Promise.reject(new Error('bad sector')),
      flush: () => {},
    };
    const { device, driver } = started(backend);
    const read = driver.submit(0, [header(IN, 0)], [512, 1]);
    const written = driver.submit(0, [header(OUT, 0), new Uint8Array(512)], [1]);
    await device.quiesce();
    expect(driver.collect(read.room, 513)[512]).toBe(IOERR);
    expect(driver.collect(written.room, 1)[0]).toBe(IOERR);
  });

  it('answers UNSUPP for an unknown request or a reserved flag', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    expect([...driver.request(0, [header(99, 0)], [1])]).toEqual([UNSUPP]);
    expect([...driver.request(0, [header(DISCARD, 0), rangeSegment(0, 1, 1)], [1])]).toEqual([UNSUPP]);
  });

  it('answers IOERR for a discard past the end', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(8)));
    expect([...driver.request(0, [header(DISCARD, 0), rangeSegment(7, 2)], [1])]).toEqual([IOERR]);
  });

  it('answers IOERR for a request above 16 MiB', () => {
    const { pci, driver } = started(new MemoryBlockBackend(numberedDisk(1)));
    const queue = driver.queues[0]!;
    const status = pci.allocate(1);
    const big = Array.from({ length: 40 }, () => ({ address: 0, length: 1024 * 1024 }));
    queue.offer(
      queue.chain([
        { address: pci.place(header(OUT, 0)), length: 16 },
        ...big,
        { address: status, length: 1, writable: true },
      ]),
    );
    driver.notify(0);
    expect(pci.memory.read8(status)).toBe(IOERR);
  });

  it('needs a reset after a request without header or status', () => {
    const { driver } = started(new MemoryBlockBackend(numberedDisk(1)));
    driver.submit(0, [new Uint8Array(4)], [1]);
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
  });
});

describe('NodeFileBlockBackend', () => {
  const folder = mkdtempSync(join(tmpdir(), 'blk-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('reads and writes a file, and refuses one that is no whole number of sectors', () => {
    const path = join(folder, 'disk.img');
    writeFileSync(path, numberedDisk(4));
    const backend = new NodeFileBlockBackend(path);
    const { driver } = started(backend);
    expect(driver.request(0, [header(IN, 3)], [512, 1])[0]).toBe(3);
    driver.request(0, [header(OUT, 0), new Uint8Array(512).fill(9)], [1]);
    backend.close();
    expect([...readFileSync(path).subarray(511, 513)]).toEqual([9, 1]);
    writeFileSync(path, new Uint8Array(100));
    expect(() => new NodeFileBlockBackend(path)).toThrow(/multiple of 512/);
    expect(() => new NodeFileBlockBackend(join(folder, 'none'))).toThrow(/cannot open disk/);
  });
});
