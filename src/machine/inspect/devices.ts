/** Devices for people: every one's own state, virtio queues, interrupt controllers, and the map of physical memory. */
import { APIC_DEFAULT_BASE, APIC_PAGE_BYTES } from '../../devices/apic/registers.ts';
import type { DeviceState } from '../../devices/bus.ts';
import { ENTRY_LEVEL, ENTRY_MASKED, ENTRY_VECTOR, IOAPIC_BASE, PIN_COUNT } from '../../devices/ioapic/registers.ts';
import { PCI_MEMORY_WINDOW_BASE, PCI_MEMORY_WINDOW_END } from '../../devices/pci/host-bridge.ts';
import { StateReader } from '../../devices/state.ts';
import { DeviceTypes } from '../../devices/virtio/device.ts';
import { VirtioPci } from '../../devices/virtio/pci.ts';
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
  STATUS_NEEDS_RESET,
} from '../../devices/virtio/transport.ts';
import type { Board } from '../board.ts';
import { e820Map, E820_RAM } from '../memory-map.ts';
import { saveDevices } from '../snapshot.ts';
import type { DevicesView, InterruptControllers, MemoryRange, VirtioView } from './types.ts';

const VECTOR_WORDS = 8;
const WORD_BITS = 32;
const TYPE_NAMES: Readonly<Record<number, string>> = {
  [DeviceTypes.network]: 'network',
  [DeviceTypes.block]: 'block',
  [DeviceTypes.console]: 'console',
  [DeviceTypes.entropy]: 'entropy',
  [DeviceTypes.balloon]: 'balloon',
  [DeviceTypes.p9]: '9p',
  [DeviceTypes.vsock]: 'vsock',
};
/** Virtio 1.2, §2.1. */
const STATUS_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [STATUS_ACKNOWLEDGE, 'ACKNOWLEDGE'],
  [STATUS_DRIVER, 'DRIVER'],
  [STATUS_FEATURES_OK, 'FEATURES_OK'],
  [STATUS_DRIVER_OK, 'DRIVER_OK'],
  [STATUS_NEEDS_RESET, 'DEVICE_NEEDS_RESET'],
  [STATUS_FAILED, 'FAILED'],
];

export function readDevices(board: Board): DevicesView {
  const states = saveDevices(board.devices);
  return { virtio: virtioDevices(board), interrupts: controllers(states), states };
}

function virtioDevices(board: Board): VirtioView[] {
  return board.pci.functions.flatMap(({ device, functionNumber, pciFunction }) => {
    if (!(pciFunction instanceof VirtioPci)) return [];
    const { transport } = pciFunction;
    const { count, last } = transport.faults;
    return [
      {
        place: `00:${device.toString(16).padStart(2, '0')}.${functionNumber}`,
        type: TYPE_NAMES[transport.device.deviceType] ?? `type ${transport.device.deviceType}`,
        status: STATUS_NAMES.filter(([bit]) => (transport.status & bit) !== 0).map(([, name]) => name),
        features: transport.features,
        queues: transport.queues.map((queue) => queue.look()),
        faults: count,
        lastFault: last,
      },
    ];
  });
}

function controllers(states: Readonly<Record<string, DeviceState>>): InterruptControllers {
  const apic = new StateReader('the local APIC', states['localApic']!);
  const ioApic = new StateReader('the I/O APIC', states['ioApic']!);
  const wires = ioApic.int('wires');
  return {
    localApic: {
      requested: vectors(apic.ints('irr', VECTOR_WORDS)),
      inService: vectors(apic.ints('isr', VECTOR_WORDS)),
      priority: apic.int('tpr'),
    },
    ioApic: ioApic.ints('low', PIN_COUNT).flatMap((low, pin) =>
      (low & ENTRY_MASKED) !== 0
        ? []
        : [
            {
              pin,
              vector: low & ENTRY_VECTOR,
              level: (low & ENTRY_LEVEL) !== 0,
              high: ((wires >> pin) & 1) !== 0,
            },
          ],
    ),
  };
}

/** Numbers of the bits that are set. */
function vectors(words: readonly number[]): number[] {
  return words.flatMap((word, index) =>
    Array.from({ length: WORD_BITS }, (_, bit) => ((word >>> bit) & 1 ? index * WORD_BITS + bit : -1)).filter(
      (vector) => vector >= 0,
    ),
  );
}

/** RAM as the firmware's tables tell it, registers where the board has them, and the BARs of PCI functions. */
export function readMemoryMap(board: Board): MemoryRange[] {
  const ram = e820Map(board.memory.size).map(({ start, byteCount, type }) => ({
    start,
    byteCount,
    what: type === E820_RAM ? 'RAM' : 'RAM, reserved for firmware and VGA',
  }));
  const registers = board.mmioRanges.map(({ start, byteCount }) => ({ start, byteCount, what: registersAt(start) }));
  const bars = board.pci.functions.flatMap(({ device, functionNumber, pciFunction }) =>
    pciFunction.bars
      .filter((bar) => bar.kind !== 'io' && pciFunction.decodes(bar))
      .map((bar) => ({
        start: pciFunction.barAddress(bar),
        byteCount: bar.byteCount,
        what: `PCI 00:${device.toString(16).padStart(2, '0')}.${functionNumber}, BAR ${bar.index}`,
      })),
  );
  return [...ram, ...registers, ...bars].sort((a, b) => a.start - b.start || b.byteCount - a.byteCount);
}

function registersAt(start: number): string {
  if (start === IOAPIC_BASE) return 'I/O APIC';
  if (start >= PCI_MEMORY_WINDOW_BASE && start < PCI_MEMORY_WINDOW_END) return 'PCI window';
  if (start >= APIC_DEFAULT_BASE && start < APIC_DEFAULT_BASE + APIC_PAGE_BYTES) return 'local APIC';
  return 'device registers';
}
