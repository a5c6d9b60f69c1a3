/** Where the steps of a session run: sh in a folder of its own, with `viv` and `eventually` on its PATH. Node only. */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './compare.ts';

const STEP_MS = 90_000;
const TIMED_OUT = 124; // as timeout(1) has it

/** `eventually TEXT COMMAND…` repeats a command until it prints just that text, and prints what it printed last. */
const EVENTUALLY = `#!/bin/sh
want=$1
shift
tries=0
while got=$("$@" 2>&1); [ "$got" != "$want" ] && [ $tries -lt 100 ]; do
  tries=$((tries + 1))
  sleep 0.2
done
printf '%s\\n' "$got"
`;

export interface SessionShellOptions {
  /** Shell words that stand for `viv`. */
  readonly viv: string;
  readonly env: Readonly<Record<string, string>>;
}

export class SessionShell {
  /** Removed in the end. The steps run in `work` below it, and `viv` has its state in `home`. */
  readonly folder: string;
  readonly work: string;
  readonly home: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor({ viv, env }: SessionShellOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'vivarium-session-'));
    const own = (name: string): string => {
      const path = join(this.folder, name);
      mkdirSync(path, { mode: 0o700 });
      return path;
    };
    const bin = own('bin');
    this.work = own('work');
    this.home = own('home');
    program(join(bin, 'viv'), `#!/bin/sh\nexec ${viv} "$@"\n`);
    program(join(bin, 'eventually'), EVENTUALLY);
    this.#env = {
      ...process.env,
      ...env,
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      LC_ALL: 'C',
      TZ: 'UTC',
      VIVARIUM_HOME: this.home,
      VIVARIUM_CONFIG: own('config'),
      VIVARIUM_RUNTIME: own('run'),
      DOCKER_CONFIG: own('docker'),
    };
  }

  /** Runs a command to its end; one that takes too long is killed, with a note on stderr. */
  run(command: string): Promise<Outcome> {
    const child = spawn('sh', ['-c', command], {
      cwd: this.work,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a process group, to be killed as a whole
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    return new Promise((resolve, reject) => {
      let isLate = false;
      const end = (status: number | null): void => {
        clearTimeout(timer);
        if (isLate) stderr += `(killed after ${STEP_MS / 1000} seconds)\n`;
        resolve({ stdout, stderr, status: status ?? TIMED_OUT });
      };
      const timer = setTimeout(() => {
        isLate = true;
        process.kill(-child.pid!, 'SIGKILL');
        // Something that outlives it may hold its pipes.
        setTimeout(() => end(null), 1000).unref();
      }, STEP_MS);
      child.once('error', reject).once('close', end);
    });
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}
