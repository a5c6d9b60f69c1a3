/** Health checks of a container as commands in it, which exec starts. */
import { exitCodeOf } from '../guest-process.ts';
import type { ContainerConfig, HealthState } from '../lifecycle/config.ts';
import type { ExecSession } from './exec-session.ts';
import { HealthMonitor, probeCommand, PROBE_OUTPUT_BYTES_MAX, type ProbeResult } from './health.ts';
import type { PodHost } from './pod-host.ts';

const SIGKILL = 9;
const NO_STATUS = -1;

export interface HealthOptions {
  readonly config: ContainerConfig;
  readonly host: Pick<PodHost, 'nowMs' | 'timestamp'>;
  /** Starts a command in the container. */
  readonly exec: (args: readonly string[]) => Promise<ExecSession>;
  readonly changed: (health: HealthState, isNew: boolean) => void;
  readonly isPaused: () => boolean;
}

/** Begins to check a container; undefined when it has no check. */
export function watchHealth({ config, host, exec, changed, isPaused }: HealthOptions): HealthMonitor | undefined {
  const { healthCheck } = config;
  const command = probeCommand(healthCheck);
  if (healthCheck === undefined || command === undefined) return undefined;
  return new HealthMonitor({
    check: healthCheck,
    probe: async (signal) => runProbe(await exec(command), signal),
    changed,
    isPaused,
    nowMs: () => host.nowMs(),
    timestamp: () => host.timestamp(),
  });
}

async function runProbe(session: ExecSession, signal: AbortSignal): Promise<ProbeResult> {
  const decoder = new TextDecoder();
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    if (output.length < PROBE_OUTPUT_BYTES_MAX) output += decoder.decode(bytes, { stream: true });
  };
  session.attach({ stdout: keep, stderr: keep });
  const stop = (): void => session.kill(SIGKILL);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const status = await session.end;
    const exitCode = status === undefined ? NO_STATUS : exitCodeOf(status);
    return { exitCode, output: output.slice(0, PROBE_OUTPUT_BYTES_MAX) };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
