import { describe, expect, test } from 'vitest';
import { commandText, statusText } from '../../../src/cli/format/container-text.ts';
import type { ContainerState } from '../../../src/container/lifecycle/config.ts';
import { INITIAL_STATE } from '../../../src/container/lifecycle/state.ts';

const NOW = Date.parse('2024-01-02T12:00:00Z');
const at = (time: string): string => `2024-01-02T${time}Z`;
const health = (status: 'starting' | 'healthy' | 'unhealthy'): object => ({
  health: { status, failingStreak: 0, log: [] },
});

describe('the status of a container', () => {
  test.each<[Partial<ContainerState>, string]>([
    [{}, 'Created'],
    [{ status: 'running', startedAt: at('11:57:00') }, 'Up 3 minutes'],
    [{ status: 'running', startedAt: at('12:00:00') }, 'Up Less than a second'],
    [{ status: 'running', startedAt: at('11:00:00'), ...health('healthy') }, 'Up About an hour (healthy)'],
    [{ status: 'running', startedAt: at('11:59:50'), ...health('starting') }, 'Up 10 seconds (health: starting)'],
    [{ status: 'running', startedAt: at('11:59:50'), ...health('unhealthy') }, 'Up 10 seconds (unhealthy)'],
    [{ status: 'paused', startedAt: at('09:00:00') }, 'Up 3 hours (Paused)'],
    [{ status: 'restarting', exitCode: 3, finishedAt: at('11:59:55') }, 'Restarting (3) 5 seconds ago'],
    [{ status: 'exited', startedAt: at('01:00:00'), finishedAt: at('10:00:00') }, 'Exited (0) 2 hours ago'],
    [
      { status: 'exited', exitCode: 137, startedAt: at('01:00:00'), finishedAt: at('11:58:00') },
      'Exited (137) 2 minutes ago',
    ],
    [{ status: 'exited', exitCode: 127, error: 'no such file' }, 'Created'],
    [{ status: 'removing' }, 'Removal In Progress'],
    [{ status: 'dead' }, 'Dead'],
  ])('%j is %j', (state, expected) => {
    expect(statusText({ ...INITIAL_STATE, ...state }, NOW)).toBe(expected);
  });
});

describe('the command of a container', () => {
  const imageDefaults = {
    user: '',
    env: [],
    entrypoint: ['/entry'],
    cmd: ['serve'],
    workingDir: '',
    stopSignal: '',
    labels: {},
    exposedPorts: [],
    volumes: [],
  };

  test.each([
    [{ cmd: [] }, '/entry serve'],
    [{ cmd: ['sh', '-c', 'echo a b'] }, "/entry sh -c 'echo a b'"],
    [{ cmd: [], entrypoint: ['top'] }, 'top'],
    [{ cmd: ['-b'], entrypoint: ['top'] }, 'top -b'],
    [{ cmd: ['x'], entrypoint: [] }, 'x'],
  ])('%j with an image that has both is %j', (config, expected) => {
    expect(commandText({ ...config, imageDefaults })).toBe(expected);
  });
});
