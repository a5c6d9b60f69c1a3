/** Ports, registers and bits of the 16550A UART. National Semiconductor PC16550D data sheet (June 1995), §8. */

export const REGISTER_COUNT = 8;
export const COM1_PORT = 0x3f8;
export const COM1_IRQ = 4;
export const COM2_PORT = 0x2f8;
export const COM2_IRQ = 3;
export const COM3_PORT = 0x3e8;
export const COM4_PORT = 0x2e8;

// Register offsets (§8.0, table I)
export const DATA = 0; // RBR and THR; DLL while DLAB is set
export const IER = 1; // DLM while DLAB is set
export const IIR_FCR = 2;
export const LCR = 3;
export const MCR = 4;
export const LSR = 5;
export const MSR = 6;
export const SCR = 7;

// Interrupt enable register (§8.7)
export const IER_RECEIVE = 0x01;
export const IER_TRANSMIT = 0x02;
export const IER_LINE = 0x04;
export const IER_MODEM = 0x08;
export const IER_MASK = 0x0f;

// Interrupt identification register (§8.6)
export const IIR_NONE = 0x01;
export const IIR_MODEM = 0x00;
export const IIR_TRANSMIT = 0x02;
export const IIR_RECEIVE = 0x04;
export const IIR_LINE = 0x06;
export const IIR_TIMEOUT = 0x0c;
export const IIR_FIFO_ENABLED = 0xc0;

// FIFO control register (§8.5)
export const FCR_ENABLE = 0x01;
export const FCR_CLEAR_RECEIVE = 0x02;
export const FCR_TRIGGER_SHIFT = 6;
/** Bytes in the receive FIFO that raise an interrupt, by the trigger field. */
export const TRIGGER_LEVELS = [1, 4, 8, 14] as const;
export const FIFO_DEPTH = 16;

// Line control register (§8.1)
export const LCR_WORD_LENGTH = 0x03; // 5 bits and this
export const LCR_TWO_STOPS = 0x04;
export const LCR_PARITY = 0x08;
export const LCR_BREAK = 0x40;
export const LCR_DLAB = 0x80;

// Modem control register (§8.8)
export const MCR_DTR = 0x01;
export const MCR_RTS = 0x02;
export const MCR_OUT1 = 0x04;
export const MCR_OUT2 = 0x08;
export const MCR_LOOPBACK = 0x10;
export const MCR_MASK = 0x1f;

// Line status register (§8.4)
export const LSR_DATA_READY = 0x01;
export const LSR_OVERRUN = 0x02;
export const LSR_BREAK = 0x10;
export const LSR_THR_EMPTY = 0x20;
export const LSR_TRANSMITTER_EMPTY = 0x40;
export const LSR_FIFO_ERROR = 0x80;

// Modem status register (§8.9)
export const MSR_DELTA_CTS = 0x01;
export const MSR_DELTA_DSR = 0x02;
export const MSR_TRAILING_RI = 0x04;
export const MSR_DELTA_DCD = 0x08;
export const MSR_DELTAS = 0x0f;
export const MSR_CTS = 0x10;
export const MSR_DSR = 0x20;
export const MSR_RI = 0x40;
export const MSR_DCD = 0x80;

/** The baud rate at divisor 1: a 1.8432 MHz crystal over 16. */
export const BASE_BAUD = 115_200;
/** The receive time-out is four character times (§8.11 "FIFO Interrupt Mode Operation"). */
export const TIMEOUT_CHARACTERS = 4;
