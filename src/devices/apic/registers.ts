/**
 * Registers and bits of the local APIC: Intel SDM 3A (order 325384-083) chapter 11; x2APIC §11.12; message-signalled
 * interrupts §11.11. An xAPIC register at offset `n << 4` is x2APIC MSR `800h + n`, so registers are named by `n`.
 */

export const APIC_DEFAULT_BASE = 0xfee00000;
export const APIC_PAGE_BYTES = 0x1000;
export const REGISTER_SHIFT = 4;

// Table 11-1 and 11-6, register numbers
export const ID = 0x02;
export const VERSION = 0x03;
export const TPR = 0x08;
export const APR = 0x09;
export const PPR = 0x0a;
export const EOI = 0x0b;
export const RRD = 0x0c;
export const LDR = 0x0d;
export const DFR = 0x0e;
export const SVR = 0x0f;
export const ISR_0 = 0x10;
export const TMR_0 = 0x18;
export const IRR_0 = 0x20;
export const ESR = 0x28;
export const ICR_LOW = 0x30;
export const ICR_HIGH = 0x31;
export const LVT_TIMER = 0x32;
export const LVT_THERMAL = 0x33;
export const LVT_PERFORMANCE = 0x34;
export const LVT_LINT0 = 0x35;
export const LVT_LINT1 = 0x36;
export const LVT_ERROR = 0x37;
export const TIMER_INITIAL = 0x38;
export const TIMER_CURRENT = 0x39;
export const TIMER_DIVIDE = 0x3e;
export const SELF_IPI = 0x3f; // x2APIC only
export const VECTOR_WORDS = 8; // each of ISR, TMR and IRR is 256 bits

/** Version 14h with LVT entries 0–5 (§11.4.8). */
export const VERSION_VALUE = 0x00050014;

// MSRs (SDM 4 table 2-2)
export const IA32_APIC_BASE = 0x1b;
export const IA32_TSC_DEADLINE = 0x6e0;
export const X2APIC_MSR_FIRST = 0x800;
export const X2APIC_MSR_LAST = 0x8ff;

// IA32_APIC_BASE (figure 11-5 and 11-28), low half
export const BASE_BSP = 1 << 8;
export const BASE_X2APIC = 1 << 10;
export const BASE_ENABLE = 1 << 11;
export const BASE_ADDRESS_LOW = 0xfffff000;
/** Address bits 32–51 in the high half. */
export const BASE_ADDRESS_HIGH = 0x000fffff;

// SVR (figure 11-23)
export const SVR_ENABLE = 1 << 8;
export const SVR_WRITABLE = 0x1ff;
export const VECTOR_MASK = 0xff;

// DFR (figure 11-14)
export const DFR_MODEL_SHIFT = 28;
export const DFR_CLUSTER = 0;
export const DFR_FLAT = 0xf;
export const DFR_RESERVED_ONES = 0x0fffffff;

// LVT (figure 11-8)
export const LVT_MASKED = 1 << 16;
export const LVT_LEVEL = 1 << 15;
export const LVT_REMOTE_IRR = 1 << 14;
export const LVT_DELIVERY_SHIFT = 8;
export const LVT_DELIVERY_MASK = 7;
export const LVT_TIMER_MODE_SHIFT = 17;
export const LVT_TIMER_MODE_MASK = 3;
export const TIMER_ONE_SHOT = 0;
export const TIMER_PERIODIC = 1;
export const TIMER_TSC_DEADLINE = 2;
export const LVT_TIMER_WRITABLE = 0x700ff;
export const LVT_INTERNAL_WRITABLE = 0x107ff; // thermal, performance
export const LVT_LINT_WRITABLE = 0x1a7ff;
export const LVT_ERROR_WRITABLE = 0x100ff;

// Timer divide (figure 11-10)
export const DIVIDE_WRITABLE = 0x0b;

/** Delivery modes of ICR, LVT, IOAPIC and MSI (§11.6.1, §11.5.1). */
export const Delivery = { FIXED: 0, LOWEST_PRIORITY: 1, SMI: 2, NMI: 4, INIT: 5, STARTUP: 6, EXTINT: 7 } as const;

// ICR (figure 11-12)
export const ICR_LOGICAL = 1 << 11;
export const ICR_ASSERT = 1 << 14;
export const ICR_LEVEL = 1 << 15;
export const ICR_SHORTHAND_SHIFT = 18;
export const ICR_SHORTHAND_MASK = 3;
export const ICR_LOW_WRITABLE = 0x000ccfff;
export const ICR_X2APIC_RESERVED = ~ICR_LOW_WRITABLE;
export const SHORTHAND_NONE = 0;
export const SHORTHAND_SELF = 1;
export const SHORTHAND_ALL = 2;
export const SHORTHAND_OTHERS = 3;

/** xAPIC IDs and logical addresses are the top byte of their registers. */
export const XAPIC_ID_SHIFT = 24;
export const XAPIC_BROADCAST = 0xff;
export const X2APIC_BROADCAST = 0xffffffff;

// ESR (figure 11-9)
export const ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
export const ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
export const ESR_ILLEGAL_REGISTER = 1 << 7;
/** Vectors 0–15 are reserved (§11.5.2). */
export const FIRST_LEGAL_VECTOR = 16;

// Message address and data (figures 11-24 and 11-25)
export const MSI_ADDRESS_WINDOW = 0xfee;
export const MSI_ADDRESS_WINDOW_SHIFT = 20;
export const MSI_DESTINATION_SHIFT = 12;
export const MSI_REDIRECTION_HINT = 1 << 3;
export const MSI_LOGICAL = 1 << 2;
export const MSI_DATA_DELIVERY_SHIFT = 8;
export const MSI_DATA_LEVEL = 1 << 15;
