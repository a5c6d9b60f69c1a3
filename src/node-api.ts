/**
 * Vivarium as a library in Node.
 *
 *   import { createSandbox, findImage } from 'vivarium';
 *   await using sandbox = createSandbox();
 *   const process = await sandbox.run({ image: findImage('busybox'), command: ['uname', '-a'] });
 *   for await (const bytes of process.stdout) …
 *   const { exitCode } = await process.exit;
 *
 *   await using computer = await startComputer({ image: findImage('busybox') });
 *   const { stdout } = await computer.run({ args: ['uname', '-a'] });
 */
import { computerParts, sandboxParts } from './cli/sandbox-parts.ts';
import { Computer } from './sandbox/computer.ts';
import type { ComputerOptions } from './sandbox/computer-options.ts';
import { Sandbox } from './sandbox/sandbox.ts';

export { findImage } from './cli/assets.ts';
export { GuestFailure } from './container/guest-failure.ts';
export type { EditableFiles, FileEntry, FileStat } from './container/container-files.ts';
export { Computer } from './sandbox/computer.ts';
export type {
  ComputerFiles,
  ComputerOptions,
  ComputerParts,
  ComputerSnapshot,
  ProgramOptions,
  ProgramResult,
  RunProgramOptions,
} from './sandbox/computer-options.ts';
export type { ProcessExit, SandboxProcess } from './sandbox/process.ts';
export type { RunOptions, TerminalSize, Volume } from './sandbox/run-options.ts';
export { Sandbox, type SandboxParts } from './sandbox/sandbox.ts';
export { StartError } from './container/start-error.ts';
export { ErrorCodes, VivariumError, type ErrorCode } from './util/errors.ts';

/** A sandbox of the parts that the set-up built. Throws NOT_BUILT. */
export function createSandbox(): Sandbox {
  return new Sandbox(sandboxParts());
}

/** A computer of those parts. Throws what Computer.start does, and NOT_BUILT. */
export function startComputer(options: ComputerOptions): Promise<Computer> {
  return Computer.start(computerParts(), options);
}

/** Removes what a computer has kept by a name. Throws USAGE, or CONFLICT while one uses it. */
export function forgetComputer(name: string): Promise<void> {
  return Computer.forget(computerParts(), name);
}
