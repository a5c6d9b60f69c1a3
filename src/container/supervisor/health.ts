/**
 * A container's health check: runs its probe again and again and keeps the verdict (docs.docker.com/reference/dockerfile,
 * HEALTHCHECK). A probe is fine with status 0; what it prints is kept for `inspect`, cut to 4 KiB as Docker does.
 */
import type { HealthCheck, HealthState } from '../lifecycle/config.ts';

const LOG_LENGTH = 5;
export const PROBE_OUTPUT_BYTES_MAX = 4096;
const TIMED_OUT_CODE = -1;

/** How a probe ended. */
export interface ProbeResult {
  readonly exitCode: number;
  readonly output: string;
}

export interface HealthMonitorOptions {
  readonly check: HealthCheck;
  /** Runs the probe; the signal ends it. Rejects when it could not be run. */
  readonly probe: (signal: AbortSignal) => Promise<ProbeResult>;
  /** Is told every verdict; `isNew`: it differs from the one before. */
  readonly changed: (state: HealthState, isNew: boolean) => void;
  /** A container that stands still can't answer: then it is not asked, and what is under way does not count unless it is fine. */
  readonly isPaused: () => boolean;
  readonly nowMs: () => number;
  readonly timestamp: () => string;
}

/** The probe's command; undefined when there is no check. */
export function probeCommand(check: HealthCheck | undefined): readonly string[] | undefined {
  const [kind, ...words] = check?.test ?? [];
  if (kind === 'CMD' && words.length > 0) return words;
  if (kind === 'CMD-SHELL' && words.length > 0) return ['/bin/sh', '-c', words.join(' ')];
  return undefined;
}

export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #startedMs: number;
  readonly #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #state: HealthState = { status: 'starting', failingStreak: 0, log: [] };
  #wasHealthy = false;

  /** Starts probing. */
  constructor(options: HealthMonitorOptions) {
    this.#options = options;
    this.#startedMs = options.nowMs();
    options.changed(this.#state, false);
    this.#schedule();
  }

  get state(): HealthState {
    return this.#state;
  }

  /** The container has ended. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  #schedule(): void {
    const { intervalMs, startIntervalMs } = this.#options.check;
    const pauseMs = this.#isStarting() ? Math.min(startIntervalMs, intervalMs) : intervalMs;
    this.#timer = setTimeout(() => void this.#run(), pauseMs);
  }

  #isStarting(): boolean {
    return !this.#wasHealthy && this.#options.nowMs() - this.#startedMs < this.#options.check.startPeriodMs;
  }

  async #run(): Promise<void> {
    const { check, probe, timestamp, isPaused } = this.#options;
    if (isPaused()) {
      this.#schedule();
      return;
    }
    const start = timestamp();
    const timeout = AbortSignal.timeout(check.timeoutMs);
    let result: ProbeResult;
    try {
      result = await probe(AbortSignal.any([timeout, this.#stop.signal]));
      if (timeout.aborted)
        result = { exitCode: TIMED_OUT_CODE, output: `Health check exceeded timeout (${check.timeoutMs / 1000}s)` };
    } catch (error) {
      result = { exitCode: TIMED_OUT_CODE, output: error instanceof Error ? error.message : String(error) };
    }
    if (this.#stop.signal.aborted) return;
    if (result.exitCode === 0 || !isPaused()) this.#judge({ start, end: timestamp(), ...result });
    this.#schedule();
  }

  #judge(entry: HealthState['log'][number]): void {
    const before = this.#state;
    const log = [...before.log, entry].slice(-LOG_LENGTH);
    if (entry.exitCode === 0) {
      this.#wasHealthy = true;
      this.#state = { status: 'healthy', failingStreak: 0, log };
    } else {
      // A failure does not count while it starts.
      const failingStreak = this.#isStarting() ? before.failingStreak : before.failingStreak + 1;
      const isUnhealthy = failingStreak >= this.#options.check.retries;
      this.#state = { status: isUnhealthy ? 'unhealthy' : before.status, failingStreak, log };
    }
    this.#options.changed(this.#state, this.#state.status !== before.status);
  }
}
