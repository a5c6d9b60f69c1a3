/** The time-stamp counter: the machine's clock in TSC ticks plus the guest's offset. SDM Vol. 3B, 17.17. */
import { MSR_TSC_ADJUST, TSC_OFFSET } from '../layout';
import { tsc } from '../host';

export function readTsc(): u64 {
  return <u64>tsc() + load<u64>(TSC_OFFSET);
}
/** WRMSR IA32_TIME_STAMP_COUNTER also moves IA32_TSC_ADJUST by the same amount. */
export function writeTsc(value: u64): void {
  const delta = value - readTsc();
  store<u64>(TSC_OFFSET, load<u64>(TSC_OFFSET) + delta);
  store<u64>(MSR_TSC_ADJUST, load<u64>(MSR_TSC_ADJUST) + delta);
}
export function writeTscAdjust(value: u64): void {
  store<u64>(TSC_OFFSET, load<u64>(TSC_OFFSET) + (value - load<u64>(MSR_TSC_ADJUST)));
  store<u64>(MSR_TSC_ADJUST, value);
}
