/** What an embed page shows, a lab or a machine, as the page around it asks for it. */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import type { Computer } from '../../src/sandbox/computer.ts';
import type { LabProgress } from '../lab/lab-element.ts';
import type { EmbedRequest, RunResult } from './protocol.ts';

type RunRequest = Extract<EmbedRequest, { readonly type: 'vivarium:run' }>;

export interface EmbedTarget {
  readonly kind: 'lab' | 'machine';
  readonly element: HTMLElement;
  readonly isReady: boolean;
  run(request: RunRequest): Promise<RunResult>;
  type(command: string): Promise<void>;
  check(step: string | undefined): Promise<boolean>;
  reset(step: string | undefined): Promise<void>;
  progress(): LabProgress;
}

export function labTarget(src: URL, step: string | undefined): EmbedTarget {
  const element = document.createElement('viv-lab');
  element.src = src.href;
  if (step !== undefined) element.step = step;
  return {
    kind: 'lab',
    element,
    get isReady() {
      return element.isReady;
    },
    run: (request) => runIn(element.computer(), request),
    type: (command) => element.typeCommand(command),
    check: (id) => element.check(id),
    reset: (id) => element.reset(id),
    progress: () => element.progress,
  };
}

/** @param query has `image`, and perhaps `memory`, `command`, `keep`. */
export function machineTarget(query: URLSearchParams): EmbedTarget {
  const element = document.createElement('viv-machine');
  for (const name of ['image', 'memory', 'command', 'keep']) {
    const value = query.get(name);
    if (value !== null) element.setAttribute(name, value);
  }
  element.autostart = true;
  const noLab = (): VivariumError =>
    new VivariumError(ErrorCodes.USAGE, 'this page shows a machine without a lab; name a lab by ?lab= in its address');
  return {
    kind: 'machine',
    element,
    get isReady() {
      return element.state === 'running';
    },
    run: async (request) => runIn(await element.start(), request),
    type: async (command) => {
      await element.start();
      await element.terminals!.typeCommand(command);
    },
    check: () => Promise.reject(noLab()),
    reset: () => Promise.reject(noLab()),
    progress: () => {
      throw noLab();
    },
  };
}

async function runIn(computer: Computer, { args, input, timeoutMs }: RunRequest): Promise<RunResult> {
  const { exit, stdout, stderr, timedOut } = await computer.run({
    args,
    timeoutMs,
    input: input === undefined ? undefined : new TextEncoder().encode(input),
  });
  const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
  return { exitCode: exit.exitCode, stdout: text(stdout), stderr: text(stderr), timedOut };
}
