/**
 * Vivarium as a library in Node.
 *
 *   import { createSandbox, findImage } from 'vivarium';
 *   await using sandbox = createSandbox();
 *   const process = await sandbox.run({ image: findImage('busybox'), command: ['uname', '-a'] });
 *   for await (const bytes of process.stdout) …
 *   const { exitCode } = await process.exit;
 */
import { sandboxParts } from './cli/sandbox-parts.ts';
import { Sandbox } from './sandbox/sandbox.ts';

export { findImage } from './cli/assets.ts';
export { GuestFailure } from './container/guest-failure.ts';
export type { ProcessExit, SandboxProcess } from './sandbox/process.ts';
export type { RunOptions, TerminalSize, Volume } from './sandbox/run-options.ts';
export { Sandbox, type SandboxParts } from './sandbox/sandbox.ts';
export { StartError } from './container/start-error.ts';
export { ErrorCodes, VivariumError, type ErrorCode } from './util/errors.ts';

/** A sandbox of the parts that the set-up built. Throws NOT_BUILT. */
export function createSandbox(): Sandbox {
  return new Sandbox(sandboxParts());
}
