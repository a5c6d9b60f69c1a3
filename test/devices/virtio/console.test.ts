import { describe, expect, it } from 'vitest';
import { VirtioConsole } from '../../../src/devices/virtio/console/device.ts';
import { FEATURE, PciBench, STATUS, VirtioDriver } from '../../support/virtio-driver.ts';

const CONTROL_RX = 2;
const CONTROL_TX = 3;
const PORT1_RX = 4;
const PORT1_TX = 5;
const MULTIPORT = 1n << 1n;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (string: string): Uint8Array => new TextEncoder().encode(string);

function control(id: number, event: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  return bytes;
}

interface Fixture {
  pci: PciBench;
  device: VirtioConsole;
  driver: VirtioDriver;
  output: string[];
  opens: boolean[];
}

function made(sink?: (bytes: Uint8Array) => void | Promise<void>): Fixture {
  const pci = new PciBench();
  const output: string[] = [];
  const opens: boolean[] = [];
  const take = (bytes: Uint8Array): void => void output.push(text(bytes));
  const device = new VirtioConsole({
    ports: [
      { console: true, output: sink ?? take },
      { name: 'agent', output: sink ?? take, onGuestOpen: (open) => opens.push(open) },
    ],
    maxPorts: 3,
    columns: 100,
    rows: 30,
  });
  pci.plug(device, 1);
  return { pci, device, driver: new VirtioDriver(pci), output, opens };
}

/** With the handshake done as Linux does it. */
function connected(sink?: (bytes: Uint8Array) => void | Promise<void>): Fixture {
  const fixture = made(sink);
  const { driver } = fixture;
  driver.start();
  Array.from({ length: 16 }, () => driver.submit(CONTROL_RX, [], [64]));
  driver.request(CONTROL_TX, [control(0, 0, 1)]);
  driver.request(CONTROL_TX, [control(0, 3, 1)]);
  driver.request(CONTROL_TX, [control(1, 3, 1)]);
  return fixture;
}

/** Control messages that the device sent, as [id, event, value, tail]. */
function controlMessages({ pci, driver }: Fixture): [number, number, number, string][] {
  const queue = driver.queues[CONTROL_RX]!;
  return queue.take().map(({ head, written }) => {
    const address = Number(pci.memory.read64(queue.descriptors + 16 * head));
    const tail = pci.memory.view(address + 8, written - 8);
    return [pci.memory.read32(address), pci.memory.read16(address + 4), pci.memory.read16(address + 6), text(tail)];
  });
}

describe('VirtioConsole without several ports', () => {
  it('moves bytes both ways on port 0', () => {
    const { driver, device, output, pci } = made();
    driver.start({ features: FEATURE.VERSION_1 });
    driver.request(1, [bytesOf('hello '), bytesOf('host')]);
    const { room } = driver.submit(0, [], [16]);
    device.port(0).send(bytesOf('hi'));
    expect(output).toEqual(['hello host']);
    expect(text(pci.memory.view(room[0]!.address, driver.queues[0]!.take()[0]!.written))).toBe('hi');
  });

  it('tells the window size and changes of it', () => {
    const { driver, device } = made();
    driver.start({ features: FEATURE.VERSION_1 | 1n });
    expect([driver.config(0, 2), driver.config(2, 2), driver.config(4, 4)]).toEqual([100, 30, 3]);
    const before = driver.common(0x15, 1);
    device.resize(120, 40);
    expect([driver.config(0, 2), driver.config(2, 2), driver.readIsr()]).toEqual([120, 40, 2]);
    expect(driver.common(0x15, 1)).not.toBe(before);
  });
});

describe('VirtioConsole with several ports', () => {
  it('announces its ports when the driver is ready', () => {
    const fixture = made();
    fixture.driver.start();
    Array.from({ length: 4 }, () => fixture.driver.submit(CONTROL_RX, [], [64]));
    fixture.driver.request(CONTROL_TX, [control(0, 0, 1)]);
    expect(controlMessages(fixture)).toEqual([
      [0, 1, 1, ''],
      [1, 1, 1, ''],
    ]);
  });

  it('tells what each port is once it is ready: console and size, name, host open', () => {
    const fixture = connected();
    expect(controlMessages(fixture).slice(2)).toEqual([
      [0, 4, 1, ''],
      // Rows, then columns: the order that Linux reads.
      [0, 5, 0, '\x1e\0\x64\0'],
      [0, 6, 1, ''],
      [1, 7, 1, 'agent'],
      [1, 6, 1, ''],
    ]);
  });

  it('holds input for a port until the guest opens it', () => {
    const { driver, device, opens, pci } = connected();
    const { room } = driver.submit(PORT1_RX, [], [16]);
    device.port(1).send(bytesOf('request'));
    expect([driver.queues[PORT1_RX]!.take(), device.port(1).pendingBytes]).toEqual([[], 7]);
    driver.request(CONTROL_TX, [control(1, 6, 1)]);
    expect(opens).toEqual([true]);
    expect(text(pci.memory.view(room[0]!.address, driver.queues[PORT1_RX]!.take()[0]!.written))).toBe('request');
    expect(device.port(1).pendingBytes).toBe(0);
  });

  it('splits long input over buffers and says when all is delivered', () => {
    const pci = new PciBench();
    let drains = 0;
    const device = new VirtioConsole({ ports: [{ console: true, output: () => {}, onDrain: () => drains++ }] });
    pci.plug(device, 1);
    const driver = new VirtioDriver(pci).start({ features: FEATURE.VERSION_1 });
    device.port(0).send(bytesOf('abcdef'));
    driver.submit(0, [], [4]);
    expect([device.port(0).pendingBytes, drains]).toEqual([2, 0]);
    driver.submit(0, [], [4]);
    expect(driver.queues[0]!.take().map((used) => used.written)).toEqual([4, 2]);
    expect(drains).toBe(1);
  });

  it('tells the host when the guest closes a port, and the guest when the host does', () => {
    const fixture = connected();
    fixture.driver.request(CONTROL_TX, [control(1, 6, 1)]);
    fixture.driver.request(CONTROL_TX, [control(1, 6, 0)]);
    controlMessages(fixture);
    fixture.device.port(1).setHostOpen(false);
    expect(fixture.opens).toEqual([true, false]);
    expect(controlMessages(fixture)).toEqual([[1, 6, 0, '']]);
  });

  it('adds a port while the guest runs', () => {
    const fixture = connected();
    controlMessages(fixture);
    const port = fixture.device.addPort({ name: 'late', output: () => {} });
    expect(port.id).toBe(2);
    expect(controlMessages(fixture)).toEqual([[2, 1, 1, '']]);
  });

  it('takes nothing more from a port whose sink is full, and goes on when it is not', async () => {
    let release = (): void => {};
    const seen: string[] = [];
    const { driver } = connected((bytes) => {
      seen.push(text(bytes));
      return seen.length === 1 ? new Promise<void>((resolve) => (release = resolve)) : undefined;
    });
    driver.submit(PORT1_TX, [bytesOf('one')]);
    driver.submit(PORT1_TX, [bytesOf('two')]);
    expect([seen, driver.queues[PORT1_TX]!.take().length]).toEqual([['one'], 1]);
    release();
    await new Promise((resolve) => setImmediate(resolve));
    expect([seen, driver.queues[PORT1_TX]!.take().length]).toEqual([['one', 'two'], 1]);
  });
});

describe('VirtioConsole against hostile drivers', () => {
  it('ignores control messages for ports that do not exist and ones that are cut off', () => {
    const fixture = connected();
    controlMessages(fixture);
    fixture.driver.request(CONTROL_TX, [control(77, 3, 1)]);
    fixture.driver.request(CONTROL_TX, [new Uint8Array(3)]);
    expect(controlMessages(fixture)).toEqual([]);
    expect(fixture.driver.status & STATUS.NEEDS_RESET).toBe(0);
  });

  it('needs a reset after a control buffer too short for its message', () => {
    const { driver } = made();
    driver.start();
    driver.submit(CONTROL_RX, [], [4]);
    driver.submit(CONTROL_TX, [control(0, 0, 1)]);
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
  });

  it('needs a reset after a receive buffer that is not writable', () => {
    const { driver, device } = made();
    driver.start({ features: FEATURE.VERSION_1 });
    driver.submit(0, [bytesOf('x')]);
    device.port(0).send(bytesOf('y'));
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
  });

  it('needs a reset when control messages pile up', () => {
    const { driver } = made();
    driver.start({ queueSize: 2 });
    driver.request(CONTROL_TX, [control(0, 0, 1)]);
    Array.from({ length: 600 }, () => driver.submit(CONTROL_TX, [control(0, 3, 1)]));
    expect(driver.status & STATUS.NEEDS_RESET).toBe(STATUS.NEEDS_RESET);
  });

  it('needs a reset after a transmit buffer above 16 MiB', () => {
    const { driver, output } = made();
    driver.start({ features: FEATURE.VERSION_1 });
    const queue = driver.queues[1]!;
    queue.offer(queue.chain(Array.from({ length: 20 }, () => ({ address: 0, length: 1024 * 1024 }))));
    driver.notify(1);
    expect([driver.status & STATUS.NEEDS_RESET, output]).toEqual([STATUS.NEEDS_RESET, []]);
  });

  it('does not offer more than it has: features are sizes and ports', () => {
    expect(made().driver.offeredFeatures & 0xffffffn).toBe(1n | MULTIPORT);
  });
});

describe('VirtioConsole saved state', () => {
  it('keeps open ports, unsent input and the window size', async () => {
    const { pci, driver, device } = connected();
    driver.request(CONTROL_TX, [control(1, 6, 1)]);
    device.port(1).send(bytesOf('kept'));
    device.resize(90, 20);
    const saved = structuredClone(pci.host.save());
    pci.host.reset();
    pci.host.load(saved);
    await new Promise((resolve) => setImmediate(resolve));
    const { room } = driver.submit(PORT1_RX, [], [16]);
    expect(text(pci.memory.view(room[0]!.address, driver.queues[PORT1_RX]!.take()[0]!.written))).toBe('kept');
    expect([device.port(1).guestOpen, driver.config(0, 2)]).toEqual([true, 90]);
  });

  it('goes on with output that waited for a full sink', async () => {
    const seen: string[] = [];
    const { pci, driver } = connected((bytes) => {
      seen.push(text(bytes));
      return seen.length === 1 ? new Promise<void>(() => {}) : undefined;
    });
    driver.submit(PORT1_TX, [bytesOf('one')]);
    driver.submit(PORT1_TX, [bytesOf('two')]);
    pci.host.load(structuredClone(pci.host.save()));
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual(['one', 'two']);
  });
});
