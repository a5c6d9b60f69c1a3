/** Runs a program to its end: feeds it, keeps what it writes up to a limit, and ends it when its time is over. */
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { ProgramResult, RunProgramOptions } from './computer-options.ts';
import type { SandboxProcess } from './process.ts';

const OUTPUT_BYTES_MAX = 2 ** 20;
/** setTimeout takes 31 bits. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** Throws USAGE. */
export function checkRunProgram({ timeoutMs, outputBytesMax }: RunProgramOptions): void {
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `a program can't have a time of ${timeoutMs} ms; give it 1 to ${TIMEOUT_MS_MAX}`,
    );
  if (outputBytesMax !== undefined && !(Number.isInteger(outputBytesMax) && outputBytesMax >= 0))
    throw new VivariumError(ErrorCodes.USAGE, `${outputBytesMax} bytes of output can't be kept; give a whole number`);
}

/** @param killAll ends the program with everything that it has started. */
export async function runToEnd(
  process: SandboxProcess,
  { input, outputBytesMax = OUTPUT_BYTES_MAX, timeoutMs }: RunProgramOptions,
  killAll: () => Promise<void>,
): Promise<ProgramResult> {
  let timedOut = false;
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          killAll().catch(() => {}); // it has just ended, or the guest is gone: its exit tells
        }, timeoutMs);
  try {
    const fed = feed(process, input);
    const [stdout, stderr, exit] = await Promise.all([
      keepSome(process.stdout, outputBytesMax),
      keepSome(process.stderr, outputBytesMax),
      process.exit,
    ]);
    await fed;
    const truncated = stdout.truncated || stderr.truncated;
    return { exit, stdout: stdout.bytes, stderr: stderr.bytes, truncated, timedOut };
  } finally {
    clearTimeout(timer);
  }
}

/** A program need not read its input. */
async function feed(process: SandboxProcess, input: Uint8Array | undefined): Promise<void> {
  if (input === undefined) return;
  const writer = process.stdin.getWriter();
  try {
    if (input.length > 0) await writer.write(input);
    await writer.close();
  } catch {
    // The guest is gone, which its exit tells.
  }
}

async function keepSome(
  stream: ReadableStream<Uint8Array>,
  bytesMax: number,
): Promise<{ readonly bytes: Uint8Array; readonly truncated: boolean }> {
  const pieces: Uint8Array[] = [];
  let count = 0;
  let truncated = false;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const piece = next.value.subarray(0, bytesMax - count);
    truncated ||= piece.length < next.value.length;
    if (piece.length > 0) pieces.push(piece);
    count += piece.length;
  }
  const bytes = new Uint8Array(count);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, truncated };
}
