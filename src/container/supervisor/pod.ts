/**
 * A pod: one machine and the containers in it. The machine starts with the first container, or when it is asked for ahead of
 * time, and goes when nobody has a use for it. A guest that fails takes all its containers with it; the next start boots anew.
 */
import { type Guest, sharePath, type GuestShare } from '../guest.ts';
import type { BindMount, ContainerConfig } from '../lifecycle/config.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { MachineStatistics } from '../../worker/protocol.ts';
import { PodContainer } from './pod-container.ts';
import type { PodHost } from './pod-host.ts';

interface StartedGuest {
  readonly ready: Promise<Guest>;
  readonly abort: AbortController;
  guest: Guest | undefined;
  saved: Promise<void>;
  /** Places in the guest of folders of the host that it has, by what is shared. */
  readonly shares: Map<string, Promise<string>>;
  layerCount: number;
}

export class Pod {
  readonly host: PodHost;
  readonly #containers = new Map<string, PodContainer>();
  #started: StartedGuest | undefined;
  #shareCount = 0;
  /** Resolves when all machines that were switched off are off. */
  #closing: Promise<unknown> = Promise.resolve();
  readonly #changed: () => void;

  /** @param changed is called when a container may have become idle. */
  constructor(host: PodHost, changed: () => void = () => {}) {
    this.host = host;
    this.#changed = changed;
  }

  /** Containers that were asked for since the pod is there. */
  get containers(): readonly PodContainer[] {
    return [...this.#containers.values()];
  }

  /** Whether any of them runs, is about to, or waits to be restarted. */
  get isBusy(): boolean {
    return this.containers.some((container) => container.isBusy);
  }

  /** Whether another one than this needs the machine. */
  isUsedBesides(container: PodContainer): boolean {
    return this.containers.some((other) => other !== container && other.isBusy);
  }

  /** The container of this id. Throws NOT_FOUND when there is none in this pod. */
  async container(id: string): Promise<PodContainer> {
    const known = this.#containers.get(id);
    if (known !== undefined) return known;
    const [config, state] = await Promise.all([this.host.records.readConfig(id), this.host.records.readState(id)]);
    const added = this.#containers.get(id) ?? new PodContainer(this, config, state, () => this.#settled());
    this.#containers.set(id, added);
    return added;
  }

  /** It was removed. */
  forget(id: string): void {
    this.#containers.delete(id);
  }

  /** The guest, started if need be. */
  guest(): Promise<Guest> {
    this.#started ??= this.#start();
    return this.#started.ready;
  }

  #start(): StartedGuest {
    const abort = new AbortController();
    const remember = (guest: Guest): void => {
      started.guest = guest;
      guest.failure.catch((error: Error) => {
        this.host.guestFailed(error);
        this.#lost(started);
      });
    };
    const start = async (): Promise<Guest> => {
      await Promise.resolve(); // `started` is complete from here on
      try {
        const { guest, saved } = await this.host.startGuest(remember, abort.signal);
        started.saved = saved;
        return guest;
      } catch (error) {
        this.#lost(started);
        throw error;
      }
    };
    const started: StartedGuest = {
      ready: start(),
      abort,
      guest: undefined,
      saved: Promise.resolve(),
      shares: new Map(),
      layerCount: 0,
    };
    started.ready.catch(() => {}); // who needs it awaits it
    return started;
  }

  /** The next start gets a new guest. */
  #lost(started: StartedGuest): void {
    if (this.#started === started) this.#started = undefined;
    void started.guest?.close();
  }

  #settled(): void {
    this.#changed();
  }

  /** What its machine did so far; undefined when there is none. */
  async statistics(): Promise<MachineStatistics | undefined> {
    return this.#started?.guest?.statistics();
  }

  /** Numbers for that many layers, which no other container's layers have. */
  layerNumbers(count: number): number {
    const started = this.#current();
    const first = started.layerCount;
    started.layerCount += count;
    return first;
  }

  /** Has a guest show folders of the host; resolves to their places in it. Each folder is shared once. */
  async share(guest: Guest, mounts: readonly BindMount[]): Promise<string[]> {
    const { shares } = this.#current();
    const missing = new Map<string, GuestShare>();
    const keys = mounts.map(({ hostPath, readOnly }) => {
      const key = JSON.stringify([hostPath, readOnly]);
      if (!shares.has(key) && !missing.has(key)) {
        const tag = `vol${this.#shareCount++}`;
        missing.set(key, { share: this.host.folderShare(tag, hostPath, readOnly), cache: 'mmap', readOnly });
      }
      return key;
    });
    const attached = missing.size === 0 ? Promise.resolve() : attach(guest, [...missing.values()]);
    for (const [key, { share }] of missing)
      shares.set(
        key,
        attached.then(() => sharePath(share.tag)),
      );
    try {
      return await Promise.all(keys.map((key) => shares.get(key)!));
    } catch (error) {
      for (const key of missing.keys()) shares.delete(key);
      throw error;
    }
  }

  /** Stops all containers as their images want to be stopped; then nothing is busy any more. */
  async shutdown(): Promise<void> {
    await Promise.allSettled(this.containers.map((container) => container.stop({})));
  }

  /** Switches the machine off. A container that is started after that gets another one. */
  close(): Promise<void> {
    const started = this.#started;
    this.#started = undefined;
    if (started !== undefined) {
      const closing = Promise.all([this.#closing, switchOff(started)]);
      closing.catch(() => {}); // whoever closes it awaits it
      this.#closing = closing;
    }
    return this.#closing.then(() => {});
  }

  #current(): StartedGuest {
    if (this.#started === undefined) throw new VivariumError(ErrorCodes.GUEST_STOPPED, "the pod's guest has ended");
    return this.#started;
  }
}

async function switchOff(started: StartedGuest): Promise<void> {
  started.abort.abort(new VivariumError(ErrorCodes.GUEST_STOPPED, 'the pod ends'));
  await started.guest?.close();
  await started.ready.catch(() => {});
  await started.guest?.close();
  await started.saved;
}

async function attach(guest: Guest, shares: readonly GuestShare[]): Promise<void> {
  await guest.attach(await guest.prepare({ shares }));
}

/** What a container's program is called in the guest and in errors of this room. */
export function shortId({ id }: Pick<ContainerConfig, 'id'>): string {
  return id.slice(0, 12);
}
