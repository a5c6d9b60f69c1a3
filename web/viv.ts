/**
 * What a page gets of Vivarium by one script: the elements <viv-machine> and <viv-lab>, and
 * `import { openSite, startComputer } from './viv.js'`.
 */
export { GuestFailure } from '../src/container/guest-failure.ts';
export { StartError } from '../src/container/start-error.ts';
export { Computer } from '../src/sandbox/computer.ts';
export type {
  ComputerOptions,
  ComputerSnapshot,
  ProgramOptions,
  ProgramResult,
  RunProgramOptions,
} from '../src/sandbox/computer-options.ts';
export { ErrorCodes, VivariumError, type ErrorCode } from '../src/util/errors.ts';
export { startComputer, type StartedComputer } from './site/computer.ts';
export { keepOffline } from './site/offline.ts';
export { openSite, type FetchProgress, type SiteOptions, type SiteParts } from './site/site.ts';
export { VivLab, type LabProgress } from './lab/lab-element.ts';
export { VivMachine, type MachineState } from './machine/machine-element.ts';
