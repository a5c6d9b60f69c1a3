/** A container's disks in the guest: plugged in for a run or for somebody who looks at its files, and out again. */
import type { Guest } from '../guest.ts';
import type { ContainerRecord } from './container-record.ts';
import { plug, type Plugged } from './plugged.ts';
import type { Pod } from './pod.ts';

export class ContainerPlace {
  readonly #pod: Pod;
  readonly #record: ContainerRecord;
  #plugged: Plugged | undefined;
  /** Where it was last, and how many runs it had there. */
  #guest: Guest | undefined;
  #runCount = 0;
  #holdCount = 0;

  constructor(pod: Pod, record: ContainerRecord) {
    this.#pod = pod;
    this.#record = record;
  }

  /** Where its disks are, if they are in a guest. */
  get plugged(): Plugged | undefined {
    return this.#plugged;
  }

  /** Plugs them in, unless they are. Throws what starting guests and reading images may. */
  async plug(signal: AbortSignal): Promise<Plugged> {
    if (this.#plugged !== undefined && this.#plugged.guest === (await this.#pod.guest())) return this.#plugged;
    this.#plugged = undefined;
    const plugged = await plug(this.#pod, this.#record.config, signal);
    if (plugged.guest !== this.#guest) this.#runCount = 0;
    this.#guest = plugged.guest;
    this.#plugged = plugged;
    return plugged;
  }

  /** A number for a run, which no other has in this guest. */
  nextRun(): number {
    return this.#runCount++;
  }

  /** The guest has failed, and everything in it is gone. */
  lost(): void {
    this.#plugged = undefined;
  }

  /**
   * Takes them out, and what was written is on the host then; not while somebody looks at files. `isThrownAway`: nobody will
   * ever read what is only in a disk that goes with the machine.
   */
  async unplug(isThrownAway: boolean): Promise<void> {
    const plugged = this.#plugged;
    if (plugged === undefined || this.#holdCount > 0) return;
    this.#plugged = undefined;
    if (isThrownAway) return;
    await plugged.guest.unplugRootfs(plugged.plan).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#pod.host.note(`the disks of container ${this.#record.config.id} stay in the guest: ${why}`);
    });
  }

  /** Keeps them in from now on; the result ends that, and tells whether it was the last who did. */
  hold(): () => boolean {
    this.#holdCount++;
    return () => --this.#holdCount === 0;
  }
}
