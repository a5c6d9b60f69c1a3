/**
 * A sandbox: a machine of its own with one container in it. Browser-safe: an entry point brings what differs by platform,
 * starting machines above all. Left out: several containers in a machine, exec, networking.
 *
 *   await using sandbox = new Sandbox(parts);
 *   const process = await sandbox.run({ image: 'debian.tar', command: ['uname', '-a'] });
 *   for await (const bytes of process.stdout) …
 *   const { exitCode } = await process.exit;
 */
import type { GuestProcess } from '../container/guest-process.ts';
import { Guest, sharePath, type GuestShare, type PreparedDevices } from '../container/guest.ts';
import type { StartMachine } from '../container/guest-machine.ts';
import { runtimeSpec } from '../container/runtime-spec.ts';
import { signalNumber } from '../container/signals.ts';
import { resolveProcess, type ProcessSpec } from '../oci/process.ts';
import { assert } from '../util/errors.ts';
import type { FolderShare, ImageDetails, ImageShare } from './image-share.ts';
import { kernelCommandLine } from './kernel-command-line.ts';
import { outputStream } from './output-stream.ts';
import { SandboxProcess } from './process.ts';
import { checkRunOptions, DEFAULT_MEMORY_BYTES, normalPath, type RunOptions } from './run-options.ts';
import { StartError } from './start-error.ts';
import { startGuest, type SnapshotStore } from './start-guest.ts';
import type { MachineStatistics } from '../worker/protocol.ts';

const ROOTFS_TAG = 'rootfs';
const ID_BYTES = 6; // as many as Docker shows

/** What a sandbox is made of. */
export interface SandboxParts {
  readonly startMachine: StartMachine;
  /** The bytes of core.wasm. */
  readonly core: Uint8Array;
  /** Our guest kernel, and the initramfs with the agent; read when a guest boots. */
  readonly readGuest: () => { readonly kernel: Uint8Array; readonly initramfs: Uint8Array };
  /** Folder for the uncompressed layers of images. */
  readonly layerCache: string;
  /** Where booted guests are kept, so that later ones need not boot. Without it each one boots. */
  readonly snapshots?: SnapshotStore | undefined;
}

export class Sandbox {
  readonly #parts: SandboxParts;
  readonly #closing = new AbortController();
  #guest: Guest | undefined;
  #run: Promise<unknown> | undefined;
  #saved: Promise<void> | undefined;

  constructor(parts: SandboxParts) {
    this.#parts = parts;
  }

  /**
   * Starts the machine, gives it the image, and starts a program; resolves when it runs. Once for a sandbox. Throws StartError when
   * there is no such program, GuestFailure when the guest fails, what reading an image may throw (BAD_IMAGE,
   * DIGEST_MISMATCH, UNSUPPORTED_PLATFORM, LIMIT, NOT_FOUND), USAGE or BAD_MEMORY_SIZE for wrong options, or the reason of
   * the signal.
   */
  run(options: RunOptions): Promise<SandboxProcess> {
    assert(this.#run === undefined, 'a sandbox runs one container');
    const started = this.#start(options);
    this.#run = started;
    return started;
  }

  /** Switches the machine off, whatever runs in it. Waits until the booted guest is kept for later ones. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#run?.catch(() => {});
    await this.#guest?.close();
    await this.#saved;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What the machine did so far; undefined before it was started. */
  async statistics(): Promise<MachineStatistics | undefined> {
    return this.#guest?.statistics();
  }

  async #start(options: RunOptions): Promise<SandboxProcess> {
    checkRunOptions(options);
    const signal = anySignal(this.#closing.signal, options.signal);
    const id = randomId();
    const hostname = options.hostname ?? id;
    const giveUp = (): void => void this.#guest?.close();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      const { guest, devices, saved } = await startGuest({
        ...this.#parts,
        config: {
          core: this.#parts.core,
          ramBytes: options.memoryBytes ?? DEFAULT_MEMORY_BYTES,
          ...(options.tier === undefined ? {} : { tier: options.tier }),
        },
        commandLine: kernelCommandLine(options.onConsole !== undefined),
        devices: { shares: this.#shares(options, hostname) },
        // Who wants to see the kernel's messages wants to see it boot.
        store: options.onConsole === undefined ? this.#parts.snapshots : undefined,
        onConsole: options.onConsole,
        signal,
        started: (started) => (this.#guest = started),
      });
      this.#saved = saved;
      signal.throwIfAborted();
      return await this.#startProgram(guest, devices, id, hostname, options);
    } catch (error) {
      await this.#guest?.close();
      throw signal.aborted ? signal.reason : error;
    }
  }

  async #startProgram(
    guest: Guest,
    prepared: PreparedDevices,
    id: string,
    hostname: string,
    options: RunOptions,
  ): Promise<SandboxProcess> {
    const details = prepared.opened.shareDetails[0] as ImageDetails;
    const spec = resolveProcess(details.execution, overrides(options, hostname), (path) => details.accounts.get(path));
    const stopSignal = signalNumber(spec.stopSignal);
    await guest.attach(prepared);
    const stdout = outputStream();
    const stderr = outputStream();
    const process = guest.client.run({
      kind: 'container',
      name: id,
      spec: runtimeSpec({
        ...processRequest(spec, options),
        name: id,
        rootfs: sharePath(ROOTFS_TAG),
        hostname,
        volumes: (options.volumes ?? []).map(({ guestPath, readOnly = false }, index) => ({
          source: sharePath(volumeTag(index)),
          destination: normalPath(guestPath),
          readOnly,
        })),
      }),
      stdin: options.stdin ?? false,
      terminal: options.tty,
      onStdout: stdout.sink,
      onStderr: stderr.sink,
    });
    const running = new SandboxProcess(process, stdout, stderr, stopSignal);
    await guest.watched('start the program', started(process, spec));
    return running;
  }

  /** The root filesystem first, then the volumes. */
  #shares({ image, platform, volumes = [] }: RunOptions, hostname: string): GuestShare[] {
    const rootfs: ImageShare = {
      tag: ROOTFS_TAG,
      kind: 'image',
      image,
      layerCache: this.#parts.layerCache,
      hostname,
      ...(platform === undefined ? {} : { platform }),
    };
    const folders = volumes.map(({ hostPath, readOnly = false }, index): GuestShare => {
      const share: FolderShare = { tag: volumeTag(index), kind: 'host', folder: hostPath, readOnly };
      return { share, cache: 'mmap', readOnly };
    });
    return [{ share: rootfs, cache: 'loose', readOnly: false }, ...folders];
  }
}

function volumeTag(index: number): string {
  return `vol${index}`;
}

function overrides({ command, entrypoint, env, cwd, user, tty }: RunOptions, hostname: string) {
  return {
    hostname,
    terminal: tty !== undefined,
    ...(command === undefined ? {} : { command }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { workingDir: cwd }),
    ...(user === undefined ? {} : { user }),
  };
}

function processRequest({ args, env, cwd, user }: ProcessSpec, { tty }: RunOptions) {
  return { args, env, cwd, uid: user.uid, gid: user.gid, additionalGids: user.additionalGids, terminal: tty };
}

/** Waits until the program runs. */
async function started(process: GuestProcess, { args }: ProcessSpec): Promise<void> {
  try {
    await process.started;
  } catch (error) {
    const status = await process.exit; // rejects when the guest is gone
    if (status.kind === 'start-failed')
      throw new StartError(status.code, startMessage(status.code, args[0]!, status.reason));
    throw error;
  }
}

function startMessage(code: 125 | 126 | 127, program: string, reason: string): string {
  const name = JSON.stringify(program);
  if (code === 127) return `the image has no program ${name}; check its name and the PATH`;
  if (code === 126) return `the program ${name} can't be executed: ${reason}`;
  return `the container can't be started: ${reason}`;
}

/** Aborts with the first of them. */
function anySignal(first: AbortSignal, second: AbortSignal | undefined): AbortSignal {
  return second === undefined ? first : AbortSignal.any([first, second]);
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
