/**
 * Ports, registers and bits of the PC's real-time clock with CMOS RAM. Motorola MC146818A data sheet (ADI856R2); the
 * PC's own bytes of the RAM as in the IBM PC AT Technical Reference, "Real-Time Clock/CMOS RAM", and SeaBIOS's use of it.
 */

export const RTC_INDEX = 0x70;
export const RTC_DATA = 0x71;
export const RTC_INDEX_MASK = 0x7f; // bit 7 masks NMI
export const CMOS_BYTE_COUNT = 128;

export const SECONDS = 0x00;
export const SECONDS_ALARM = 0x01;
export const MINUTES = 0x02;
export const MINUTES_ALARM = 0x03;
export const HOURS = 0x04;
export const HOURS_ALARM = 0x05;
export const DAY_OF_WEEK = 0x06;
export const DAY_OF_MONTH = 0x07;
export const MONTH = 0x08;
export const YEAR = 0x09;
export const REGISTER_A = 0x0a;
export const REGISTER_B = 0x0b;
export const REGISTER_C = 0x0c;
export const REGISTER_D = 0x0d;
/** The ACPI FADT's CENTURY field points here. */
export const CENTURY = 0x32;

/** 12-hour mode: afternoon. */
export const HOURS_PM = 0x80;
/** Alarm bytes with both top bits set match anything. */
export const ALARM_DONT_CARE = 0xc0;

// Register A
export const A_UPDATE_IN_PROGRESS = 0x80;
export const A_DIVIDER = 0x70;
export const A_DIVIDER_NORMAL = 0x20; // 32.768 kHz
export const A_DIVIDER_RESET = 0x60; // 11x holds the divider
export const A_RATE = 0x0f;

// Register B
export const B_SET = 0x80;
export const B_PERIODIC = 0x40;
export const B_ALARM = 0x20;
export const B_UPDATE_ENDED = 0x10;
export const B_BINARY = 0x04;
export const B_24_HOUR = 0x02;

// Register C
export const C_REQUEST = 0x80;
export const C_PERIODIC = 0x40;
export const C_ALARM = 0x20;
export const C_UPDATE_ENDED = 0x10;

// Register D
export const D_VALID = 0x80;

/** The divider chain's crystal. */
export const CRYSTAL_HZ = 32_768;
/** t_BUC: UIP rises this long before the update; and t_UC: the update's length with a 32 kHz crystal. */
export const UPDATE_WARNING_NS = 244_000;
export const UPDATE_NS = 1_984_000;

// Bytes of the PC's CMOS RAM
export const EQUIPMENT = 0x14;
export const EQUIPMENT_FPU = 0x02;
export const BASE_MEMORY_LOW = 0x15; // KiB
export const BASE_MEMORY_HIGH = 0x16;
export const EXTENDED_MEMORY_LOW = 0x17; // KiB above 1 MiB
export const EXTENDED_MEMORY_HIGH = 0x18;
export const EXTENDED_MEMORY_LOW_2 = 0x30; // the same as found by the power-on self-test
export const EXTENDED_MEMORY_HIGH_2 = 0x31;
export const MEMORY_ABOVE_16M_LOW = 0x34; // 64 KiB units
export const MEMORY_ABOVE_16M_HIGH = 0x35;
export const MEMORY_ABOVE_4G_LOW = 0x5b; // 64 KiB units, three bytes
export const CHECKSUM_FIRST = 0x10;
export const CHECKSUM_LAST = 0x2d;
export const CHECKSUM_HIGH = 0x2e;
export const CHECKSUM_LOW = 0x2f;
