/** Ports and bits of the 8259A pair in a PC. Intel 8259A data sheet (231468-003); ELCR: 82371AB (PIIX4) §4.2.2. */

export const MASTER_COMMAND = 0x20;
export const MASTER_DATA = 0x21;
export const SLAVE_COMMAND = 0xa0;
export const SLAVE_DATA = 0xa1;
export const ELCR_MASTER = 0x4d0;
export const ELCR_SLAVE = 0x4d1;

/** The master's input that the slave drives. */
export const CASCADE_IRQ = 2;
export const INPUTS_PER_CHIP = 8;
/** The input whose vector a chip gives when the request went away before the acknowledgement. */
export const SPURIOUS_IRQ = 7;

/** ELCR bits that can be set: IRQ 0, 1, 2, 8 and 13 are always edge-triggered. */
export const ELCR_MASTER_WRITABLE = 0xf8;
export const ELCR_SLAVE_WRITABLE = 0xde;

// Initialization command words
export const ICW1_IC4 = 0x01; // ICW4 follows
export const ICW1_SINGLE = 0x02; // no ICW3
export const ICW1_LTIM = 0x08; // level-triggered
export const ICW1_SELECT = 0x10; // marks a command write as ICW1
export const ICW2_VECTOR_BASE = 0xf8;
export const ICW4_AEOI = 0x02;
export const ICW4_SFNM = 0x10; // special fully nested mode

// Operation command words
export const OCW_SELECT_OCW3 = 0x08;
export const OCW2_LEVEL = 0x07;
export const OCW2_COMMAND_SHIFT = 5;
export const OCW2_ROTATE_AEOI_CLEAR = 0;
export const OCW2_NONSPECIFIC_EOI = 1;
export const OCW2_SPECIFIC_EOI = 3;
export const OCW2_ROTATE_AEOI_SET = 4;
export const OCW2_ROTATE_NONSPECIFIC_EOI = 5;
export const OCW2_SET_PRIORITY = 6;
export const OCW2_ROTATE_SPECIFIC_EOI = 7;
export const OCW3_READ_SELECT = 0x02; // RR
export const OCW3_READ_ISR = 0x01; // RIS
export const OCW3_POLL = 0x04;
export const OCW3_SPECIAL_MASK_SELECT = 0x40; // ESMM
export const OCW3_SPECIAL_MASK = 0x20; // SMM

/** Bit 7 of a poll answer: there was a request. */
export const POLL_PENDING = 0x80;
