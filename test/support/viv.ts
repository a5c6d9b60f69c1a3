/** Runs the compiled `viv` as a process, on pipes or on a terminal of its own. Node only. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const VIV = fileURLToPath(new URL('../../bin/viv.mjs', import.meta.url));

export interface VivResult {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

export interface VivOptions {
  /** All of stdin; without it, stdin stays open. */
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
}

/** A home for records and images that no test has named: the user's own is none of ours. */
let testHome: string | undefined;
function homeOfTests(): string {
  testHome ??= mkdtempSync(join(tmpdir(), 'viv-home-'));
  return testHome;
}
afterAll(() => {
  // A supervisor that ends may still write.
  if (testHome !== undefined) rmSync(testHome, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
});

/** A `viv` that runs. */
export class VivProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<VivResult>;
  readonly #stdout: Buffer[] = [];
  #stderr = '';

  constructor(command: string, words: readonly string[], { input, env, cwd }: VivOptions = {}) {
    this.child = spawn(command, words, {
      stdio: 'pipe',
      env: { VIVARIUM_HOME: homeOfTests(), ...process.env, ...env },
      cwd,
    });
    this.child.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.child.stdin.on('error', () => {}); // it may end before it has read everything
    if (input !== undefined) this.child.stdin.end(input);
    this.ended = new Promise((resolve) =>
      this.child.once('close', (status) => {
        resolve({ status, stdout: Buffer.concat(this.#stdout), stderr: this.#stderr });
      }),
    );
  }

  /** Waits until it has printed a text, on stdout or stderr. Rejects when it ends before. */
  async printed(text: string): Promise<void> {
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    while (!this.#printed.includes(text)) {
      if (isOver) throw new Error(`ended without printing ${JSON.stringify(text)}: ${this.#printed}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** What it has printed on stdout so far. */
  get output(): string {
    return Buffer.concat(this.#stdout).toString();
  }

  /** What it has printed on stderr so far. */
  get errors(): string {
    return this.#stderr;
  }

  get #printed(): string {
    return this.output + this.#stderr;
  }
}

/** Starts it. */
export function startViv(words: readonly string[], options?: VivOptions): VivProcess {
  return new VivProcess(process.execPath, ['--', VIV, ...words], options);
}

/** Runs it to its end. */
export function viv(words: readonly string[], options?: VivOptions): Promise<VivResult> {
  return startViv(words, options).ended;
}

/**
 * Starts a shell command that may use `viv`, on a terminal of 33 rows and 101 columns whose device is in `$TTY`.
 * What is sent to stdin is typed; what the terminal shows is stdout.
 */
export function startOnTerminal(command: string, options?: VivOptions): VivProcess {
  const setUp = `stty rows 33 cols 101; TTY=$(tty); viv() { '${process.execPath}' -- '${VIV}' "$@"; };`;
  return new VivProcess(
    'script',
    ['--quiet', '--return', '--flush', '--command', `${setUp} ${command}`, '/dev/null'],
    options,
  );
}
