/**
 * How the INTx pins of PCI slots reach the interrupt controllers: pin and slot number spread over the IOAPIC's inputs
 * 16–19, and over two ISA interrupts for a guest that uses the PIC. ACPI's _PRT and the MP table say the same.
 */
import { fanOut, SharedLine } from '../devices/irq-lines.ts';
import type { IrqLine } from '../devices/irq.ts';

export const PCI_SLOT_COUNT = 32;
export const PCI_PIN_COUNT = 4;
const FIRST_PCI_GSI = 16;
/** As many as the host bridge has wires. */
const PCI_GSI_COUNT = 4;
/** ISA interrupts that no other device has; a guest must make them level-triggered (ELCR), as it does on a PC. */
const PCI_ISA_IRQS = [10, 11] as const;

/** The global system interrupt (the IOAPIC's input) of a slot's pin: 0 is INTA#. */
export function pciGsi(slot: number, pin: number): number {
  return FIRST_PCI_GSI + ((slot + pin) % PCI_GSI_COUNT);
}

/** The ISA interrupt of a slot's pin in PIC mode, which is also what the Interrupt Line register should hold. */
export function pciIsaIrq(slot: number, pin: number): number {
  return PCI_ISA_IRQS[(slot + pin) % PCI_ISA_IRQS.length] as number;
}

/** Gives each device its INTx wire; wires that meet are shared. */
export class PciInterrupts {
  readonly #gsiLines: readonly SharedLine[];
  readonly #isaLines: readonly SharedLine[];

  /** @param ioApicLine the wire into an input of the IOAPIC. @param picLine that of an ISA interrupt into the PIC only. */
  constructor(ioApicLine: (pin: number) => IrqLine, picLine: (irq: number) => IrqLine) {
    this.#gsiLines = Array.from(
      { length: PCI_GSI_COUNT },
      (_, index) => new SharedLine(ioApicLine(FIRST_PCI_GSI + index)),
    );
    this.#isaLines = PCI_ISA_IRQS.map((irq) => new SharedLine(picLine(irq)));
  }

  /** A new source on the wire of `pin` (0 is INTA#) of the device in `slot`. */
  line(slot: number, pin: number): IrqLine {
    const gsi = this.#gsiLines[pciGsi(slot, pin) - FIRST_PCI_GSI] as SharedLine;
    const isa = this.#isaLines[(slot + pin) % PCI_ISA_IRQS.length] as SharedLine;
    return fanOut(gsi.source(), isa.source());
  }
}
