/** What CPUID leaf 1 says, for tables that repeat it (MultiProcessor Specification 1.4 §4.3.1). */
import type { MpCpuIdentity } from './mptable.ts';

export const CPU_IDENTITY: MpCpuIdentity = { signature: 0x00a20f10, features: 0x178bfbff };
