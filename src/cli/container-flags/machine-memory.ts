/** How much memory the machine of a container has. */
import { DEFAULT_MEMORY_BYTES } from '../../sandbox/run-options.ts';
import { parseMemorySize } from '../sizes.ts';

const MIB = 2 ** 20;
/** Kernel, initramfs and agent, and the tables in which the kernel keeps book of pages. */
const KERNEL_BYTES = 96 * MIB;
/** Few sizes, so that a booted guest in the cache serves many limits. */
const STEP_BYTES = 256 * MIB;
const MACHINE_BYTES_MAX = 3072 * MIB;

/** What `--machine-memory` says; else what a container's limit and the kernel need, and no less than usual. Throws USAGE. */
export function machineMemoryBytes(given: string | undefined, limitBytes = 0): number {
  if (given !== undefined) return parseMemorySize(given);
  const needed = Math.ceil((limitBytes + KERNEL_BYTES) / STEP_BYTES) * STEP_BYTES;
  return Math.min(Math.max(needed, DEFAULT_MEMORY_BYTES), MACHINE_BYTES_MAX);
}
