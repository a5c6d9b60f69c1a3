/** Containers as they are on disk, for who only looks: nothing is changed, and no lock is taken. */
import { join } from 'node:path';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { ContainerConfig, ContainerState } from './config.ts';
import { RecordFolder, all, noSuch } from './node-record-folder.ts';
import { CONFIG_SHAPE, STATE_SHAPE } from './shapes.ts';

export const CONFIG_FILE = 'config.json';
export const STATE_FILE = 'state.json';

/** A container as it is on disk at one moment. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly config: ContainerConfig;
  readonly state: ContainerState;
}

/** What {@link ContainerReader.list} finds. */
export interface ContainerList {
  /** Newest first. */
  readonly containers: readonly Container[];
  /** One for each container that can't be read. */
  readonly problems: readonly VivariumError[];
}

export class ContainerReader {
  protected readonly folder: RecordFolder;

  /** @param home the folder of all that is the user's own. */
  constructor(home: string) {
    this.folder = new RecordFolder(join(home, 'containers'), 'container');
  }

  /** Where a file of a container is. */
  pathOf(id: string, file = ''): string {
    return this.folder.pathOf(id, file);
  }

  /** The ID that a user means by an ID, a name or the beginning of an ID. Throws NOT_FOUND, or USAGE for several. */
  async resolve(text: string): Promise<string> {
    return this.folder.resolve(text);
  }

  async find(text: string): Promise<Container> {
    return this.read(await this.resolve(text));
  }

  /** Throws NOT_FOUND, or STORE when its record is corrupt. */
  async read(id: string): Promise<Container> {
    return this.#read(id, await this.nameOf(id));
  }

  /** Empty for one that has none, or is gone. */
  async nameOf(id: string): Promise<string> {
    return (await this.folder.nameOf(id)) ?? '';
  }

  /** Its configuration alone, which is cheaper. Throws what {@link read} does. */
  async readConfig(id: string): Promise<ContainerConfig> {
    const config = (await this.folder.read(id, CONFIG_FILE, CONFIG_SHAPE)) as ContainerConfig | undefined;
    if (config === undefined) throw await this.#missing(id, CONFIG_FILE);
    if (config.id !== id) throw this.folder.corrupt(id, CONFIG_FILE, 'it is that of another container');
    return config;
  }

  /** Its state alone, which is cheaper. */
  async readState(id: string): Promise<ContainerState> {
    const state = await this.folder.read(id, STATE_FILE, STATE_SHAPE);
    if (state === undefined) throw await this.#missing(id, STATE_FILE);
    return state as ContainerState;
  }

  async list(): Promise<ContainerList> {
    const ids = await this.folder.ids();
    const names = await this.#namesOf(ids);
    const containers: Container[] = [];
    const problems: VivariumError[] = [];
    const look = async (id: string): Promise<void> => {
      try {
        containers.push(await this.#read(id, names.get(id) ?? ''));
      } catch (error) {
        if (!(error instanceof VivariumError)) throw error;
        if (error.code !== ErrorCodes.NOT_FOUND) problems.push(error); // else removed meanwhile
      }
    };
    await all(ids.map(look));
    const newer = (a: Container, b: Container): boolean => a.config.created > b.config.created;
    containers.sort((a, b) => (newer(a, b) ? -1 : newer(b, a) ? 1 : 0));
    return { containers, problems };
  }

  /** Containers of a pod, oldest first. */
  async inPod(pod: string): Promise<Container[]> {
    const { containers } = await this.list();
    return containers.filter(({ config }) => config.pod === pod).reverse();
  }

  async #read(id: string, name: string): Promise<Container> {
    const [config, state] = await Promise.all([this.readConfig(id), this.readState(id)]);
    return { id, name, config, state };
  }

  /** Whoever renames one between our looks at the folder and at its files makes us miss both names: then we look again. */
  async #namesOf(ids: readonly string[]): Promise<Map<string, string>> {
    const names = await this.folder.names();
    return ids.every((id) => names.has(id)) ? names : this.folder.names();
  }

  async #missing(id: string, file: string): Promise<VivariumError> {
    if (!(await this.folder.has(id))) return noSuch('container', id);
    return this.folder.corrupt(id, file, 'it is not there');
  }

  /** Of the containers of a pod. */
  protected async idsOf(pod: string): Promise<string[]> {
    const isIn = async (id: string): Promise<boolean> => {
      const config = await this.folder.read(id, CONFIG_FILE, CONFIG_SHAPE).catch(() => undefined); // doctor tells of it
      return (config as ContainerConfig | undefined)?.pod === pod;
    };
    const ids = await this.folder.ids();
    const found = await Promise.all(ids.map(isIn));
    return ids.filter((_, index) => found[index]);
  }
}
