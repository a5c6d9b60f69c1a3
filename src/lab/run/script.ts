/**
 * Runs a lab's script in a machine. A script without a `#!` line, or with one for a shell, is the shell's word after `-c`: so no
 * file of it lies in the machine for the student to find. Any other interpreter gets it as a file that is there while it runs.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { Script } from '../format/lab.ts';
import type { LabComputer, LabProgramResult } from './computer.ts';

/** As a shell script that stops at the first command that fails. */
const DEFAULT_INTERPRETER = ['/bin/sh', '-e'];
const SHELLS = ['sh', 'ash', 'bash', 'dash', 'ksh', 'mksh', 'zsh'];
const FOLDER = '/tmp';
const FILE_MODE = 0o755;
const OUTPUT_BYTES_MAX = 64 << 10;
/** As shells have it: a command that can't be executed, and one that is not there. */
const EXIT_NOT_EXECUTABLE = 126;
const EXIT_NOT_FOUND = 127;
const LINE_CHARS_MAX = 300;

export interface ScriptOptions {
  readonly user: string | undefined;
  readonly cwd: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type ScriptEnd =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly lastLine: string | undefined }
  /** It did not do its work: one sentence why. */
  | { readonly kind: 'broken'; readonly reason: string };

let count = 0;

/** Rejects when the machine fails or `signal` aborts. */
export async function runScript(computer: LabComputer, script: Script, options: ScriptOptions): Promise<ScriptEnd> {
  const interpreter = interpreterOf(script.text);
  const run = async (args: readonly string[]): Promise<LabProgramResult> => {
    const result = await computer.run({
      args,
      timeoutMs: options.timeoutMs,
      outputBytesMax: OUTPUT_BYTES_MAX,
      signal: options.signal,
      ...(options.user === undefined ? {} : { user: options.user }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    options.signal.throwIfAborted(); // it was killed then
    return result;
  };
  try {
    if (isShell(interpreter)) return endOf(await run([...interpreter, '-c', script.text]), options);
    const path = `${FOLDER}/.script-${++count}`;
    await computer.files.write(path, new TextEncoder().encode(script.text), { mode: FILE_MODE });
    try {
      return endOf(await run([...interpreter, path]), options);
    } finally {
      await computer.files.remove(path).catch(() => {}); // a machine that failed has said so
    }
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    const isScripts =
      error instanceof VivariumError && (error.code === ErrorCodes.START_FAILED || error.code === ErrorCodes.FILES);
    if (!isScripts) throw error;
    return { kind: 'broken', reason: error.message };
  }
}

/** The `#!` line's program and its one word (Linux execve(2)); `env -S` is left to env. */
function interpreterOf(text: string): readonly string[] {
  const line = /^#!\s*(\S+)(?:[ \t]+([^\n]*?))?[ \t]*(?:\n|$)/.exec(text);
  if (line === null) return DEFAULT_INTERPRETER;
  return line[2] === undefined || line[2] === '' ? [line[1]!] : [line[1]!, line[2]];
}

function isShell(interpreter: readonly string[]): boolean {
  const [program, word] = interpreter;
  const name = baseName(program!);
  return SHELLS.includes(name === 'env' && word !== undefined ? word : name);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function endOf({ exit, timedOut, stdout, stderr }: LabProgramResult, { timeoutMs }: ScriptOptions): ScriptEnd {
  if (timedOut) return { kind: 'broken', reason: `it takes longer than ${timeoutMs / 1000} s` };
  const lastLine = lastLineOf(stdout) ?? lastLineOf(stderr);
  if (exit.kind === 'signalled') return { kind: 'broken', reason: `signal ${exit.signal} ended it` };
  const { exitCode } = exit;
  if (exitCode === EXIT_NOT_FOUND || exitCode === EXIT_NOT_EXECUTABLE)
    return { kind: 'broken', reason: lastLineOf(stderr) ?? lastLine ?? 'it calls a program that is not there' };
  return { kind: 'exited', exitCode, lastLine };
}

/** The last line with something in it, without what would move a terminal's cursor. */
function lastLineOf(output: Uint8Array): string | undefined {
  const lines = new TextDecoder()
    .decode(output)
    .replace(/\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-_])/g, '')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const last = lines.at(-1);
  return last !== undefined && last.length > LINE_CHARS_MAX ? `${last.slice(0, LINE_CHARS_MAX)}…` : last;
}
