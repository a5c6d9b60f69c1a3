/** What CPUID leaf 1 says (assembly/system/cpuid.ts), for tables that repeat it (MultiProcessor Specification 1.4 §4.3.1). */
import type { MpCpuIdentity } from './mptable.ts';

export const CPU_IDENTITY: MpCpuIdentity = { signature: 0x00830f10, features: 0x078bbb7d };
