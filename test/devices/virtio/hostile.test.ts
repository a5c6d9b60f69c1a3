import { describe, expect, it } from 'vitest';
import { MemoryBlockBackend } from '../../../src/devices/virtio/blk/backend.ts';
import { VirtioBlk } from '../../../src/devices/virtio/blk/device.ts';
import { VirtioConsole } from '../../../src/devices/virtio/console/device.ts';
import type { VirtioDevice } from '../../../src/devices/virtio/device.ts';
import { VirtioP9 } from '../../../src/devices/virtio/p9/device.ts';
import { TreeFs } from '../../../src/devices/virtio/p9/tree-fs.ts';
import { VirtioRng } from '../../../src/devices/virtio/rng/device.ts';
import { PciBench, STATUS, VirtioDriver, type TestQueue } from '../../support/virtio-driver.ts';
import { ManualClock, seededRandom } from '../support.ts';

const ROUNDS = 400;
type Random = (limit: number) => number;

/** Random descriptors that are often nearly right: small areas, short chains, some garbage addresses and flags. */
function scribble(bench: PciBench, queue: TestQueue, random: Random): void {
  const area = 0x80000;
  Array.from({ length: 8 }, (_, index) => {
    const wild = random(12) === 0;
    const address = wild ? random(0xffffffff) : area + (random(2) === 0 ? 0 : random(0x1000));
    const length = wild ? random(0xffffffff) : [0, 1, 7, 16, 23, 512, 1024][random(7)]!;
    queue.describe(
      index,
      address,
      length,
      random(20) === 0 ? random(8) : random(3),
      random(random(10) === 0 ? 0xffff : 8),
    );
  });
  // Passes for a 9P message, a block request or a control message, as often as not.
  bench.memory.write(
    area,
    Uint8Array.from({ length: 64 }, () => (random(2) === 0 ? random(4) : random(256))),
  );
  bench.memory.write32(area, random(3) === 0 ? random(24) : 16);
  Array.from({ length: 1 + random(3) }, () => queue.offer(random(random(15) === 0 ? 0xffff : 8)));
}

const DEVICES: [string, () => VirtioDevice][] = [
  ['entropy', () => new VirtioRng((target) => target.fill(1))],
  ['block', () => new VirtioBlk(new MemoryBlockBackend(new Uint8Array(64 * 512)))],
  [
    'console',
    () =>
      new VirtioConsole({
        ports: [
          { console: true, output: () => {} },
          { name: 'p', output: () => {} },
        ],
      }),
  ],
  [
    '9P',
    () => new VirtioP9({ tag: 't', fileSystem: new TreeFs({ clock: new ManualClock(), memoryLimitBytes: 1 << 20 }) }),
  ],
];

describe.each(DEVICES)('a virtio %s device', (_name, make) => {
  it('outlives random rings and registers, and works again after a reset', () => {
    const bench = new PciBench();
    const pciFunction = bench.plug(make(), 1);
    const driver = new VirtioDriver(bench);
    const random = seededRandom(2024);
    const queueCount = driver.common(0x12, 2);
    driver.start({ queueSize: 8 });
    Array.from({ length: ROUNDS }, () => {
      const index = random(queueCount);
      scribble(bench, driver.queues[index]!, random);
      bench.mmio.write(
        bench.configRead(1, 0x10, 4) + random(0x38),
        [1, 2, 4][random(3)] as 1 | 2 | 4,
        random(40) === 0 ? random(0xffffffff) : 0xff,
      );
      driver.notify(index);
    });
    expect(pciFunction.transport.faults.count).toBeGreaterThan(0);
    driver.start();
    expect(driver.status).toBe(STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK);
  });

  it('outlives random rings, one fresh driver each', () => {
    const bench = new PciBench();
    const pciFunction = bench.plug(make(), 1);
    const driver = new VirtioDriver(bench);
    const random = seededRandom(77);
    driver.start({ queueSize: 8 });
    const { queues } = driver;
    const answered = Array.from({ length: ROUNDS }, () => {
      driver.status = 0;
      driver.status = STATUS.ACKNOWLEDGE;
      driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
      driver.acceptFeatures(driver.offeredFeatures);
      driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
      queues.forEach((queue, index) => {
        queue.clear();
        driver.setCommon(0x16, 2, index);
        driver.setCommon(0x18, 2, 8);
        driver.setQueueAddresses(queue.descriptors, queue.avail, queue.used);
        driver.setCommon(0x1c, 2, 1);
      });
      driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK;
      const index = random(queues.length);
      scribble(bench, queues[index]!, random);
      driver.notify(index);
      return queues[index]!.take().length;
    });
    expect(answered.some((count) => count > 0)).toBe(true);
    expect(pciFunction.transport.faults.count).toBeGreaterThan(10);
  });
});
