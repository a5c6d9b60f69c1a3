/** Values as people read them, and addresses as people type them. */
import type { PageWalk, RegisterState, Stop, SymbolPlace } from '../../src/worker/protocol.ts';

const KIB = 1024;

export function hex(value: bigint | number, digits = 1): string {
  return value.toString(16).padStart(digits, '0');
}
/** An address or register of 64 bits in two groups, which eyes can compare. */
export function hex64(value: bigint): string {
  const digits = hex(value, 16);
  return `${digits.slice(0, 8)} ${digits.slice(8)}`;
}
export function bytesText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => hex(byte, 2)).join(' ');
}
export function symbolText(symbol: SymbolPlace | undefined): string {
  if (symbol === undefined) return '';
  return symbol.offset === 0 ? symbol.name : `${symbol.name}+0x${hex(symbol.offset)}`;
}
/** 4096 as `4 KiB`. */
export function sizeText(byteCount: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = byteCount;
  let unit = 0;
  while (value >= KIB && value % KIB === 0 && unit < units.length - 1) {
    value /= KIB;
    unit++;
  }
  return `${value} ${units[unit]!}`;
}
export function countText(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** A sentence about why the machine stands still. */
export function stopText({ reason }: Stop): string {
  switch (reason.kind) {
    case 'pause':
      return 'Paused.';
    case 'step':
      return 'One step done.';
    case 'breakpoint':
      return `Stopped at the breakpoint 0x${hex(reason.linear)}.`;
    case 'address':
      return `Came to 0x${hex(reason.linear)}.`;
    case 'system-call':
      return `A program is about to make system call ${reason.number} with ${reason.instruction}.`;
    case 'user-mode':
      return 'The CPU has come back to user mode.';
    case 'kernel-mode':
      return 'The CPU has gone into the kernel.';
    case 'interrupt':
      return `Interrupt ${reason.vector} was delivered: this is its handler.`;
    case 'exception':
      return `Exception ${reason.name} was delivered: this is its handler.`;
    case 'mode-change':
      return `The CPU went from ${reason.from} to ${reason.to}.`;
    case 'halted':
      return 'The CPU is halted, and nothing is there to wake it.';
    case 'ended':
      return 'The machine has ended.';
  }
}

export function walkText({ result }: PageWalk): string {
  if (result.kind === 'unmapped') return `Not mapped: ${result.reason}.`;
  const rights = [
    result.user ? 'user and kernel' : 'kernel only',
    result.writable ? 'writable' : 'read-only',
    result.executable ? 'executable' : 'not executable',
    ...(result.global ? ['global'] : []),
  ];
  const where = result.ram ? '' : ', which is not RAM';
  return `Mapped to 0x${hex(result.physical)}${where}: a page of ${sizeText(result.pageBytes)}, ${rights.join(', ')}.`;
}

/**
 * An address as typed: hexadecimal with or without 0x, a register's name, or a name of the kernel's, each with `+ number`.
 * Undefined when it is none of them.
 */
export function parseAddress(
  text: string,
  registers: RegisterState | undefined,
  named: (name: string) => bigint | undefined,
): bigint | undefined {
  const match = /^([^+\s]+)\s*(?:\+\s*(?:0x)?([0-9a-f]+))?$/i.exec(text.trim());
  if (match === null) return undefined;
  const [, first = '', more = '0'] = match;
  const base = baseOf(first, registers) ?? named(first);
  if (base === undefined) return undefined;
  return BigInt.asUintN(64, base + BigInt(`0x${more}`));
}

function baseOf(text: string, registers: RegisterState | undefined): bigint | undefined {
  const name = text.toLowerCase();
  if (name === 'rip') return registers?.codeLinear;
  const register = registers?.general.find((other) => other.name === name);
  if (register !== undefined) return register.value;
  const control = registers?.control.find((other) => other.name.toLowerCase() === name);
  if (control !== undefined) return control.value;
  const digits = /^(?:0x)?([0-9a-f]{1,16})$/.exec(name)?.[1];
  return digits === undefined ? undefined : BigInt(`0x${digits}`);
}

/** The name that an address may be of, to be looked up in the guest's kernel. */
export function nameIn(text: string): string | undefined {
  return /^\s*([a-z_.][\w.]*)/i.exec(text)?.[1];
}
