/** Ports and bits of the 8254 timer and of port B in a PC. Intel 8254 data sheet (231164-005); port 61h: 82371AB §4.2.4. */

/** Input clock: 14.31818 MHz / 12. */
export const PIT_HZ = 1_193_182;

export const CHANNEL_0 = 0x40;
export const CHANNEL_COUNT = 3;
export const CONTROL = 0x43;
export const PORT_B = 0x61;

// Control word
export const CONTROL_CHANNEL_SHIFT = 6;
export const CONTROL_READ_BACK = 3; // in the channel field
export const CONTROL_ACCESS_SHIFT = 4;
export const CONTROL_ACCESS_MASK = 3;
export const CONTROL_MODE_SHIFT = 1;
export const CONTROL_MODE_MASK = 7;
export const CONTROL_BCD = 0x01;

// Read-back command: both "not" bits are active low
export const READ_BACK_NOT_COUNT = 0x20;
export const READ_BACK_NOT_STATUS = 0x10;
export const READ_BACK_CHANNEL_0 = 0x02;

// Access field of the control word
export const ACCESS_LATCH = 0;
export const ACCESS_LSB = 1;
export const ACCESS_MSB = 2;
export const ACCESS_WORD = 3;

// Status byte
export const STATUS_OUT = 0x80;
export const STATUS_NULL_COUNT = 0x40;

// Port B
export const PORT_B_GATE2 = 0x01;
export const PORT_B_WRITABLE = 0x0f; // gate, speaker data, and the parity and I/O check enables
export const PORT_B_REFRESH = 0x10;
export const PORT_B_OUT2 = 0x20;
/** The refresh bit toggles with each memory refresh request, every 15.085 µs: 18 ticks. */
export const REFRESH_TICKS = 18;
