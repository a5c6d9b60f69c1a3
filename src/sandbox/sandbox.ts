/**
 * A sandbox: a machine of its own with one container in it. Browser-safe: an entry point brings what differs by platform,
 * starting machines above all. Left out: several containers in a machine, exec, networking.
 *
 *   await using sandbox = new Sandbox(parts);
 *   const process = await sandbox.run({ image: 'debian.tar', command: ['uname', '-a'] });
 *   for await (const bytes of process.stdout) …
 *   const { exitCode } = await process.exit;
 */
import { Guest, sharePath, type GuestShare, type PreparedDevices } from '../container/guest.ts';
import type { StartMachine } from '../container/guest-machine.ts';
import { DEFAULT_ISOLATION } from '../container/isolation/options.ts';
import { outputStream } from '../container/output-stream.ts';
import type { RootfsPlan } from '../container/rootfs-plan.ts';
import { runtimeSpec, type VolumeMount } from '../container/runtime-spec.ts';
import { signalNumber } from '../container/signals.ts';
import { programStarted } from '../container/start-error.ts';
import { resolveProcess, type ProcessSpec } from '../oci/process.ts';
import { resolveGroups } from '../oci/user.ts';
import { anySignal } from '../util/abort.ts';
import { assert } from '../util/errors.ts';
import { containerRootfs, randomId } from './container-rootfs.ts';
import type { FolderShare, PreparedImage, PrepareImage } from './image.ts';
import { kernelCommandLine } from './kernel-command-line.ts';
import { SandboxProcess } from './process.ts';
import {
  checkRunOptions,
  DEFAULT_MEMORY_BYTES,
  DEFAULT_STORAGE_BYTES,
  normalPath,
  type RunOptions,
} from './run-options.ts';
import { startGuest, type GuestParts, type SnapshotStore } from './start-guest.ts';
import type { MachineStatistics } from '../worker/protocol.ts';

/** What a sandbox is made of. */
export interface SandboxParts {
  readonly startMachine: StartMachine;
  /** The bytes of core.wasm. */
  readonly core: Uint8Array;
  /** Our guest kernel, and the initramfs with the agent; read when a guest boots. */
  readonly readGuest: () => GuestParts | Promise<GuestParts>;
  readonly prepareImage: PrepareImage;
  /** Folder for the disks that containers write to, gone with their machines. */
  readonly scratchFolder: string;
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
    const failed = new AbortController();
    const container = this.#prepare(options, anySignal(signal, failed.signal));
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
        devices: container.then(({ rootfs }) => ({ disks: rootfs.disks, shares: folderShares(options) })),
        // Who wants to see the kernel's messages wants to see it boot.
        store: options.onConsole === undefined ? this.#parts.snapshots : undefined,
        onConsole: options.onConsole,
        signal,
        started: (started) => (this.#guest = started),
      });
      this.#saved = saved;
      signal.throwIfAborted();
      return await startProgram(guest, devices, await container, options);
    } catch (error) {
      failed.abort();
      await Promise.allSettled([container, this.#guest?.close()]);
      throw signal.aborted ? signal.reason : error;
    }
  }

  /** Makes the image ready. Throws what reading an image may, and what {@link #describe} does. */
  async #prepare(options: RunOptions, signal: AbortSignal): Promise<Container> {
    const { image, platform } = options;
    return this.#describe(await this.#parts.prepareImage({ image, platform, signal }), options);
  }

  /** Everything about the container that needs no machine. Throws NOT_FOUND or USAGE for a user or a command that is none. */
  #describe(image: PreparedImage, options: RunOptions): Container {
    const id = randomId();
    const hostname = options.hostname ?? id;
    const lookup = (path: string): Uint8Array | undefined => image.accounts.get(path);
    const spec = resolveProcess(image.execution, overrides(options, hostname), lookup);
    const groups = resolveGroups(options.isolation?.groupAdd ?? [], lookup);
    const { rootfs, identity } = containerRootfs({
      id,
      image,
      hostname,
      disk: { scratchFolder: this.#parts.scratchFolder },
      storageBytes: options.storageBytes ?? DEFAULT_STORAGE_BYTES,
      volumePlaces: (options.volumes ?? []).map(({ guestPath }) => normalPath(guestPath)),
      readOnly: options.isolation?.readOnlyRootfs ?? false,
    });
    return { id, hostname, spec, groups, stopSignal: signalNumber(spec.stopSignal), rootfs, identity };
  }
}

/** A container that is to be started. */
interface Container {
  readonly id: string;
  readonly hostname: string;
  readonly spec: ProcessSpec;
  /** Of `--group-add`. */
  readonly groups: readonly number[];
  readonly stopSignal: number;
  readonly rootfs: RootfsPlan;
  readonly identity: readonly VolumeMount[];
}

async function startProgram(
  guest: Guest,
  devices: PreparedDevices,
  container: Container,
  options: RunOptions,
): Promise<SandboxProcess> {
  const { id, hostname, spec, stopSignal, rootfs, identity } = container;
  const { isolation = DEFAULT_ISOLATION } = options;
  await guest.attach(devices, rootfs);
  const stdout = outputStream();
  const stderr = outputStream();
  const volumes = (options.volumes ?? []).map(({ guestPath, readOnly = false }, index) => ({
    source: sharePath(volumeTag(index)),
    destination: normalPath(guestPath),
    readOnly,
  }));
  const process = guest.client.run({
    kind: 'container',
    name: id,
    spec: runtimeSpec({
      ...processRequest(container, options),
      name: id,
      isolation,
      rootfs: rootfs.path,
      hostname,
      volumes: [...identity, ...volumes],
    }),
    stdin: options.stdin ?? false,
    terminal: options.tty,
    onStdout: stdout.sink,
    onStderr: stderr.sink,
  });
  const running = new SandboxProcess(process, stdout, stderr, stopSignal);
  await guest.watched('start the program', programStarted(process, spec.args));
  return running;
}

function folderShares({ volumes = [] }: RunOptions): GuestShare[] {
  return volumes.map(({ hostPath, readOnly = false }, index): GuestShare => {
    const share: FolderShare = { tag: volumeTag(index), kind: 'host', folder: hostPath, readOnly };
    return { share, cache: 'mmap', readOnly };
  });
}

function volumeTag(index: number): string {
  return `vol${index}`;
}

function overrides({ command, entrypoint, env, cwd, user, tty, stopSignal }: RunOptions, hostname: string) {
  return {
    hostname,
    terminal: tty !== undefined,
    ...(command === undefined ? {} : { command }),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { workingDir: cwd }),
    ...(user === undefined ? {} : { user }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  };
}

function processRequest({ spec: { args, env, cwd, user }, groups }: Container, { tty }: RunOptions) {
  const additionalGids = [...new Set([...user.additionalGids, ...groups])];
  return { args, env, cwd, uid: user.uid, gid: user.gid, additionalGids, terminal: tty };
}
