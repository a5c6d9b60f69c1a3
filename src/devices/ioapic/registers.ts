/** Registers and bits of the IOAPIC: Intel 82093AA data sheet (290566-001) §3; the EOI register is that of version 20h (82801, "IOxAPIC"). */

export const IOAPIC_BASE = 0xfec00000;
export const IOAPIC_PAGE_BYTES = 0x1000;
export const PIN_COUNT = 24;

// Memory-mapped registers (§3.1)
export const IOREGSEL = 0x00;
export const IOWIN = 0x10;
export const IOEOI = 0x40;

// Indirect registers (§3.2)
export const IOAPICID = 0x00;
export const IOAPICVER = 0x01;
export const IOAPICARB = 0x02;
export const IOREDTBL = 0x10;

export const ID_SHIFT = 24;
export const ID_MASK = 0x0f;
export const VERSION_VALUE = 0x20 | ((PIN_COUNT - 1) << 16);

// Redirection entry, low half (§3.2.4)
export const ENTRY_VECTOR = 0xff;
export const ENTRY_DELIVERY_SHIFT = 8;
export const ENTRY_DELIVERY_MASK = 7;
export const ENTRY_LOGICAL = 1 << 11;
export const ENTRY_REMOTE_IRR = 1 << 14;
export const ENTRY_LEVEL = 1 << 15;
export const ENTRY_MASKED = 1 << 16;
export const ENTRY_WRITABLE = 0x1afff;
/** High half: the destination. */
export const ENTRY_DESTINATION_SHIFT = 24;

/** ISA interrupt 0 is wired to pin 2; pin 0 gets the PIC's output (MultiProcessor Specification 1.4 §3.6.2.3). */
export const TIMER_PIN = 2;
export const PIC_PIN = 0;
