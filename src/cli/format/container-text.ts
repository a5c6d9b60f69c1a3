/** A container's status in the words of `docker ps`, and its command. */
import type { ContainerConfig, ContainerState } from '../../container/lifecycle/config.ts';
import { NEVER, parseTimeMs } from '../../util/time.ts';
import { humanDuration } from './human.ts';

/** `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`, `Created`. */
export function statusText(state: ContainerState, nowMs: number): string {
  const ago = (time: string): string => humanDuration(Math.max(0, nowMs - parseTimeMs(time)));
  switch (state.status) {
    case 'running':
      return `Up ${ago(state.startedAt)}${healthText(state)}`;
    case 'paused':
      return `Up ${ago(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${ago(state.finishedAt)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      if (state.startedAt === NEVER) return 'Created'; // it could not be started
      return `Exited (${state.exitCode}) ${ago(state.finishedAt)} ago`;
  }
}

function healthText({ health }: ContainerState): string {
  if (health === undefined) return '';
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`;
}

/** What runs in it: entry point and command, the user's or else the image's. */
export function commandOf({
  entrypoint,
  cmd,
  imageDefaults,
}: Pick<ContainerConfig, 'entrypoint' | 'cmd' | 'imageDefaults'>): string[] {
  const first = entrypoint ?? imageDefaults?.entrypoint ?? [];
  // A new entry point makes the image's command void.
  const rest = cmd.length > 0 || entrypoint !== undefined ? cmd : (imageDefaults?.cmd ?? []);
  return [...first, ...rest];
}

/** The same as one text; words with spaces are in single quotes, as Docker shows them. */
export function commandText(config: Pick<ContainerConfig, 'entrypoint' | 'cmd' | 'imageDefaults'>): string {
  const [first = '', ...rest] = commandOf(config);
  return [first, ...rest.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ');
}
