/** `viv` with records of its own, for tests of containers that outlive a command. Node only. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOnTerminal, startViv, viv, type VivProcess } from './viv.ts';

const POLL_MS = 20;
const PATIENCE_MS = 60_000;

/** What a command printed, as tests compare it. */
export interface Printed {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** A user's folder with containers in it. */
export class ContainerHome {
  readonly folder = mkdtempSync(join(tmpdir(), 'viv-life-'));

  get env(): Record<string, string> {
    return { VIVARIUM_HOME: join(this.folder, 'home'), VIVARIUM_RUNTIME: join(this.folder, 'run') };
  }

  /** Runs a command to its end. */
  async run(words: readonly string[], input?: string): Promise<Printed> {
    const { status, stdout, stderr } = await viv(words, { env: this.env, ...(input === undefined ? {} : { input }) });
    return { status, out: stdout.toString(), err: stderr };
  }

  /** The output of a command that must go well. */
  async out(...words: readonly string[]): Promise<string> {
    const { status, out, err } = await this.run(words);
    if (status !== 0) throw new Error(`viv ${words.join(' ')}: status ${status}: ${err}`);
    return out;
  }

  /** Starts a command. */
  start(...words: readonly string[]): VivProcess {
    return startViv(words, { env: this.env });
  }

  /** Starts a shell command on a terminal, in which `viv` is ours. */
  terminal(command: string): VivProcess {
    return startOnTerminal(command, { env: this.env });
  }

  /** Starts a container in the background; resolves to its ID. */
  async detached(...words: readonly string[]): Promise<string> {
    return (await this.out('run', '-d', ...words)).trim();
  }

  /** The id of a container, by its name. */
  idOf(name: string): string {
    return readFileSync(join(this.env['VIVARIUM_HOME']!, 'containers', 'names', name), 'utf8').trim();
  }

  /** A file of a container's record. */
  record(id: string, file: string): string {
    return readFileSync(join(this.env['VIVARIUM_HOME']!, 'containers', id, file), 'utf8');
  }

  state(id: string): {
    status: string;
    exitCode: number;
    error: string;
    pid: number;
    restartCount: number;
    oomKilled: boolean;
    health?: { status: string };
  } {
    return JSON.parse(this.record(id, 'state.json')) as ReturnType<ContainerHome['state']>;
  }

  /** The lines of its log. */
  log(id: string): string {
    return this.record(id, 'container.log')
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { log: string }).log)
      .join('');
  }

  /** Process number of the supervisor of a pod. */
  supervisorPid(pod: string): number {
    const text = readFileSync(join(this.env['VIVARIUM_HOME']!, 'pods', pod, 'supervisor.json'), 'utf8');
    return (JSON.parse((JSON.parse(text) as { owner: string }).owner) as { pid: number }).pid;
  }

  /** Actions of the events of a container, in order. */
  events(id: string): string[] {
    return readFileSync(join(this.env['VIVARIUM_HOME']!, 'events', 'events.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { id: string; action: string })
      .filter((event) => event.id === id)
      .map(({ action }) => action);
  }

  /** Ends all that still runs, and removes everything. */
  remove(): void {
    const pods = join(this.env['VIVARIUM_HOME']!, 'pods');
    for (const pod of safely(() => readdirSync(pods)) ?? []) {
      const pid = safely(() => this.supervisorPid(pod));
      if (pid !== undefined) safely(() => process.kill(pid, 'SIGKILL'));
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function safely<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Waits until something holds; `what` names it when it never does. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await Promise.resolve(safely(holds) ?? false).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`it never came to be that ${what}`);
}

/** Whether a process lives. */
export function isAlive(pid: number): boolean {
  return safely(() => process.kill(pid, 0)) === true;
}
