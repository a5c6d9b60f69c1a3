/** Virtio devices with their queues, interrupt controllers, the map of physical memory, and every device's state. */
import type { DevicesView, MemoryRange, VirtioView } from '../../../src/worker/protocol.ts';
import { el, table, type Child } from '../dom.ts';
import { bytesText, hex, sizeText } from '../format.ts';
import { marked } from '../mark.ts';
import type { MakeTab } from '../tab.ts';

export const devicesTab: MakeTab = () => ({
  id: 'devices',
  label: 'Devices',
  request: () => ({ devices: true, memoryMap: true }),
  show: ({ devices, memoryMap }, before) => [
    devices === undefined ? undefined : [virtio(devices, before?.devices), interrupts(devices)],
    memoryMap === undefined ? undefined : map(memoryMap),
    devices === undefined ? undefined : states(devices),
  ],
});

function virtio(now: DevicesView, before: DevicesView | undefined): Child {
  return table(
    'Virtio queues',
    ['Place', 'Device', 'Queue', 'Size', 'Available', 'Taken', 'Used', 'In flight', 'State'],
    now.virtio.flatMap((device) => {
      const was = before?.virtio.find(({ place }) => place === device.place);
      return device.queues.map((queue, n) => {
        const old = was?.queues[n];
        const number = (value: number, past: number | undefined): Child =>
          marked(String(value), past !== undefined && past !== value);
        return [
          device.place,
          device.type,
          String(queue.index),
          String(queue.size),
          number(queue.available, old?.available),
          number(queue.taken, old?.taken),
          number(queue.used, old?.used),
          number(queue.inFlight, old?.inFlight),
          queueState(device, queue.ready),
        ];
      });
    }),
  );
}

function queueState({ status, faults, lastFault }: VirtioView, ready: boolean): string {
  const broken = faults > 0 ? `; broken by its driver: ${lastFault}` : '';
  return `${ready ? 'ready' : 'not set up'}; ${status.join(' ') || 'no driver'}${broken}`;
}

function interrupts({ interrupts: { localApic, ioApic } }: DevicesView): Child {
  const list = (vectors: readonly number[]): string => vectors.join(', ') || 'none';
  return [
    el(
      'p',
      {},
      `Local APIC: waiting ${list(localApic.requested)}; being served ${list(localApic.inService)}; task priority ${localApic.priority}`,
    ),
    ioApic.length === 0
      ? el('p', {}, 'I/O APIC: all pins are masked.')
      : table(
          'I/O APIC pins that are not masked',
          ['Pin', 'Vector', 'Trigger', 'Level now'],
          ioApic.map(({ pin, vector, level, high }) => [
            String(pin),
            String(vector),
            level ? 'level' : 'edge',
            high ? 'high' : 'low',
          ]),
        ),
  ];
}

function map(ranges: readonly MemoryRange[]): Child {
  return table(
    'Physical memory',
    ['From', 'To', 'Size', 'What'],
    ranges.map(({ start, byteCount, what }) => [
      hex(start, 8),
      hex(start + byteCount - 1, 8),
      sizeText(byteCount),
      what,
    ]),
  );
}

function states({ states: all }: DevicesView): Child {
  return Object.entries(all).map(([name, state]) =>
    el(
      'details',
      {},
      el('summary', {}, `State of ${name}`),
      el(
        'pre',
        { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `State of ${name}` },
        JSON.stringify(state, plain, 2),
      ),
    ),
  );
}

/** What JSON has no words for. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  return value instanceof Uint8Array ? bytesText(value) : value;
}
