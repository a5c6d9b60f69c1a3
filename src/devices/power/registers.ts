/**
 * Ports and bits of power management and reset. ACPI 6.4 §4.8.3 "PM1 Event, Control and Timer"; the reset control
 * register (cf9h), port 92h and the keyboard controller's reset pulse: 82371AB (PIIX4) and IBM PC AT references.
 */

/** First port of the ACPI fixed hardware; the FADT tells the guest. */
export const ACPI_PORT = 0x600;
export const ACPI_PORT_COUNT = 12;
/** Offsets from {@link ACPI_PORT}. */
export const PM1_STATUS = 0; // PM1a_EVT_BLK, §4.8.3.1
export const PM1_ENABLE = 2;
export const PM1_CONTROL = 4; // PM1a_CNT_BLK, §4.8.3.2
export const PM_TIMER = 8; // PM_TMR_BLK, §4.8.3.3
/** The system control interrupt. */
export const SCI_IRQ = 9;

// PM1 status and enable (tables 4.13 and 4.14)
export const PM1_TIMER = 0x0001; // TMR_STS, TMR_EN
export const PM1_GLOBAL_LOCK = 0x0020;
export const PM1_POWER_BUTTON = 0x0100;
export const PM1_SLEEP_BUTTON = 0x0200;
export const PM1_RTC = 0x0400;
export const PM1_EVENTS = PM1_TIMER | PM1_GLOBAL_LOCK | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC;

// PM1 control (table 4.15)
export const SCI_ENABLE = 0x0001;
export const SLEEP_TYPE_SHIFT = 10;
export const SLEEP_TYPE_MASK = 7;
export const SLEEP_ENABLE = 0x2000;
/** Our SLP_TYP of S5 (soft off), as the DSDT's \_S5 gives it. */
export const SLEEP_TYPE_S5 = 5;

export const PM_TIMER_HZ = 3_579_545; // §4.8.3.3

/** Reset control register; the FADT's RESET_REG. */
export const RESET_CONTROL = 0xcf9;
export const RESET_SYSTEM = 0x02; // hard rather than soft
export const RESET_CPU = 0x04; // a rise resets
/** The FADT's RESET_VALUE. */
export const RESET_VALUE = RESET_SYSTEM | RESET_CPU;

export const SYSTEM_CONTROL_A = 0x92;
export const FAST_RESET = 0x01;
export const A20_GATE = 0x02;

export const KEYBOARD_COMMAND = 0x64;
/** Pulse output port commands F0h–FFh: a low bit 0 pulses the CPU's reset. */
export const PULSE_OUTPUT = 0xf0;
export const PULSE_NOT_RESET = 0x01;
