/** Starts the machine of a computer and the container in it. */
import { Guest } from '../container/guest.ts';
import type { GuestProcess } from '../container/guest-process.ts';
import { DEFAULT_ISOLATION } from '../container/isolation/options.ts';
import type { IsolationOptions } from '../container/lifecycle/config.ts';
import { runtimeSpec } from '../container/runtime-spec.ts';
import { signalNumber } from '../container/signals.ts';
import { programStarted } from '../container/start-error.ts';
import { resolveProcess } from '../oci/process.ts';
import { anySignal } from '../util/abort.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { KeepConfig } from '../worker/protocol.ts';
import type { ComputerOptions, ComputerParts } from './computer-options.ts';
import { containerRootfs, randomId } from './container-rootfs.ts';
import type { PreparedImage } from './image.ts';
import { kernelCommandLine } from './kernel-command-line.ts';
import { checkRunOptions, DEFAULT_MEMORY_BYTES } from './run-options.ts';
import { startGuest } from './start-guest.ts';

const MIB = 2 ** 20;
const DEFAULT_STORAGE_BYTES = 512 * MIB;
const DEFAULT_DISK_MEMORY_BYTES = 1024 * MIB;
const DEFAULT_HOST_NAME = 'computer';
const KEEP_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Linux Documentation/admin-guide/sysctl/vm.rst: after how long what was written goes to the disk, and how often that is looked at. */
const WRITEBACK = { dirty_expire_centisecs: '100', dirty_writeback_centisecs: '100' };

/** A container whose first process waits, in a guest of its own. */
export interface StartedContainer {
  readonly guest: Guest;
  readonly id: string;
  readonly hostname: string;
  readonly image: PreparedImage;
  readonly isolation: IsolationOptions;
  readonly env: readonly string[];
  /** Number of the signal that asks programs to end. */
  readonly stopSignal: number;
  readonly keeper: GuestProcess;
  /** The keeper's process id in the guest. */
  readonly pid: number;
  /** Resolves when the booted guest is kept for the next one. Never rejects. */
  readonly saved: Promise<void>;
  readonly isKept: boolean;
  /** Lets others have what is kept. */
  readonly unlock: () => Promise<void>;
}

/** Throws USAGE. */
export function checkKeepName(name: string): void {
  if (!KEEP_NAME.test(name))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `a disk can't be kept as ${JSON.stringify(name)}; use up to 64 letters, digits, dots and dashes`,
    );
}

/** Throws what Computer.start does; then nothing is left of it. */
export async function startContainer(parts: ComputerParts, options: ComputerOptions): Promise<StartedContainer> {
  const isolation = { ...DEFAULT_ISOLATION, ...options.isolation };
  const { keep, hostname = DEFAULT_HOST_NAME } = options;
  checkRunOptions({ ...options, hostname, isolation });
  if (keep !== undefined) checkKeepName(keep);
  if (keep !== undefined && parts.kept === undefined)
    throw new VivariumError(ErrorCodes.USAGE, `nothing can be kept here; start without the name ${keep}`);
  options.signal?.throwIfAborted();
  const unlock = (keep === undefined ? undefined : await parts.kept?.lock?.(keep)) ?? (() => Promise.resolve());
  try {
    return await startLocked(parts, { ...options, hostname }, isolation, unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function startLocked(
  parts: ComputerParts,
  options: ComputerOptions & { readonly hostname: string },
  isolation: IsolationOptions,
  unlock: () => Promise<void>,
): Promise<StartedContainer> {
  const { hostname, env = [], onConsole, onTrouble, memoryBytes, tier, snapshotBytesMax, keep } = options;
  const id = randomId();
  const failed = new AbortController();
  const signal = anySignal(failed.signal, options.signal);
  const preparing = prepare(parts, options, isolation, id, signal);
  let started: Guest | undefined;
  const giveUp = (): void => void started?.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    const { guest, devices, saved } = await startGuest({
      ...parts,
      config: {
        core: parts.core,
        ramBytes: memoryBytes ?? DEFAULT_MEMORY_BYTES,
        ...(tier === undefined ? {} : { tier }),
        ...(snapshotBytesMax === undefined ? {} : { checkpointBytesMax: snapshotBytesMax }),
      },
      commandLine: kernelCommandLine(onConsole !== undefined),
      devices: preparing.then(({ rootfs }) => ({ disks: rootfs.disks })),
      // Who wants to see the kernel's messages wants to see it boot.
      store: onConsole === undefined ? parts.snapshots : undefined,
      onConsole,
      signal,
      started: (guest) => {
        started = guest;
        guest.machine.onDiskTrouble = onTrouble ?? null;
      },
    });
    const { image, rootfs, identity } = await preparing;
    signal.throwIfAborted();
    await guest.attach(devices, rootfs);
    const keeper = guest.client.run({
      kind: 'container',
      name: id,
      outlivesRestore: true,
      spec: runtimeSpec({
        args: [],
        env: [],
        cwd: '/',
        uid: 0,
        gid: 0,
        keepsWaiting: true,
        name: id,
        isolation,
        rootfs: rootfs.path,
        hostname,
        volumes: identity,
      }),
    });
    const pid = await guest.watched('start the container', programStarted(keeper, ['init']));
    if (keep !== undefined)
      for (const [name, value] of Object.entries(WRITEBACK))
        await guest.client.writeFile(`/proc/sys/vm/${name}`, value);
    const { stopSignal } = resolveProcess(image.execution, { command: ['none'] }, (path) => image.accounts.get(path));
    signal.throwIfAborted();
    return {
      guest,
      id,
      hostname,
      image,
      isolation,
      env,
      stopSignal: signalNumber(stopSignal),
      keeper,
      pid,
      saved,
      isKept: keep !== undefined,
      unlock,
    };
  } catch (error) {
    const cause = signal.aborted ? signal.reason : error;
    failed.abort();
    await Promise.allSettled([preparing, started?.close()]);
    throw cause;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

/** Makes the image and the disks ready. Throws what reading an image may. */
async function prepare(
  { prepareImage, kept }: ComputerParts,
  options: ComputerOptions & { readonly hostname: string },
  isolation: IsolationOptions,
  id: string,
  signal: AbortSignal,
) {
  const { platform, hostname, keep, storageBytes = DEFAULT_STORAGE_BYTES } = options;
  const image = await prepareImage({ image: options.image, platform, signal });
  const keepConfig: KeepConfig | undefined =
    keep === undefined || kept === undefined
      ? undefined
      : {
          place: `${kept.folder}/${keep}`,
          name: keep,
          identity: { image: image.id, size: String(storageBytes), 'host name': hostname },
        };
  return {
    image,
    ...containerRootfs({
      id,
      image,
      hostname,
      disk: { bytesMax: options.diskMemoryBytesMax ?? DEFAULT_DISK_MEMORY_BYTES, keep: keepConfig },
      storageBytes,
      volumePlaces: [],
      readOnly: isolation.readOnlyRootfs,
    }),
  };
}
