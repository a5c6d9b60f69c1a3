/** A SystemMachine whose CPU a run loop drives through a debugger: it stands still at its first instruction. */
import type { Stop } from '../../src/machine/inspect/types.ts';
import { TimerQueue } from '../../src/devices/timer-queue.ts';
import { Debugger } from '../../src/machine/inspect/debugger.ts';
import { RunLoop } from '../../src/machine/run-loop.ts';
import { MachineTime } from '../../src/machine/time.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import type { SystemMachine } from './system-machine.ts';

export interface Debugged {
  readonly debug: Debugger;
  readonly loop: RunLoop;
  readonly time: MachineTime;
  readonly timers: TimerQueue;
  /** Goes on and waits for the next stop. */
  until(until?: Parameters<Debugger['resume']>[0]): Promise<Stop>;
}

export function debugged(machine: SystemMachine): Debugged {
  const host = nodeHost();
  const time = new MachineTime(() => host.monotonicNs(), host.unixMs());
  const timers = new TimerQueue(time);
  const { cpu } = machine;
  const debug = new Debugger({ cpu, undisturbed: cpu, timers, time, onClockJump: () => {} });
  const loop = new RunLoop({
    cpu: debug,
    timers,
    scheduler: host,
    onShutdown: () => debug.end(),
    onDeadHalt: () => debug.end(),
    onError: (error) => {
      throw error;
    },
  });
  debug.connect(loop);
  debug.pause();
  loop.start();
  return {
    debug,
    loop,
    time,
    timers,
    until: (until) => {
      debug.resume(until);
      return debug.stopped();
    },
  };
}
