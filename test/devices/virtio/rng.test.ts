import { describe, expect, it } from 'vitest';
import { VirtioRng } from '../../../src/devices/virtio/rng/device.ts';
import { PciBench, VirtioDriver } from '../../support/virtio-driver.ts';

describe('VirtioRng', () => {
  it('takes its bytes from the source, in order', () => {
    const pci = new PciBench();
    let next = 0;
    pci.plug(new VirtioRng((target) => target.forEach((_, i) => (target[i] = next++))), 1);
    const driver = new VirtioDriver(pci).start();
    expect([...driver.request(0, [], [2, 1]), ...driver.request(0, [], [2])]).toEqual([0, 1, 2, 3, 4]);
  });

  it('gives at most 4096 bytes for one buffer and says how many', () => {
    const pci = new PciBench();
    pci.plug(new VirtioRng((target) => target.fill(1)), 1);
    const driver = new VirtioDriver(pci).start();
    expect(driver.request(0, [], [100_000]).length).toBe(4096);
  });
});
