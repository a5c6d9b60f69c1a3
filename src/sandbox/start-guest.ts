/**
 * Starts guests, and spares most of them the boot: a guest that has just booted is saved, and the next one that is to be
 * the same goes on from there. It is saved before anything of a user's is in it, so any image may follow. A snapshot that
 * can't be used costs a boot, no more.
 */
import { Guest, type GuestDevices, type GuestOptions, type PreparedDevices } from '../container/guest.ts';
import { GuestFailure } from '../container/guest-failure.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import type { BootConfig, MachineSnapshot, RestoreConfig, SnapshotIdentity } from '../worker/protocol.ts';

/** What a guest boots. */
export interface GuestParts {
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
}

/** Keeps snapshots between runs. */
export interface SnapshotStore {
  /** What a guest is made of: kernel, initramfs, core, and the code of the devices. */
  readonly parts: SnapshotIdentity;
  /** The snapshot of this identity, if there is one. */
  find(identity: SnapshotIdentity): RestoreConfig | undefined | Promise<RestoreConfig | undefined>;
  /** Keeps it. Rejects when there is no room, for instance. */
  save(identity: SnapshotIdentity, snapshot: MachineSnapshot): Promise<void>;
  /** Tells the user in one line what did not work, and what happens instead. */
  notice(text: string): void;
}

export interface StartGuestOptions extends Omit<GuestOptions, 'config'> {
  readonly config: Omit<GuestOptions['config'], 'boot' | 'restore'>;
  readonly commandLine: string;
  /** Reads what a guest boots; not called when it goes on from a snapshot. */
  readonly readGuest: () => GuestParts | Promise<GuestParts>;
  /** They may come while it boots and are then made; what is wrong with them ends the start at once. */
  readonly devices: Promise<GuestDevices>;
  /** Without it each guest boots, and none is saved. */
  readonly store?: SnapshotStore | undefined;
  /** Called with each guest as soon as there is one; it is the caller's to close, whatever comes. */
  readonly started: (guest: Guest) => void;
}

/** A guest whose agent listens. */
export interface StartedGuest {
  readonly guest: Guest;
  readonly devices: PreparedDevices;
  /** Resolves when it is kept for the next one. Never rejects. */
  readonly saved: Promise<void>;
}

/** Throws what starting a machine and opening devices do, or a GuestFailure. */
export async function startGuest(options: StartGuestOptions): Promise<StartedGuest> {
  const { store, config, commandLine, devices } = options;
  devices.catch(() => {}); // it is awaited once there is a guest
  if (store === undefined) return { ...(await boot(options)), saved: Promise.resolve() };
  const identity = { ...store.parts, 'memory size': String(config.ramBytes), 'command line': commandLine };
  const restore = await store.find(identity);
  const restored = restore === undefined ? undefined : await tryRestore(options, store, restore);
  if (restored !== undefined) return { ...restored, saved: Promise.resolve() };
  const booted = await boot(options);
  return { ...booted, saved: keep(store, identity, await booted.guest.save()) };
}

type Booted = Omit<StartedGuest, 'saved'>;

async function boot(options: StartGuestOptions): Promise<Booted> {
  const { config, commandLine, readGuest, started, devices } = options;
  const { kernel, initramfs } = await readGuest();
  const boot: BootConfig = { kernel, initrd: initramfs, commandLine };
  const guest = await Guest.start({ ...options, config: { ...config, boot } });
  started(guest);
  const [prepared] = await Promise.all([prepare(guest, devices), guest.booted()]);
  return { guest, devices: prepared };
}

/** Undefined when the snapshot, or the guest that comes of it, is no good: nothing of the user's has run in it yet. */
async function tryRestore(
  options: StartGuestOptions,
  store: SnapshotStore,
  restore: RestoreConfig,
): Promise<Booted | undefined> {
  const { config, started, devices } = options;
  const giveUp = (error: Error): undefined =>
    void store.notice(`the saved guest can't be used, so a new one boots: ${error.message}`);
  let guest: Guest;
  try {
    guest = await Guest.start({ ...options, config: { ...config, restore } });
  } catch (error) {
    if (!isUnusable(error)) throw error;
    return giveUp(error);
  }
  started(guest);
  let failure: unknown;
  const booted = guest.booted().catch((error: unknown) => {
    failure = error;
    throw error;
  });
  try {
    const [prepared] = await Promise.all([prepare(guest, devices), booted]);
    return { guest, devices: prepared };
  } catch (error) {
    if (error !== failure || !(error instanceof GuestFailure)) throw error;
    await guest.close();
    return giveUp(error);
  }
}

async function prepare(guest: Guest, devices: Promise<GuestDevices>): Promise<PreparedDevices> {
  return guest.prepare(await devices);
}

function isUnusable(error: unknown): error is VivariumError {
  return error instanceof VivariumError && (error.code === ErrorCodes.BAD_STATE || error.code === ErrorCodes.NOT_FOUND);
}

async function keep(store: SnapshotStore, identity: SnapshotIdentity, snapshot: MachineSnapshot): Promise<void> {
  try {
    await store.save(identity, snapshot);
  } catch (error) {
    store.notice(`the guest was not saved, so the next one boots too: ${(error as Error).message}`);
  }
}
