/**
 * Every error a user can meet, in one place. Codes are stable; messages are one lower-case sentence that names the
 * object and the remedy. A guest fault never becomes one of these; our own bugs throw {@link AssertionError}.
 */
export const ErrorCodes = {
  /** The command line or an option is wrong. */
  USAGE: 'USAGE',
  /** A file or folder is not there or can't be read. */
  NOT_FOUND: 'NOT_FOUND',
  /** An image archive, layout or manifest is broken or hostile. */
  BAD_IMAGE: 'BAD_IMAGE',
  /** A digest does not match the content. */
  DIGEST_MISMATCH: 'DIGEST_MISMATCH',
  /** No manifest for a platform that Vivarium runs. */
  UNSUPPORTED_PLATFORM: 'UNSUPPORTED_PLATFORM',
  /** A stated limit (size, count) is exceeded. */
  LIMIT: 'LIMIT',
  /** The kernel file is not something we can boot. */
  BAD_KERNEL: 'BAD_KERNEL',
  /** RAM size too small or too large. */
  BAD_MEMORY_SIZE: 'BAD_MEMORY_SIZE',
  /** The guest stopped: triple fault. */
  TRIPLE_FAULT: 'TRIPLE_FAULT',
  /** The guest kernel panicked. */
  GUEST_PANIC: 'GUEST_PANIC',
  /** The guest's CPU halted for good. */
  GUEST_HALTED: 'GUEST_HALTED',
  /** The guest reset or switched off its machine when nobody had asked for it. */
  GUEST_STOPPED: 'GUEST_STOPPED',
  /** A program in the guest could not be started. */
  START_FAILED: 'START_FAILED',
  /** The guest agent did not answer as agreed. */
  AGENT: 'AGENT',
  /** Something built is missing. */
  NOT_BUILT: 'NOT_BUILT',
  /** The image store is corrupt, or its folder can't be read or written. */
  STORE: 'STORE',
  /** The disk is full. */
  NO_SPACE: 'NO_SPACE',
  /** Something is still used, or already there. */
  CONFLICT: 'CONFLICT',
  /** A registry can't be reached, fails, or answers what the distribution specification does not allow. */
  REGISTRY: 'REGISTRY',
  /** A registry refuses: no credentials, wrong ones, or no right. */
  UNAUTHORIZED: 'UNAUTHORIZED',
  /** A file of a container, or one that is copied to or from it, can't be read or written. */
  FILES: 'FILES',
  /** Something that a page needs can't be fetched. */
  NETWORK: 'NETWORK',
  /** A saved state can't be loaded. */
  BAD_STATE: 'BAD_STATE',
  /** A computer went back to a saved state: what was under way in it is gone. */
  RESTORED: 'RESTORED',
  /** A lab's folder has mistakes. */
  BAD_LAB: 'BAD_LAB',
  /** Something in a lab is not possible now: its step is not open yet, or a machine has failed. */
  LAB: 'LAB',
} as const;
export type ErrorCode = (typeof ErrorCodes)[keyof typeof ErrorCodes];

/** A user error: typed, with a stable code. */
export class VivariumError extends Error {
  override name = 'VivariumError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Our bug: stops the machine it happened in, and no other. */
export class AssertionError extends Error {
  override name = 'AssertionError';
}
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}
