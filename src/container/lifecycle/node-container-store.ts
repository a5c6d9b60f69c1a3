/**
 * Containers and pods as records on disk (docs/architecture.md, "Records of containers"). What a process was doing when it was
 * killed is finished or undone by whoever comes next: records appear and disappear at once (node-record-folder.ts), under one
 * lock. The order is such that what is left over is harmless: a name, a held image or a pod of nobody.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { quote } from '../../oci/fail.ts';
import { hold, readHolds, unhold } from '../../oci/store/claims.ts';
import type { ImageStore } from '../../oci/store/image-store.ts';
import { FileMutex } from '../../oci/store/node-mutex.ts';
import { type Liveness, ownerLiveness } from '../../oci/store/node-owner.ts';
import { ErrorCodes, VivariumError, assert } from '../../util/errors.ts';
import { formatTime } from '../../util/time.ts';
import type { ContainerConfig, ContainerState, MachineOptions } from './config.ts';
import { type NewEvent, containerEvent } from './events.ts';
import { isContainerId, parseName, randomName } from './names.ts';
import { type Clock, SystemClock } from './node-clock.ts';
import { EventLog } from './node-event-log.ts';
import { PodStore, type SupervisorRecord } from './node-pod-store.ts';
import { CONFIG_FILE, type Container, ContainerReader, STATE_FILE } from './node-container-reader.ts';
import { all, translate } from './node-record-folder.ts';
import { INITIAL_STATE, checkTransition, isActive } from './state.ts';

export type { Container, ContainerList } from './node-container-reader.ts';

const LOCK_FOLDER = 'lock';
const NS_PER_MS = 1_000_000n;
/** Names of two words; the rest have a digit, as Docker's have. */
const PLAIN_NAME_TRIES = 6;
const NAME_TRIES = 100;
/** What a container gets that nobody looked after any more: 128 + SIGKILL. */
const EXIT_LOST = 137;
const LOST = 'the supervisor ended';

export interface ContainerStoreOptions {
  /** The folder of all that is the user's own: containers/, pods/, events/. */
  readonly home: string;
  /** Whose images containers hold; without it none are held. */
  readonly images?: ImageStore | undefined;
  readonly clock?: Clock;
  /** Like Math.random; names are made of it. */
  readonly random?: () => number;
  readonly liveness?: (owner: string) => Liveness;
  /** Is told why an event could not be written down. */
  readonly onEventError?: (error: unknown) => void;
}

export interface CreateOptions {
  /** Default: one of two words. */
  readonly name?: string | undefined;
  /** Of its own pod; not used when `config.pod` is a pod that is there. */
  readonly machine: MachineOptions;
  /** The supervisor of its own pod from the start, see {@link PodStore.claim}. */
  readonly supervisor?: SupervisorRecord | undefined;
}

export class ContainerStore extends ContainerReader {
  readonly pods: PodStore;
  readonly events: EventLog;
  readonly #options: Required<Omit<ContainerStoreOptions, 'images'>> & Pick<ContainerStoreOptions, 'images'>;
  readonly #mutex: FileMutex;

  /** Touches nothing yet. */
  constructor(options: ContainerStoreOptions) {
    super(options.home);
    this.#options = {
      clock: new SystemClock(),
      random: Math.random,
      liveness: ownerLiveness,
      onEventError: () => {},
      ...options,
    };
    const { home, clock, liveness, onEventError } = this.#options;
    this.#mutex = new FileMutex(join(home, LOCK_FOLDER), {
      uniqueName: randomUUID,
      nowMs: () => Number(clock.nowNs() / NS_PER_MS),
    });
    const exclusively = <T>(action: () => Promise<T>): Promise<T> => this.#exclusively(action);
    this.pods = new PodStore({ home, clock, liveness, exclusively, containersOf: (pod) => this.idsOf(pod) });
    this.events = new EventLog({ home, clock, exclusively, onError: onEventError });
  }

  /** RFC 3339, for records. */
  now(): string {
    return formatTime(this.#options.clock.nowNs());
  }

  // Making

  /**
   * Records a container, with a pod of its own unless `config.pod` is one that is there, and holds its image. Throws CONFLICT
   * when somebody has the name, USAGE when it is none, NOT_FOUND when pod or image have gone.
   */
  async create(config: ContainerConfig, { name, machine, supervisor }: CreateOptions): Promise<Container> {
    assert(isContainerId(config.id), 'a container has an ID of 64 digits');
    const wanted = name === undefined ? undefined : parseName(name, 'container');
    const container = await this.#exclusively(async () => {
      let given = '';
      await this.folder.prepare(config.id, { [CONFIG_FILE]: config, [STATE_FILE]: INITIAL_STATE });
      try {
        // Each waits for the disk, so together they take as long as one.
        await all([
          this.#reserveName(config.id, wanted).then((name) => (given = name)),
          this.#hold(config),
          config.pod === config.id
            ? this.pods.addExclusively({ id: config.id, machine }, supervisor)
            : this.pods.joinExclusively(config.pod),
        ]);
        await this.folder.commit(config.id);
        await this.folder.sync();
        return { id: config.id, name: given, config, state: INITIAL_STATE };
      } catch (error) {
        await this.folder.abandon(config.id);
        await this.#forget(config.id, config.pod);
        await this.#sweep();
        throw error;
      }
    });
    await this.events.append(containerEvent('create', container));
    return container;
  }

  // Changing

  /** Changes the configuration; ID, image and pod stay. */
  async updateConfig(id: string, change: (config: ContainerConfig) => ContainerConfig): Promise<ContainerConfig> {
    return this.#exclusively(async () => {
      const config = await this.readConfig(id);
      const changed = change(config);
      assert(changed.id === id && changed.pod === config.pod, 'a container stays who it is');
      await this.folder.write(id, CONFIG_FILE, changed);
      return changed;
    });
  }

  /**
   * Changes the state; resolves to the new one. Throws CONFLICT when the status may not follow the one it has, NOT_FOUND when
   * the container is gone. A container may be active only while its pod has a supervisor that lives (see
   * {@link PodStore.claim}): otherwise whoever looks takes it for lost.
   */
  async changeState(id: string, change: (state: ContainerState) => ContainerState): Promise<ContainerState> {
    return this.#exclusively(() => this.#changeState(id, change));
  }

  /** Gives it another name. Throws CONFLICT, USAGE or NOT_FOUND. */
  async rename(id: string, newName: string): Promise<Container> {
    const name = parseName(newName, 'container');
    const { old, container } = await this.#exclusively(async () => {
      const before = await this.read(id);
      if (before.name === name)
        throw new VivariumError(
          ErrorCodes.USAGE,
          'Renaming a container with the same name as its current name; give another one',
        );
      await this.#reserveName(id, name);
      await this.folder.releaseNames(id, name);
      return { old: before.name, container: { ...before, name } };
    });
    await this.events.append(containerEvent('rename', container, { oldName: `/${old}` }));
    return container;
  }

  // Removing

  /**
   * Removes a container that is not active, with its disk, its log, its name, its hold on the image, and its own pod. Throws
   * CONFLICT for one that is active, NOT_FOUND when it is gone. One whose record is corrupt goes too, unless a supervisor
   * lives. `hasEnded`: it is its supervisor who asks, and knows that it is active no more.
   */
  async remove(id: string, { hasEnded = false } = {}): Promise<void> {
    const event = await this.#exclusively(() => this.#remove(id, hasEnded));
    await this.#sweep();
    if (event !== undefined) await this.events.append(event);
  }

  /**
   * Sees to containers that are said to be active though the supervisor of their pod is dead: they have exited, with status 137;
   * those that were to be removed then are. Also finishes what killed processes left undone. Resolves to the IDs.
   */
  async settle(): Promise<string[]> {
    const lost = await this.lost();
    const events: NewEvent[] = [];
    for (const id of lost) events.push(...(await this.#exclusively(() => this.#settle(id))));
    if (lost.length > 0) await this.#sweep();
    if ((await this.folder.hasMarks()) || (await this.pods.hasMarks())) await this.tidy(true);
    for (const event of events) await this.events.append(event);
    return lost;
  }

  /** IDs of containers that {@link settle} would see to. */
  async lost(): Promise<string[]> {
    const lost: string[] = [];
    for (const container of (await this.list()).containers) if (await this.#isLost(container)) lost.push(container.id);
    return lost;
  }

  /** What killed processes left: names, unfinished records, holds, pods. Removes it when told to. */
  async tidy(repair: boolean): Promise<string[]> {
    return this.#exclusively(async () => {
      const left = [...(await this.#tidyFolder(repair)), ...(await this.pods.tidyExclusively(repair))];
      for (const id of await this.#strayHolds()) {
        if (repair) await unhold(this.#options.images!.files, id);
        left.push(`an image kept for container ${id}, which is gone`);
      }
      return left;
    });
  }

  // Inside

  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const path = join(this.#options.home, LOCK_FOLDER);
    const release = await translate('lock', path, this.#mutex.acquire());
    try {
      return await action();
    } finally {
      await release();
    }
  }

  async #reserveName(id: string, wanted: string | undefined): Promise<string> {
    for (let attempt = 0; attempt < NAME_TRIES; attempt++) {
      const name = wanted ?? randomName(this.#options.random, attempt >= PLAIN_NAME_TRIES);
      const holder = await this.folder.reserve(name, id);
      if (holder === undefined) return name;
      if (wanted !== undefined)
        throw new VivariumError(
          ErrorCodes.CONFLICT,
          `Conflict. The container name ${JSON.stringify(`/${name}`)} is already in use by container ${JSON.stringify(holder)}. You have to remove (or rename) that container to be able to reuse that name.`,
        );
    }
    throw new VivariumError(ErrorCodes.CONFLICT, 'no name is free; give the container one with --name');
  }

  /** The image must be there when it is held, and then it stays. */
  async #hold({ id, image }: ContainerConfig): Promise<void> {
    const { images } = this.#options;
    const { manifest } = image;
    if (images === undefined || manifest === undefined) return;
    await images.files.exclusively(async () => {
      if (!(await images.records()).some((record) => record.manifest.digest === manifest))
        throw new VivariumError(ErrorCodes.NOT_FOUND, `No such image: ${image.name}; it was removed meanwhile`);
      await hold(images.files, id, manifest);
    });
  }

  async #changeState(id: string, change: (state: ContainerState) => ContainerState): Promise<ContainerState> {
    const before = await this.readState(id);
    const after = change(before);
    checkTransition(id, before.status, after.status);
    await this.folder.write(id, STATE_FILE, after);
    return after;
  }

  async #remove(id: string, hasEnded = false): Promise<NewEvent | undefined> {
    const container = await this.read(id).catch((error: unknown) => {
      if (error instanceof VivariumError && error.code === ErrorCodes.STORE) return undefined;
      throw error;
    });
    if (container !== undefined && isActive(container.state) && !hasEnded) throw refusal(container);
    if (container === undefined && (await this.pods.isSupervised(id)))
      throw new VivariumError(
        ErrorCodes.CONFLICT,
        `cannot remove container ${quote(id)}: its record is corrupt and its machine runs; end the process of its supervisor first`,
      );
    await this.folder.remove(id);
    await this.#forget(id, container?.config.pod ?? id);
    return container === undefined ? undefined : containerEvent('destroy', container);
  }

  /** What belongs to a container that is gone. */
  async #forget(id: string, pod: string): Promise<void> {
    await this.folder.releaseNames(id);
    if (this.#options.images !== undefined) await unhold(this.#options.images.files, id);
    await this.pods.removeIfOwn(pod);
  }

  async #isLost({ config, state }: Pick<Container, 'config' | 'state'>): Promise<boolean> {
    if (!isActive(state) && state.status !== 'removing') return false;
    return this.pods.isSupervised(config.pod).then(
      (is) => !is,
      () => false, // nobody knows: doctor tells of it
    );
  }

  async #settle(id: string): Promise<NewEvent[]> {
    const container = await this.read(id).catch(() => undefined); // removed or overwritten meanwhile
    if (container === undefined || !(await this.#isLost(container))) return [];
    const events: NewEvent[] = [];
    if (container.state.status !== 'removing') {
      await this.#changeState(id, (state) => ({
        ...state,
        status: 'exited',
        pid: 0,
        exitCode: EXIT_LOST,
        error: LOST,
        finishedAt: this.now(),
      }));
      events.push(containerEvent('die', container, { exitCode: String(EXIT_LOST) }));
    }
    if (!container.config.autoRemove && container.state.status !== 'removing') return events;
    const destroyed = await this.#remove(id);
    return destroyed === undefined ? events : [...events, destroyed];
  }

  async #sweep(): Promise<void> {
    await this.folder.sweep();
    await this.pods.sweep();
  }

  async #tidyFolder(repair: boolean): Promise<string[]> {
    return repair ? this.folder.tidy() : (await this.folder.leftovers()).map(({ what }) => what);
  }

  async #strayHolds(): Promise<string[]> {
    const { images } = this.#options;
    if (images === undefined) return [];
    const holders = [...(await readHolds(images.files)).values()].flat().filter(isContainerId);
    const ids = new Set(await this.folder.ids());
    return holders.filter((holder) => !ids.has(holder));
  }
}

/** In Docker's words. */
function refusal({ name, state: { status } }: Container): VivariumError {
  const remedy =
    status === 'paused' ? ' and must be unpaused first' : ': stop the container before removing or force remove';
  return new VivariumError(
    ErrorCodes.CONFLICT,
    `cannot remove container ${JSON.stringify(`/${name}`)}: container is ${status}${remedy}`,
  );
}
