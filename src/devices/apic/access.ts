/**
 * How the guest reaches its local APIC's registers: the xAPIC page (SDM 3A §11.4.1) and the MSRs of x2APIC mode (§11.12.1),
 * IA32_APIC_BASE and IA32_TSC_DEADLINE.
 */
import type { AccessSize, MmioDevice } from '../bus.ts';
import type { LocalApic } from './local-apic.ts';
import * as R from './registers.ts';

const DWORD_BITS = 32n;
const ALL_ONES = 0xffffffff;
const LVT_READ_ONLY = R.LVT_REMOTE_IRR | (1 << 12); // and delivery status
/** Registers that can be written in x2APIC mode with the bits that may be set; others fault (table 11-6). */
const X2APIC_WRITABLE: ReadonlyMap<number, number> = new Map([
  [R.TPR, 0xff],
  [R.EOI, 0],
  [R.SVR, R.SVR_WRITABLE],
  [R.ESR, 0],
  [R.LVT_TIMER, R.LVT_TIMER_WRITABLE | LVT_READ_ONLY],
  [R.LVT_THERMAL, R.LVT_INTERNAL_WRITABLE | LVT_READ_ONLY],
  [R.LVT_PERFORMANCE, R.LVT_INTERNAL_WRITABLE | LVT_READ_ONLY],
  [R.LVT_LINT0, R.LVT_LINT_WRITABLE | LVT_READ_ONLY],
  [R.LVT_LINT1, R.LVT_LINT_WRITABLE | LVT_READ_ONLY],
  [R.LVT_ERROR, R.LVT_ERROR_WRITABLE | LVT_READ_ONLY],
  [R.TIMER_INITIAL, ALL_ONES],
  [R.TIMER_DIVIDE, R.DIVIDE_WRITABLE],
  [R.SELF_IPI, R.VECTOR_MASK],
]);
/** Registers of the xAPIC page that x2APIC mode does not have, or has for writing only. */
const NOT_READABLE_IN_X2APIC: readonly number[] = [R.APR, R.EOI, R.RRD, R.DFR, R.ICR_HIGH];

/** The register page, at {@link R.APIC_DEFAULT_BASE}, that each CPU sees its own APIC in. */
export class ApicPage implements MmioDevice {
  readonly #current: () => LocalApic;

  /** @param current the local APIC of the CPU that makes the access. */
  constructor(current: () => LocalApic) {
    this.#current = current;
  }

  mmioRead(offset: number, size: AccessSize): number {
    const apic = this.#current();
    if (!apic.isEnabled || apic.isX2Apic) return ALL_ONES;
    const byte = offset & 0xf;
    if (byte >= 4) return 0; // registers are the first dword of each 16 bytes
    const value = readRegister(apic, offset >> R.REGISTER_SHIFT);
    if (value === undefined) {
      apic.reportError(R.ESR_ILLEGAL_REGISTER);
      return 0;
    }
    return size === 4 && byte === 0 ? value : value >>> (8 * byte);
  }

  /** Takes whole, aligned registers only: others are undefined (§11.4.1) and ignored. */
  mmioWrite(offset: number, size: AccessSize, value: number): void {
    const apic = this.#current();
    if (!apic.isEnabled || apic.isX2Apic || size !== 4 || (offset & 0xf) !== 0) return;
    if (!writeRegister(apic, offset >> R.REGISTER_SHIFT, value)) apic.reportError(R.ESR_ILLEGAL_REGISTER);
  }
}

/** Whether an MSR belongs to the local APIC. */
export function isApicMsr(index: number): boolean {
  return (
    index === R.IA32_APIC_BASE ||
    index === R.IA32_TSC_DEADLINE ||
    (index >= R.X2APIC_MSR_FIRST && index <= R.X2APIC_MSR_LAST)
  );
}

/** RDMSR: the value, or undefined for #GP(0). */
export function readApicMsr(apic: LocalApic, index: number): bigint | undefined {
  if (index === R.IA32_APIC_BASE) return (BigInt(apic.baseHigh) << DWORD_BITS) | BigInt(apic.baseLow);
  if (index === R.IA32_TSC_DEADLINE) return apic.timer.tscDeadline;
  if (!isApicMsr(index) || !apic.isX2Apic) return undefined;
  const register = index - R.X2APIC_MSR_FIRST;
  if (NOT_READABLE_IN_X2APIC.includes(register)) return undefined;
  const value = readRegister(apic, register);
  if (value === undefined) return undefined;
  return register === R.ICR_LOW ? (BigInt(apic.commandHigh) << DWORD_BITS) | BigInt(value) : BigInt(value);
}

/** WRMSR with EAX and EDX: false for #GP(0). */
export function writeApicMsr(apic: LocalApic, index: number, low: number, high: number): boolean {
  if (index === R.IA32_APIC_BASE) return apic.setBase(low, high);
  if (index === R.IA32_TSC_DEADLINE) {
    apic.timer.tscDeadline = (BigInt(high >>> 0) << DWORD_BITS) | BigInt(low >>> 0);
    return true;
  }
  if (!isApicMsr(index) || !apic.isX2Apic) return false;
  const register = index - R.X2APIC_MSR_FIRST;
  if (register === R.ICR_LOW) {
    if ((low & R.ICR_X2APIC_RESERVED) !== 0) return false;
    apic.commandHigh = high;
    apic.sendCommand(low);
    return true;
  }
  const writable = X2APIC_WRITABLE.get(register);
  if (writable === undefined || high !== 0 || (low & ~writable) !== 0) return false;
  if (register === R.SELF_IPI) apic.sendSelf(low);
  else writeRegister(apic, register, low >>> 0);
  return true;
}

/** A register's value, or undefined if there is none. */
function readRegister(apic: LocalApic, register: number): number | undefined {
  switch (register) {
    case R.ID:
      return apic.isX2Apic ? apic.id : (apic.id << R.XAPIC_ID_SHIFT) >>> 0;
    case R.VERSION:
      return apic.version;
    case R.TPR:
      return apic.tpr;
    case R.APR:
    case R.EOI:
    case R.RRD:
      return 0;
    case R.PPR:
      return apic.processorPriority;
    case R.LDR:
      return apic.logicalDestination;
    case R.DFR:
      return apic.destinationFormat;
    case R.SVR:
      return apic.spurious;
    case R.ESR:
      return apic.errorStatus;
    case R.ICR_LOW:
      return apic.commandLow;
    case R.ICR_HIGH:
      return apic.commandHigh;
    case R.TIMER_INITIAL:
      return apic.timer.initial;
    case R.TIMER_CURRENT:
      return apic.timer.current;
    case R.TIMER_DIVIDE:
      return apic.timer.divide;
    default:
      if (register >= R.LVT_TIMER && register <= R.LVT_ERROR) return apic.lvt(register);
      for (const first of [R.ISR_0, R.TMR_0, R.IRR_0]) {
        if (register >= first && register < first + R.VECTOR_WORDS) return apic.vectorWord(first, register - first);
      }
      return undefined;
  }
}

/** Writes a register; read-only ones ignore it. False if there is none. */
function writeRegister(apic: LocalApic, register: number, value: number): boolean {
  switch (register) {
    case R.TPR:
      apic.tpr = value;
      return true;
    case R.EOI:
      apic.endOfInterrupt();
      return true;
    case R.LDR:
      apic.logicalDestination = value;
      return true;
    case R.DFR:
      apic.destinationFormat = value;
      return true;
    case R.SVR:
      apic.spurious = value;
      return true;
    case R.ESR:
      apic.latchErrors();
      return true;
    case R.ICR_LOW:
      apic.sendCommand(value);
      return true;
    case R.ICR_HIGH:
      apic.commandHigh = value;
      return true;
    case R.TIMER_INITIAL:
      apic.timer.initial = value;
      return true;
    case R.TIMER_DIVIDE:
      apic.timer.divide = value;
      return true;
    default:
      if (register >= R.LVT_TIMER && register <= R.LVT_ERROR) {
        apic.setLvt(register, value);
        return true;
      }
      return readRegister(apic, register) !== undefined;
  }
}
