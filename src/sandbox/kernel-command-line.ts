/**
 * What our guest kernel is told (Linux Documentation/admin-guide/kernel-parameters.txt). Frequencies are not among it: the
 * kernel reads them from CPUID and the paravirt clock, and telling them again saves no instruction.
 */

/** Only what ends the kernel: a panic. */
const QUIET_LEVEL = 1;
const VERBOSE_LEVEL = 7;

const ALWAYS = [
  'console=ttyS0', // costs nothing while nothing is printed
  'panic=-1', // reset at once
  'oops=panic', // a kernel that has lost its way is not to be trusted with the program's result
  'tsc=reliable', // ours is, even when a busy host keeps the guest waiting for a long time
  'random.trust_cpu=on',
];

/** The command line. `verbose`: with everything that the kernel has to say. */
export function kernelCommandLine(verbose: boolean): string {
  return [...ALWAYS, `loglevel=${verbose ? VERBOSE_LEVEL : QUIET_LEVEL}`].join(' ');
}
