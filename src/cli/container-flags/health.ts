/**
 * Health checks: of flags, of the image (its config's Healthcheck), and what they are together, with Docker's defaults
 * (docs.docker.com/reference/dockerfile, "HEALTHCHECK").
 */
import type { HealthCheck } from '../../container/lifecycle/config.ts';
import type { ImageHealthCheck } from '../../oci/spec.ts';
import { parseDuration, parseInteger, usage } from './values.ts';

const DEFAULTS = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5000, retries: 3 };

export interface HealthFlags {
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
  readonly healthRetries?: string;
  /** False: `--no-healthcheck`. */
  readonly healthcheck: boolean;
}

/** What the flags say; undefined when they say nothing. */
export function readHealthFlags(flags: HealthFlags): ImageHealthCheck | undefined {
  const { healthCmd, healthInterval, healthTimeout, healthStartPeriod, healthStartInterval, healthRetries } = flags;
  const given: ImageHealthCheck = {
    ...(healthCmd ? { test: ['CMD-SHELL', healthCmd] } : {}),
    ...duration('intervalMs', healthInterval, '--health-interval'),
    ...duration('timeoutMs', healthTimeout, '--health-timeout'),
    ...duration('startPeriodMs', healthStartPeriod, '--health-start-period'),
    ...duration('startIntervalMs', healthStartInterval, '--health-start-interval'),
    ...(healthRetries === undefined ? {} : { retries: parseInteger(healthRetries, '--health-retries', 0) }),
  };
  const isGiven = Object.keys(given).length > 0;
  if (!flags.healthcheck && isGiven)
    throw usage('--no-healthcheck and --health-* contradict each other; leave one out');
  if (!flags.healthcheck) return { test: ['NONE'] };
  return isGiven ? given : undefined;
}

function duration(key: keyof ImageHealthCheck, text: string | undefined, flag: string): ImageHealthCheck {
  if (text === undefined) return {};
  const ms = parseDuration(text, flag);
  if (ms > 0 && ms < 1) throw usage(`${flag} ${JSON.stringify(text)} is less than a millisecond; give it more`);
  return { [key]: ms };
}

/** What is checked; undefined when nobody says how. A time of 0 is one that was not given. */
export function mergeHealthChecks(
  own: ImageHealthCheck | undefined,
  image: ImageHealthCheck | undefined,
): HealthCheck | undefined {
  const test = own?.test ?? image?.test ?? [];
  if (test.length === 0) return undefined;
  const value = (key: keyof typeof DEFAULTS): number => own?.[key] || image?.[key] || DEFAULTS[key];
  return {
    test,
    intervalMs: value('intervalMs'),
    timeoutMs: value('timeoutMs'),
    startPeriodMs: value('startPeriodMs'),
    startIntervalMs: value('startIntervalMs'),
    retries: value('retries'),
  };
}
