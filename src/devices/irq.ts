/** Interrupt wiring between devices, controllers and the CPU. */

/** A wire into an interrupt controller. Level semantics: `set(true)` asserts, `set(false)` deasserts; an edge-triggered input latches on the rise. */
export interface IrqLine {
  set(asserted: boolean): void;
}

/** Delivers a message-signalled interrupt (address and data as in SDM 3A §11.11 "Message Signalled Interrupts"). */
export interface MsiSink {
  send(address: number, data: number): void;
}

/** The interrupt pins of one CPU, driven by its local APIC (and by the PIC through LINT0). */
export interface CpuPins {
  /** An external interrupt is (not) waiting; the CPU calls back for its vector when it accepts it. */
  setIntr(waiting: boolean): void;
  nmi(): void;
  init(): void;
  /** Start-up IPI: the CPU starts at vector << 12 in real mode. */
  sipi(vector: number): void;
}
