/**
 * Pods as records on disk: a machine each, with the containers that say so. A pod without a name belongs to the container whose ID
 * it has, and goes with it. While a supervisor lives, `supervisor.json` says who it is.
 */
import { join } from 'node:path';
import type { Liveness } from '../../oci/store/node-owner.ts';
import { ErrorCodes, VivariumError, assert } from '../../util/errors.ts';
import { formatTime } from '../../util/time.ts';
import type { MachineOptions } from './config.ts';
import { newContainerId, parseName } from './names.ts';
import type { Clock } from './node-clock.ts';
import { RecordFolder, noSuch } from './node-record-folder.ts';
import { POD_SHAPE, SUPERVISOR_SHAPE } from './shapes.ts';

const POD_FILE = 'pod.json';
const SUPERVISOR_FILE = 'supervisor.json';
/** Says that others than the container whose pod it is may be in it. */
const SHARED_FILE = 'shared.json';

/** pod.json */
export interface PodConfig {
  readonly version: 1;
  readonly id: string;
  readonly name?: string | undefined;
  readonly created: string;
  readonly machine: MachineOptions;
}

/** supervisor.json */
export interface SupervisorRecord {
  /** As thisOwner() tells it. */
  readonly owner: string;
  /** Path of its Unix socket. */
  readonly socket: string;
}

export interface PodStoreOptions {
  readonly home: string;
  readonly clock: Clock;
  readonly liveness: (owner: string) => Liveness;
  /** Runs an action while no other process changes records. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
  /** IDs of the containers of a pod. */
  readonly containersOf: (pod: string) => Promise<string[]>;
}

export class PodStore {
  readonly #options: PodStoreOptions;
  readonly #folder: RecordFolder;

  constructor(options: PodStoreOptions) {
    this.#options = options;
    this.#folder = new RecordFolder(join(options.home, 'pods'), 'pod');
  }

  pathOf(id: string, file = ''): string {
    return this.#folder.pathOf(id, file);
  }

  /** The pod of this name; it is made if there is none. */
  async findOrCreate(name: string, machine: MachineOptions): Promise<PodConfig> {
    const wanted = parseName(name, 'pod');
    return this.#options.exclusively(async () => {
      const id = await this.#folder.idOf(wanted);
      return id === undefined ? this.addExclusively({ id: newContainerId(), name: wanted, machine }) : this.read(id);
    });
  }

  /** Makes one with a name that is free, and perhaps with a supervisor, for who has the lock. */
  async addExclusively(
    { id, name, machine }: Pick<PodConfig, 'id' | 'name' | 'machine'>,
    supervisor?: SupervisorRecord,
  ): Promise<PodConfig> {
    const pod: PodConfig = { version: 1, id, name, created: formatTime(this.#options.clock.nowNs()), machine };
    await this.#folder.prepare(id, {
      [POD_FILE]: pod,
      ...(supervisor === undefined ? {} : { [SUPERVISOR_FILE]: supervisor }),
    });
    const holder = name === undefined ? undefined : await this.#folder.reserve(name, id);
    assert(holder === undefined, 'the name was looked up before');
    await this.#folder.commit(id);
    await this.#folder.sync();
    return pod;
  }

  /** Another container is about to be in it. Throws what {@link read} does. For who has the lock. */
  async joinExclusively(id: string): Promise<void> {
    const { name } = await this.read(id);
    if (name === undefined) await this.#folder.write(id, SHARED_FILE, {});
  }

  /** Throws NOT_FOUND, or STORE when its record is corrupt. */
  async read(id: string): Promise<PodConfig> {
    const pod = (await this.#folder.read(id, POD_FILE, POD_SHAPE)) as PodConfig | undefined;
    if (pod !== undefined) return pod;
    if (!(await this.#folder.has(id))) throw noSuch('pod', id);
    throw this.#folder.corrupt(id, POD_FILE, 'it is not there');
  }

  async has(id: string): Promise<boolean> {
    return this.#folder.has(id);
  }

  /** By ID, name or the beginning of an ID. Throws NOT_FOUND, or USAGE for several. */
  async find(text: string): Promise<PodConfig> {
    return this.read(await this.resolve(text));
  }

  async resolve(text: string): Promise<string> {
    return this.#folder.resolve(text);
  }

  /** Newest first; with what can't be read. */
  async list(): Promise<{ readonly pods: readonly PodConfig[]; readonly problems: readonly VivariumError[] }> {
    const pods: PodConfig[] = [];
    const problems: VivariumError[] = [];
    for (const id of await this.#folder.ids()) {
      try {
        pods.push(await this.read(id));
      } catch (error) {
        if (!(error instanceof VivariumError)) throw error;
        if (error.code !== ErrorCodes.NOT_FOUND) problems.push(error); // else removed meanwhile
      }
    }
    return { pods: pods.sort((a, b) => (a.created < b.created ? 1 : -1)), problems };
  }

  // Supervisors

  /**
   * Makes this process, or another that lives, the pod's only supervisor. Resolves to `undefined` when it is, else to who is
   * already. Claim before any container is active, {@link release} after none is any more.
   */
  async claim(id: string, record: SupervisorRecord): Promise<SupervisorRecord | undefined> {
    return this.#options.exclusively(async () => {
      const other = await this.supervisor(id);
      if (other !== undefined && other.owner !== record.owner) return other;
      await this.#folder.write(id, SUPERVISOR_FILE, record);
      return undefined;
    });
  }

  /** Gives that up. The pod may be gone. */
  async release(id: string, owner: string): Promise<void> {
    if (!(await this.has(id))) return; // and it never comes back
    await this.#options.exclusively(async () => {
      if ((await this.#supervisorRecord(id))?.owner === owner) await this.#folder.drop(id, SUPERVISOR_FILE);
    });
  }

  /** The supervisor, if it lives. */
  async supervisor(id: string): Promise<SupervisorRecord | undefined> {
    const record = await this.#supervisorRecord(id);
    return record === undefined || this.#options.liveness(record.owner) === 'dead' ? undefined : record;
  }

  async isSupervised(id: string): Promise<boolean> {
    return (await this.supervisor(id)) !== undefined;
  }

  async #supervisorRecord(id: string): Promise<SupervisorRecord | undefined> {
    const record = await this.#folder.read(id, SUPERVISOR_FILE, SUPERVISOR_SHAPE, 'run viv doctor --repair');
    return record as SupervisorRecord | undefined;
  }

  // Removing

  /** Removes a pod that no container is in. Throws CONFLICT or NOT_FOUND. */
  async remove(id: string): Promise<void> {
    await this.#options.exclusively(async () => {
      const containers = await this.#options.containersOf(id);
      if (containers.length > 0)
        throw new VivariumError(
          ErrorCodes.CONFLICT,
          `pod ${id} has containers (${containers.join(', ')}); remove them first, or use --force`,
        );
      if (!(await this.#folder.has(id))) throw noSuch('pod', id);
      await this.#folder.remove(id);
      await this.#folder.releaseNames(id);
    });
    await this.sweep();
  }

  /** Removes a pod that belongs to a container, once no container is in it; for who has the lock. */
  async removeIfOwn(id: string): Promise<void> {
    const pod = await this.read(id).catch(() => undefined); // gone, or corrupt: nobody can use it without its container
    if (pod?.name !== undefined) return;
    const mayBeShared = pod === undefined || (await this.#folder.hasFile(id, SHARED_FILE));
    if (mayBeShared && (await this.#options.containersOf(id)).length > 0) return;
    await this.#folder.remove(id);
  }

  async hasMarks(): Promise<boolean> {
    return this.#folder.hasMarks();
  }

  async sweep(): Promise<void> {
    await this.#folder.sweep();
  }

  /** What killed processes left, for who has the lock. */
  async tidyExclusively(repair: boolean): Promise<string[]> {
    const left = repair ? await this.#folder.tidy() : (await this.#folder.leftovers()).map(({ what }) => what);
    for (const { id, name } of (await this.list()).pods) {
      if (name === undefined && (await this.#options.containersOf(id)).length === 0) {
        if (repair) await this.removeIfOwn(id);
        left.push(`pod ${id} of a container that is gone`);
      }
      const record = await this.#supervisorRecord(id).catch(() => null);
      if (record === null || (record !== undefined && !(await this.isSupervised(id)))) {
        if (repair) await this.#folder.drop(id, SUPERVISOR_FILE);
        left.push(`the record of a supervisor of pod ${id} that is dead`);
      }
    }
    if (repair) await this.sweep();
    return left;
  }
}
