/** Trying again what may go better: when, and how often. */
import { VivariumError } from '../../util/errors.ts';

/** Time and chance, as the host has them. */
export interface RetryHost {
  nowMs(): number;
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** From 0 to below 1. */
  random(): number;
}

export interface RetryPolicy {
  /** Tries without any progress before it is given up. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** A registry that asks for more patience than this is given up at once. */
  readonly longestRetryAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  firstDelayMs: 500,
  longestDelayMs: 15_000,
  longestRetryAfterMs: 120_000,
};

/** Doubles with each attempt, and takes a random half off, so that many clients don't come back at once. */
export function backOffMs(policy: RetryPolicy, failures: number, random: number): number {
  const full = Math.min(policy.firstDelayMs * 2 ** (failures - 1), policy.longestDelayMs);
  return Math.round(full / 2 + (full / 2) * random);
}

/** Milliseconds that a Retry-After header asks for (RFC 9110 §10.2.3): seconds, or a date. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** A failure that may pass: too many requests, an overloaded server. Says when to come back, if the server did. */
export class TransientError extends VivariumError {
  readonly retryAfterMs: number | undefined;

  constructor(message: string, retryAfterMs: number | undefined) {
    super('REGISTRY', message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** How long to wait after a failure; `undefined` to give up. */
export function waitAfter(
  error: TransientError | Error,
  failures: number,
  policy: RetryPolicy,
  random: number,
): number | undefined {
  if (failures >= policy.attempts) return undefined;
  const delay = backOffMs(policy, failures, random);
  if (!(error instanceof TransientError) || error.retryAfterMs === undefined) return delay;
  return error.retryAfterMs > policy.longestRetryAfterMs ? undefined : Math.max(delay, error.retryAfterMs);
}
