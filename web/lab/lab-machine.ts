/** A lab's run in a page: its machines are a site's, its progress is in the browser. */
import type { Lab, LabMachine } from '../../src/lab/format/lab.ts';
import { LabRun } from '../../src/lab/run/lab-run.ts';
import type { LabClock } from '../../src/lab/run/runner.ts';
import type { Computer } from '../../src/sandbox/computer.ts';
import type { StartMachine, StartOptions, StartReports } from '../machine/start-machine.ts';
import type { LoadedLab } from './load-lab.ts';
import { pageProgress } from './progress-store.ts';

/** Least pause between checks of the step that the student is at. */
const POLL_MS = 3000;

const pageClock: LabClock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

export function makeLabRun(loaded: LoadedLab, startMachine: StartMachine, reports: StartReports): LabRun<Computer> {
  const { lab } = loaded;
  return new LabRun<Computer>({
    lab,
    startComputer: (machine, { fresh, signal }) =>
      startMachine(
        {
          ...startOptions(lab, machine, loaded.imageOf(machine)),
          fresh,
          signal,
          onTrouble: (error) => reports.onNotice(error.message),
        },
        reports,
      ),
    clock: pageClock,
    store: pageProgress,
    pollMs: POLL_MS,
  });
}

/** @param image a name of the site, or the address of an image.json. */
function startOptions({ id }: Lab, machine: LabMachine, image: string): StartOptions {
  const { name, memoryBytes, storageBytes, hostname, env, privileged } = machine;
  return { image, memoryBytes, storageBytes, hostname, env, isolation: { privileged }, keep: `lab-${id}-${name}` };
}
