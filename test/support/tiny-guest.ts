/** Guests of a few instructions, assembled by hand, that use the machine's devices. */
import { buildElf } from './elf-builder.ts';

const LOAD = 0x100000;

// Instructions in 32-bit and 64-bit mode alike
const outByte = (port: number): number[] => [0xe6, port]; // out imm8, al
const AL = (value: number): number[] => [0xb0, value]; // mov al, imm8
const AX = (value: number): number[] => [0x66, 0xb8, value & 0xff, value >> 8]; // mov ax, imm16
const DX = (value: number): number[] => [0x66, 0xba, value & 0xff, value >> 8]; // mov dx, imm16
const OUT_DX_AL = [0xee];
const OUT_DX_AX = [0x66, 0xef];
const CLI_HLT = [0xfa, 0xf4];
const COM1 = 0x3f8;
const DEBUG_EXIT = 0xf4;
const ACPI_CONTROL = 0x604;
const SOFT_OFF = 0x3400;

/** A 32-bit kernel that is entered by PVH. */
export function kernel32(code: number[]): Uint8Array {
  return buildElf({
    is64: false,
    entry: LOAD,
    parts: [{ physical: LOAD, bytes: Uint8Array.from(code), memoryBytes: 0x1000 }],
    pvhEntry: LOAD,
  });
}
/** A 64-bit kernel that is entered by Linux's protocol. */
export function kernel64(code: number[]): Uint8Array {
  return buildElf({
    is64: true,
    entry: LOAD,
    parts: [{ physical: LOAD, bytes: Uint8Array.from(code), memoryBytes: 0x1000 }],
  });
}

/** Writes text to COM1. */
const print = (text: string): number[] => [
  ...DX(COM1),
  ...[...new TextEncoder().encode(text)].flatMap((byte) => [...AL(byte), ...OUT_DX_AL]),
];

/** Writes text to COM1, then `value` to the debug exit port. */
export function printAndExit(text: string, value: number): number[] {
  return [...print(text), ...AL(value), ...outByte(DEBUG_EXIT), ...CLI_HLT];
}

export const powerOff = (): number[] => [...DX(ACPI_CONTROL), ...AX(SOFT_OFF), ...OUT_DX_AX, ...CLI_HLT];
/** The keyboard controller's reset pulse. */
export const resetMachine = (): number[] => [...AL(0xfe), ...outByte(0x64), ...CLI_HLT];
/** UD2 with no handlers. */
export const crash = (): number[] => [0x0f, 0x0b];
export const haltForGood = (): number[] => CLI_HLT;
/** Counts in EAX for ever. */
export const spin = (): number[] => [0xff, 0xc0, 0xeb, 0xfc];
export const printAndSpin = (text: string): number[] => [...print(text), ...spin()];

/** Polls COM1 and sends back what comes, until a `q`, for which it exits with 7. */
export function echo(): number[] {
  const poll = [...DX(COM1 + 5), 0xec, 0xa8, 0x01, 0x74, 0xf7]; // in al, dx; test al, 1; jz poll
  const send = [...DX(COM1), 0xec, ...OUT_DX_AL, 0x3c, 'q'.charCodeAt(0)]; // in al, dx; out dx, al; cmp al, 'q'
  const jump = [0x75, -(poll.length + send.length + 2) & 0xff]; // jne poll
  return [...poll, ...send, ...jump, ...AL(7), ...outByte(DEBUG_EXIT), ...CLI_HLT];
}

/** Polls COM1 until something comes, and then sleeps with interrupts on, of which there are none. */
export function pollThenSleep(): number[] {
  const poll = [...DX(COM1 + 5), 0xec, 0xa8, 0x01, 0x74, 0xf7]; // in al, dx; test al, 1; jz poll
  return [...poll, 0xfb, 0xf4, 0xeb, 0xfd]; // sti; hlt; jmp to hlt
}

/** 32-bit: arms the local APIC's timer for about 4 ms, halts with interrupts on, and exits with 3 from the handler. */
export function sleepUntilTimer(): number[] {
  const store = (address: number, value: number): number[] => [0xc7, 0x05, ...dword(address), ...dword(value)]; // mov dword [address], value
  const VECTOR = 0x40;
  const IDT = 0x8000;
  const GATE = IDT + VECTOR * 8;
  const setup = (handler: number): number[] => [
    ...store(GATE, (0x10 << 16) | (handler & 0xffff)),
    ...store(GATE + 4, (handler & 0xffff0000) | 0x8e00),
    ...store(0x9000, (IDT << 16) | 0x7ff), // the pseudo-descriptor for LIDT
    ...store(0x9004, 0),
    0x0f,
    0x01,
    0x1d,
    ...dword(0x9000), // lidt [9000h]
    ...store(0xfee00320, VECTOR), // LVT timer, one-shot
    ...store(0xfee00380, 2_000_000), // initial count; the divider is 2
    0xfb,
    0xf4,
    0xeb,
    0xfd, // sti; hlt; jmp to hlt
  ];
  const handlerOffset = setup(0).length;
  return [...setup(LOAD + handlerOffset), ...AL(3), ...outByte(DEBUG_EXIT), ...CLI_HLT];
}

function dword(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
}
