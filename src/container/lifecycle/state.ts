/** What a container's state may be, and what may follow what (Docker Engine API, "ContainerState"). */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { NEVER } from '../../util/time.ts';
import type { ContainerState } from './config.ts';

export type Status = ContainerState['status'];

/** Of a container that has just been made. */
export const INITIAL_STATE: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: NEVER,
  finishedAt: NEVER,
  restartCount: 0,
  stoppedByUser: false,
};

const FOLLOWERS: Readonly<Record<Status, readonly Status[]>> = {
  created: ['running', 'exited', 'removing', 'dead'],
  running: ['paused', 'restarting', 'exited', 'removing', 'dead'],
  paused: ['running', 'restarting', 'exited', 'removing', 'dead'],
  restarting: ['running', 'exited', 'removing', 'dead'],
  exited: ['running', 'restarting', 'removing', 'dead'],
  removing: ['dead'],
  dead: ['removing'],
};

/** Whether a supervisor has to do with it: somebody must be there who waits for its end. */
export function isActive({ status }: Pick<ContainerState, 'status'>): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting';
}

/** Throws CONFLICT when the one can't follow the other. Staying the same is always allowed. */
export function checkTransition(id: string, from: Status, to: Status): void {
  if (from === to || FOLLOWERS[from].includes(to)) return;
  throw new VivariumError(ErrorCodes.CONFLICT, `container ${id} is ${from}, so it can't become ${to}`);
}
