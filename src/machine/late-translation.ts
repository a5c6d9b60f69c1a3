/**
 * Keeps a CPU from translating code until it has executed some: a guest that goes on from a snapshot has a container to
 * start first, whose code runs once, while the host's engine is still busy with optimising the core itself.
 */
import type { RunExit } from '../core/cpu.ts';
import type { SlicedCpu } from './run-loop.ts';

export class LateTranslation implements SlicedCpu {
  readonly #cpu: SlicedCpu;
  readonly #begin: () => void;
  /** The count at which it begins; undefined when it has begun. */
  #from: number | undefined;

  /** @param begin has the CPU translate. */
  constructor(cpu: SlicedCpu, begin: () => void) {
    this.#cpu = cpu;
    this.#begin = begin;
  }

  /** Translation begins after so many more instructions. The caller has switched it off. */
  wait(instructionCount: number): void {
    this.#from = this.#cpu.instructionCount + instructionCount;
  }

  run(budget: number): RunExit {
    if (this.#from !== undefined && this.#cpu.instructionCount >= this.#from) {
      this.#from = undefined;
      this.#begin();
    }
    return this.#cpu.run(budget);
  }
  get instructionCount(): number {
    return this.#cpu.instructionCount;
  }
  get isHaltedForGood(): boolean {
    return this.#cpu.isHaltedForGood;
  }
}
