/** Seeded pseudo-random numbers (mulberry32), so that a failure can be repeated. */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed >>> 0;
  }
  /** Uniform in 0 … 2³² − 1. */
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  /** Uniform in 0 … count − 1. */
  below(count: number): number {
    return Math.floor((this.u32() / 2 ** 32) * count);
  }
  chance(probability: number): boolean {
    return this.u32() / 2 ** 32 < probability;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  fill(bytes: Uint8Array): void {
    for (let n = 0; n < bytes.length; n++) bytes[n] = this.u32() >>> 24;
  }
}
