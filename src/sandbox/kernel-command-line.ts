/**
 * What our guest kernel is told (Linux Documentation/admin-guide/kernel-parameters.txt). It is told what it would
 * otherwise measure, since measuring takes longer than anything else it does on the way to the agent.
 */

/** The machine's TSC ticks a nanosecond; src/machine/time.ts says the same to the guest by CPUID. */
const TSC_KHZ = 1_000_000;
/** Loops a jiffy of the kernel's delay loop, which reads the TSC, at its 100 jiffies a second. */
const LOOPS_PER_JIFFY = 10_000_000;
/** Only what ends the kernel: a panic. */
const QUIET_LEVEL = 1;
const VERBOSE_LEVEL = 7;

const ALWAYS = [
  'console=ttyS0',
  'panic=-1',
  'oops=panic',
  `tsc_early_khz=${TSC_KHZ}`,
  'tsc=reliable',
  `lpj=${LOOPS_PER_JIFFY}`,
  'no_timer_check',
  'random.trust_cpu=on',
];

/** The command line. `verbose`: with everything that the kernel has to say. */
export function kernelCommandLine(verbose: boolean): string {
  return [...ALWAYS, `loglevel=${verbose ? VERBOSE_LEVEL : QUIET_LEVEL}`].join(' ');
}
