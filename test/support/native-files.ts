/**
 * viv-files compiled for this host, run as a process where a guest would run it: GuestFiles and all that stands on it without a
 * guest. Needs Linux and gcc.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentClient, GuestRun } from '../../src/container/agent-client.ts';
import type { ExitStatus, GuestProcess } from '../../src/container/guest-process.ts';

const SOURCES = fileURLToPath(new URL('../../images/guest/files', import.meta.url));
const FLAGS = ['-O1', '-g', '-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fsanitize=address,undefined'];

/** A program, and its folder to be removed. */
export function compileFiles(): { program: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-files-'));
  const program = join(folder, 'viv-files');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
  execFileSync('gcc', [...FLAGS, '-o', program, ...sources], { cwd: SOURCES });
  return { program, remove: () => rmSync(folder, { recursive: true }) };
}

export interface NativeClient extends Pick<AgentClient, 'run' | 'release'> {
  /** Programs that were not released. */
  readonly running: Set<GuestProcess>;
}

/** As an agent would run it, with back-pressure both ways. */
export function nativeClient(program: string): NativeClient {
  const running = new Set<GuestProcess>();
  return {
    running,
    run(request) {
      const { args, onStdout, onStderr, stdin } = request as GuestRun;
      const child = spawn(program, args.slice(1), {
        stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
        env: { ...process.env, ASAN_OPTIONS: 'detect_leaks=0' },
      });
      const drained: Promise<void>[] = [];
      const read = async (stream: AsyncIterable<Buffer>, sink: GuestRun['onStdout']): Promise<void> => {
        for await (const chunk of stream) await sink?.(Uint8Array.from(chunk));
      };
      drained.push(read(child.stdout!, onStdout), read(child.stderr!, onStderr));
      child.stdin?.on('error', () => {}); // it has ended
      const ended = new Promise<ExitStatus>((resolve) =>
        child.once('close', (code, signal) =>
          resolve(signal === null ? { kind: 'exited', code: code! } : { kind: 'signalled', signal: 9 }),
        ),
      );
      const exit = ended.then((status) => Promise.all(drained).then(() => status));
      const handle = {
        exit,
        write: (bytes: Uint8Array) => new Promise<void>((resolve) => void child.stdin!.write(bytes, () => resolve())),
        end: () => void child.stdin!.end(),
        kill: () => void child.kill('SIGKILL'),
      } as unknown as GuestProcess;
      running.add(handle);
      return handle;
    },
    release(handle) {
      running.delete(handle);
      return Promise.resolve();
    },
  };
}
