/** What a container is at the moment, in memory and in its record: the record has it before anybody is told. */
import type { ContainerConfig, ContainerState } from '../lifecycle/config.ts';
import type { PodRecords } from './pod-host.ts';

export class ContainerRecord {
  readonly #records: PodRecords;
  #config: ContainerConfig;
  #state: ContainerState;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(records: PodRecords, config: ContainerConfig, state: ContainerState) {
    this.#records = records;
    this.#config = config;
    this.#state = state;
  }

  get config(): ContainerConfig {
    return this.#config;
  }
  get state(): ContainerState {
    return this.#state;
  }

  /** Reads the configuration again, which others may have changed while it did not run. */
  async reload(): Promise<void> {
    this.#config = await this.#records.readConfig(this.#config.id);
  }

  async configure(change: Partial<ContainerConfig>): Promise<void> {
    this.#config = { ...this.#config, ...change };
    await this.#records.writeConfig(this.#config);
  }

  /** Changes the state. Changes are written one after the other. */
  async become(change: Partial<ContainerState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const state = this.#state;
    const written = this.#writing.then(() => this.#records.writeState(this.#config.id, state));
    this.#writing = written.catch(() => {});
    await written;
  }

  /** Changes the state of one that is about to be removed: nobody reads it in the record any more. */
  becomeLast(change: Partial<ContainerState>): void {
    this.#state = { ...this.#state, ...change };
  }

  /** Resolves when all changes so far are written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  event(action: string, attributes: Readonly<Record<string, string>> = {}): void {
    this.#records.event(this.#config, action, attributes);
  }

  /** Removes everything of the container. */
  async remove(): Promise<void> {
    await this.#records.remove(this.#config);
  }
}
