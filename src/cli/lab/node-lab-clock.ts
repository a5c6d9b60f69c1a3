import type { LabClock } from '../../lab/run/runner.ts';

/** The host's time. */
export function nodeLabClock(): LabClock {
  return {
    now: () => performance.now(),
    after: (milliseconds, call) => {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}
