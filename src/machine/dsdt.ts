/**
 * The DSDT's definition block: soft off, the PCI host bridge with its windows and interrupt routing, serial ports and the
 * real-time clock (ACPI 6.4; _PRT §6.2.13, _PIC §5.8.1, _S5 §7.4.2.6). Leaves out processor and power objects.
 */
import {
  COM1_IRQ,
  COM1_PORT,
  COM2_IRQ,
  COM2_PORT,
  COM3_PORT,
  COM4_PORT,
  REGISTER_COUNT,
} from '../devices/serial/registers.ts';
import { SLEEP_TYPE_S5 } from '../devices/power/registers.ts';
import { RTC_INDEX } from '../devices/rtc/registers.ts';
import type { Aml } from './aml.ts';
import * as aml from './aml.ts';
import type { MachineDescription } from './firmware-tables.ts';
import { pciGsi, pciIsaIrq } from './pci-interrupts.ts';

const PCI_CONFIG_PORT = 0xcf8;
const PCI_CONFIG_PORT_COUNT = 8;
const LAST_PORT = 0xffff;
const LAST_BUS = 0xff;
const RTC_IRQ = 8;
const RTC_PORT_COUNT = 2;
/** A _PRT entry's function field that means all functions of the device. */
const ANY_FUNCTION = 0xffff;
const INTA = 0;

const SERIAL_PORTS = [
  { port: COM1_PORT, irq: COM1_IRQ },
  { port: COM2_PORT, irq: COM2_IRQ },
  { port: COM3_PORT, irq: COM1_IRQ },
  { port: COM4_PORT, irq: COM2_IRQ },
] as const;

/** The terms after the DSDT's header. `extra` goes into \_SB. */
export function dsdtTerms(machine: MachineDescription, extra: Aml = []): Aml {
  return [
    ...aml.name(
      '\\_S5',
      aml.packageOf(aml.integer(SLEEP_TYPE_S5), aml.integer(SLEEP_TYPE_S5), aml.integer(0), aml.integer(0)),
    ),
    // The guest says which controller it uses: 0 is the PIC.
    ...aml.name('\\PICF', aml.integer(0)),
    ...aml.method('\\_PIC', 1, aml.store(aml.ARG0, aml.nameString('\\PICF'))),
    ...aml.scope('\\_SB', hostBridge(machine), ...machine.serialPorts.map(serialPort), realTimeClock(), extra),
  ];
}

function hostBridge({ pciMemory, pciMemory64, pciSlotCount }: MachineDescription): Aml {
  return aml.device(
    'PCI0',
    aml.name('_HID', aml.eisaId('PNP0A03')),
    aml.name('_UID', aml.integer(0)),
    aml.name(
      '_CRS',
      aml.resourceTemplate(
        aml.busNumbers(0, LAST_BUS),
        aml.ioPorts(PCI_CONFIG_PORT, PCI_CONFIG_PORT_COUNT),
        aml.ioWindow(0, PCI_CONFIG_PORT - 1),
        aml.ioWindow(PCI_CONFIG_PORT + PCI_CONFIG_PORT_COUNT, LAST_PORT),
        aml.memoryWindow(pciMemory.first, pciMemory.last),
        pciMemory64 === undefined ? [] : aml.memoryWindow64(pciMemory64.first, pciMemory64.last),
      ),
    ),
    aml.name('PRTP', routing(pciSlotCount, pciIsaIrq)),
    aml.name('PRTA', routing(pciSlotCount, pciGsi)),
    aml.method(
      '_PRT',
      0,
      aml.when(aml.nameString('\\PICF'), aml.returns(aml.nameString('PRTA'))),
      aml.returns(aml.nameString('PRTP')),
    ),
  );
}

/**
 * Hard-wired routes: the source is 0 and its index the global system interrupt. Only those of INTA#, which is the pin that all our
 * functions have: Linux evaluates the whole list for each device that it finds, and that is a quarter of plugging one in.
 */
function routing(slotCount: number, interrupt: (slot: number, pin: number) => number): Aml {
  const entries: Aml[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    const address = slot * 0x10000 + ANY_FUNCTION;
    entries.push(
      aml.packageOf(aml.integer(address), aml.integer(INTA), aml.integer(0), aml.integer(interrupt(slot, INTA))),
    );
  }
  return aml.packageOf(...entries);
}

function serialPort(number: number): Aml {
  const { port, irq } = SERIAL_PORTS[number - 1] ?? SERIAL_PORTS[0];
  return aml.device(
    `COM${number}`,
    aml.name('_HID', aml.eisaId('PNP0501')),
    aml.name('_UID', aml.integer(number)),
    aml.name('_CRS', aml.resourceTemplate(aml.ioPorts(port, REGISTER_COUNT), aml.isaInterrupt(irq))),
  );
}

function realTimeClock(): Aml {
  return aml.device(
    'RTC',
    aml.name('_HID', aml.eisaId('PNP0B00')),
    aml.name('_CRS', aml.resourceTemplate(aml.ioPorts(RTC_INDEX, RTC_PORT_COUNT), aml.isaInterrupt(RTC_IRQ))),
  );
}
