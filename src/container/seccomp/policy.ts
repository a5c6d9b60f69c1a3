/**
 * What a seccomp filter decides, call by call: the common form of Docker's default profile and of profiles that users bring.
 * seccomp(2) has the actions and their values.
 */

/** What the kernel does with a call: the value that a filter returns. */
export const Action = {
  KILL_PROCESS: 0x80000000,
  KILL_THREAD: 0x00000000,
  TRAP: 0x00030000,
  ERRNO: 0x00050000,
  TRACE: 0x7ff00000,
  LOG: 0x7ffc0000,
  ALLOW: 0x7fff0000,
} as const;

const DATA_MASK = 0xffff;
export const EPERM = 1;
export const ENOSYS = 38;

/** The call fails with that error. */
export function failWith(errno: number): number {
  return Action.ERRNO + (errno & DATA_MASK);
}

export type Comparison = 'EQ' | 'NE' | 'GT' | 'GE' | 'LT' | 'LE' | 'MASKED_EQ';

/** About one of a call's six arguments, as an unsigned number. */
export interface Condition {
  readonly argument: number;
  readonly comparison: Comparison;
  /** Of MASKED_EQ: the mask. */
  readonly value: bigint;
  /** Of MASKED_EQ: what the masked argument must be. */
  readonly masked: bigint;
}

export interface Rule {
  /** All of them must hold. */
  readonly conditions: readonly Condition[];
  readonly action: number;
}

/** What happens to a call: what the first rule says whose conditions hold, else `otherwise`. */
export interface Decision {
  readonly rules: readonly Rule[];
  readonly otherwise: number;
}

export interface SeccompPolicy {
  /** For a call that the kernel has; by its name. */
  readonly decide: (name: string) => Decision;
  /** For numbers between the kernel's calls. */
  readonly unknown: number;
  /** For numbers beyond the last one: what a newer kernel may have. */
  readonly newer: number;
  /** For i386 programs: undefined when they have the same rules, else what happens to all their calls. */
  readonly i386?: number | undefined;
}
