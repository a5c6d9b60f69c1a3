import { describe, expect, it } from 'vitest';
import { VirtioRng } from '../../../src/devices/virtio/rng/device.ts';
import { COMMON, DESC, FEATURE, PciBench, STATUS, VirtioDriver } from '../../support/virtio-driver.ts';

/** An entropy device, the simplest one, filled with 0xAB. */
function bench(): { bench: PciBench; driver: VirtioDriver } {
  const pci = new PciBench();
  pci.plug(new VirtioRng((target) => target.fill(0xab)), 1);
  return { bench: pci, driver: new VirtioDriver(pci) };
}
const READY = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK | STATUS.DRIVER_OK;

describe('virtio-pci identity', () => {
  it('is a modern entropy device', () => {
    const { bench: pci } = bench();
    expect(pci.configRead(1, 0x00, 4)).toBe(0x10441af4);
    expect(pci.configRead(1, 0x08, 1)).toBe(1);
  });

  it('lists common, ISR, notification and PCI access structures', () => {
    const { driver } = bench();
    expect([...driver.structures.keys()].sort()).toEqual([1, 2, 3, 5]);
  });
});

describe('status and features', () => {
  it('offers VERSION_1, indirect descriptors and event index', () => {
    const { driver } = bench();
    expect(driver.offeredFeatures).toBe(FEATURE.VERSION_1 | FEATURE.INDIRECT | FEATURE.EVENT_IDX);
  });

  it('refuses FEATURES_OK without VERSION_1', () => {
    const { driver } = bench();
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
    driver.acceptFeatures(FEATURE.INDIRECT);
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
    expect(driver.status).toBe(STATUS.ACKNOWLEDGE | STATUS.DRIVER);
  });

  it('refuses FEATURES_OK with a feature that was not offered', () => {
    const { driver } = bench();
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
    driver.acceptFeatures(FEATURE.VERSION_1 | 1n);
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
    expect(driver.status & STATUS.FEATURES_OK).toBe(0);
  });

  it('ignores DRIVER_OK before FEATURES_OK', () => {
    const { driver } = bench();
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.DRIVER_OK;
    expect(driver.status).toBe(STATUS.ACKNOWLEDGE | STATUS.DRIVER);
  });

  it('keeps the features once they are agreed', () => {
    const { driver } = bench();
    driver.start({ features: FEATURE.VERSION_1 });
    driver.acceptFeatures(FEATURE.VERSION_1 | FEATURE.INDIRECT);
    driver.setCommon(COMMON.driverFeatureSelect, 4, 0);
    expect(driver.common(COMMON.driverFeature, 4)).toBe(0);
  });

  it('does not let a driver set DEVICE_NEEDS_RESET or clear bits', () => {
    const { driver } = bench();
    driver.start();
    driver.status = STATUS.NEEDS_RESET | STATUS.ACKNOWLEDGE;
    expect(driver.status).toBe(READY);
  });

  it('goes back to the beginning when 0 is written', () => {
    const { driver } = bench();
    driver.start();
    driver.status = 0;
    driver.setCommon(COMMON.queueSelect, 2, 0);
    expect([driver.status, driver.common(COMMON.queueEnable, 2), driver.common(COMMON.queueDesc, 4)]).toEqual([
      0, 0, 0,
    ]);
  });

  it('answers for a queue that does not exist with size 0', () => {
    const { driver } = bench();
    driver.setCommon(COMMON.queueSelect, 2, 7);
    expect(driver.common(COMMON.queueSize, 2)).toBe(0);
  });

  it('ignores accesses of another width than the field', () => {
    const { driver } = bench();
    driver.setCommon(COMMON.status, 4, STATUS.ACKNOWLEDGE);
    expect([driver.status, driver.common(COMMON.deviceFeature, 2)]).toEqual([0, 0]);
  });
});

describe('requests', () => {
  it('fill a buffer', () => {
    const { driver } = bench();
    driver.start();
    expect(driver.request(0, [], [5])).toEqual(new Uint8Array(5).fill(0xab));
  });

  it('fill a buffer behind an indirect descriptor', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    const queue = driver.queues[0]!;
    const room = [
      { address: pci.allocate(3), length: 3, writable: true },
      { address: pci.allocate(4), length: 4, writable: true },
    ];
    queue.offer(queue.indirectChain(room));
    driver.notify(0);
    expect(driver.collect(room, queue.take()[0]!.written)).toEqual(new Uint8Array(7).fill(0xab));
  });

  it('go on after the ring wraps', () => {
    const { driver } = bench();
    driver.start({ queueSize: 2 });
    const answers = Array.from({ length: 5 }, () => driver.request(0, [], [1]).length);
    expect(answers).toEqual([1, 1, 1, 1, 1]);
  });

  it('wait until the function may master the bus', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    pci.configWrite(1, 0x04, 2, 0x2);
    driver.submit(0, [], [4]);
    expect(driver.queues[0]!.take()).toEqual([]);
    pci.configWrite(1, 0x04, 2, 0x6);
    expect(driver.queues[0]!.take()).toHaveLength(1);
  });

  it('are not looked at before DRIVER_OK', () => {
    const { driver } = bench();
    driver.status = STATUS.ACKNOWLEDGE;
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
    driver.acceptFeatures(FEATURE.VERSION_1);
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
    driver.setUpQueue(0);
    driver.submit(0, [], [4]);
    expect(driver.queues[0]!.take()).toEqual([]);
  });

  it('can be notified through the PCI access capability', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    const queue = driver.queues[0]!;
    queue.offer(queue.chain([{ address: pci.allocate(1), length: 1, writable: true }]));
    const { capability } = driver.structures.get(5)!;
    pci.configWrite(1, capability + 4, 1, 0);
    pci.configWrite(1, capability + 8, 4, 0x3000);
    pci.configWrite(1, capability + 12, 4, 2);
    pci.configWrite(1, capability + 16, 2, 0);
    expect(queue.take()).toHaveLength(1);
  });

  it('can be followed through the PCI access capability', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    const { capability } = driver.structures.get(5)!;
    pci.configWrite(1, capability + 8, 4, COMMON.status);
    pci.configWrite(1, capability + 12, 4, 1);
    expect(pci.configRead(1, capability + 16, 1)).toBe(READY);
  });
});

describe('interrupts', () => {
  it('raise INTx and the queue bit until ISR is read', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    driver.request(0, [], [1]);
    expect(pci.levels[1]).toBe(true);
    expect(driver.readIsr()).toBe(1);
    expect([pci.levels[1], driver.readIsr()]).toEqual([false, 0]);
  });

  it("go to the queue's MSI-X vector when that is on", () => {
    const { bench: pci, driver } = bench();
    driver.useMsix(2);
    driver.start();
    expect(driver.setQueueVector(0, 1)).toBe(1);
    driver.request(0, [], [1]);
    expect(pci.messages).toEqual([{ address: 0xfee00000, data: 0x41 }]);
    expect(pci.levels[1]).toBe(false);
  });

  it('read NO_VECTOR back for a vector that does not exist', () => {
    const { driver } = bench();
    expect(driver.setQueueVector(0, 9)).toBe(0xffff);
  });

  it('are left out when the driver says so', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    driver.queues[0]!.setNoInterrupt(true);
    driver.request(0, [], [1]);
    expect(pci.levels[1]).toBe(false);
  });

  it('come only when used_event is passed, with the event index', () => {
    const { bench: pci, driver } = bench();
    driver.start({ features: FEATURE.VERSION_1 | FEATURE.EVENT_IDX });
    driver.queues[0]!.setUsedEvent(1);
    driver.request(0, [], [1]);
    expect(pci.levels[1]).toBe(false);
    driver.request(0, [], [1]);
    expect(pci.levels[1]).toBe(true);
  });

  it('ask for the next notification by avail_event', () => {
    const { driver } = bench();
    driver.start({ features: FEATURE.VERSION_1 | FEATURE.EVENT_IDX });
    driver.request(0, [], [1]);
    driver.request(0, [], [1]);
    expect(driver.queues[0]!.availEvent).toBe(2);
  });
});

/** Starts a driver, lets `harm` write the queue, notifies; the status afterwards. */
function statusAfter(harm: (driver: VirtioDriver, pci: PciBench) => void, features?: bigint): number {
  const { bench: pci, driver } = bench();
  driver.start(features === undefined ? {} : { features });
  harm(driver, pci);
  driver.notify(0);
  return driver.status;
}
const BROKEN = READY | STATUS.NEEDS_RESET;

describe('hostile drivers', () => {
  it('break the device with an available index that runs ahead', () => {
    expect(statusAfter((driver) => driver.queues[0]!.setAvailIndex(1000))).toBe(BROKEN);
  });

  it('break the device with a head outside the table', () => {
    expect(statusAfter((driver) => driver.queues[0]!.offer(64))).toBe(BROKEN);
  });

  it('break the device with a chain that loops', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.describe(0, pci.allocate(1), 1, DESC.WRITE | DESC.NEXT, 1);
      queue.describe(1, pci.allocate(1), 1, DESC.WRITE | DESC.NEXT, 0);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with a next index outside the table', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.describe(0, pci.allocate(1), 1, DESC.WRITE | DESC.NEXT, 0xffff);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with a buffer outside RAM', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.describe(0, pci.memory.size - 4, 8, DESC.WRITE);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with an address at the end of 64 bits', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.describe(0, 0, 16, DESC.WRITE);
      pci.memory.write64(queue.descriptors, 0xffff_ffff_ffff_fff8n);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with a readable buffer after a writable one', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.offer(
        queue.chain([
          { address: pci.allocate(1), length: 1, writable: true },
          { address: pci.allocate(1), length: 1 },
        ]),
      );
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with an indirect table inside an indirect table', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      const table = pci.allocate(16);
      queue.describe(0, table, 16, DESC.INDIRECT, 0, table);
      queue.describe(0, table, 16, DESC.INDIRECT);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with an indirect table that is no whole number of descriptors', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.describe(0, pci.allocate(16), 17, DESC.INDIRECT);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with an indirect table that was not negotiated', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      queue.offer(queue.indirectChain([{ address: pci.allocate(1), length: 1, writable: true }]));
    }, FEATURE.VERSION_1);
    expect(status).toBe(BROKEN);
  });

  it('break the device with an endless indirect table', () => {
    const status = statusAfter((driver, pci) => {
      const queue = driver.queues[0]!;
      const table = pci.allocate(16 * 2000);
      const target = pci.allocate(1);
      Array.from({ length: 2000 }, (_, i) => queue.describe(i, target, 1, DESC.WRITE | DESC.NEXT, i + 1, table));
      queue.describe(0, table, 16 * 2000, DESC.INDIRECT);
      queue.offer(0);
    });
    expect(status).toBe(BROKEN);
  });

  it('break the device with rings outside RAM', () => {
    const { bench: pci, driver } = bench();
    driver.status = STATUS.ACKNOWLEDGE;
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER;
    driver.acceptFeatures(FEATURE.VERSION_1);
    driver.status = STATUS.ACKNOWLEDGE | STATUS.DRIVER | STATUS.FEATURES_OK;
    driver.setCommon(COMMON.queueSelect, 2, 0);
    driver.setQueueAddresses(0x1000, 0x2000, pci.memory.size - 4);
    driver.setCommon(COMMON.queueEnable, 2, 1);
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
    expect(driver.common(COMMON.queueEnable, 2)).toBe(0);
  });

  it('break the device with a queue size that is no power of two', () => {
    const { driver } = bench();
    driver.start({ queueSize: 3 });
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
  });

  it('are told by a configuration interrupt, and served again after a reset', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    driver.queues[0]!.setAvailIndex(1000);
    driver.notify(0);
    expect(driver.readIsr()).toBe(2);
    driver.start();
    expect(driver.request(0, [], [2])).toEqual(new Uint8Array(2).fill(0xab));
    expect(pci.messages).toEqual([]);
  });

  it('are counted', () => {
    const pci = new PciBench();
    const { transport } = pci.plug(new VirtioRng(() => {}), 1);
    const driver = new VirtioDriver(pci).start();
    driver.queues[0]!.setAvailIndex(1000);
    driver.notify(0);
    expect(transport.faults).toEqual({ count: 1, last: 'queue 0 has an available index that ran ahead of its size' });
  });
});

describe('saved state', () => {
  it('lets a restored device go on with the same rings', () => {
    const { bench: pci, driver } = bench();
    driver.useMsix(2);
    driver.start();
    driver.setQueueVector(0, 1);
    driver.request(0, [], [1]);
    const saved = structuredClone(pci.host.save());
    pci.host.reset();
    pci.host.load(saved);
    pci.messages.length = 0;
    expect(driver.request(0, [], [3])).toEqual(new Uint8Array(3).fill(0xab));
    expect(pci.messages).toEqual([{ address: 0xfee00000, data: 0x41 }]);
  });

  it('brings back a pending INTx', () => {
    const { bench: pci, driver } = bench();
    driver.start();
    driver.request(0, [], [1]);
    const saved = structuredClone(pci.host.save());
    pci.host.reset();
    expect(pci.levels[1]).toBe(false);
    pci.host.load(saved);
    expect([pci.levels[1], driver.readIsr()]).toEqual([true, 1]);
  });

  it('is refused for another kind of device', () => {
    const { bench: pci } = bench();
    const saved = pci.host.save() as { functions: { [devfn: string]: { virtio: { deviceType: number } } } };
    saved.functions['8']!.virtio.deviceType = 2;
    expect(() => pci.host.load(saved)).toThrow(/another virtio device/);
  });
});
