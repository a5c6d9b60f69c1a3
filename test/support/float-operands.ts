/** Pairs of packed operands for floating-point tests, from a seed: random bits, edges of the format, and near cancellations. */

export class Operands {
  private state: bigint;
  private readonly bits: 32 | 64;
  constructor(bits: 32 | 64, seed: number) {
    this.bits = bits;
    this.state = BigInt(seed) * 2n + 1n;
  }

  /** 64 random bits (a linear congruential generator with Knuth's MMIX constants, mixed). */
  private random(): bigint {
    this.state = BigInt.asUintN(64, this.state * 6364136223846793005n + 1442695040888963407n);
    return this.state ^ (this.state >> 29n) ^ BigInt.asUintN(64, this.state << 17n);
  }
  private below(n: number): number {
    return Number((this.random() >> 20n) % BigInt(n));
  }

  private lane(): bigint {
    const fraction = this.bits === 64 ? 52n : 23n;
    const width = BigInt(this.bits);
    const sign = (this.random() & 1n) << (width - 1n);
    const exponents = 1n << (width - 1n - fraction);
    const random = BigInt.asUintN(Number(fraction), this.random());
    const number = (exponent: bigint, f = random) => sign | (exponent << fraction) | f;
    const bias = exponents / 2n - 1n;
    switch (this.below(12)) {
      case 0:
        return number(0n, 0n);
      case 1:
        return number(0n); // denormal
      case 2:
        return number(1n, 0n) + BigInt(this.below(3)) - 1n; // around the least normal number
      case 3:
        return number(exponents - 1n, BigInt(this.below(2)) && random);
      case 4:
        return number(exponents - 2n); // close to overflow
      case 5:
        return number(bias, BigInt(this.below(2)) && random);
      case 6:
        return number(bias / 2n + BigInt(this.below(3))); // products close to underflow
      case 7:
        return number(bias + BigInt(this.below(8)), random & ~((1n << (fraction / 2n)) - 1n)); // short significands
      case 8:
        return number(1n + BigInt(this.below(4)));
      default:
        return number(BigInt.asUintN(Number(width - 1n - fraction), this.random()));
    }
  }

  next(): { a: Uint8Array; b: Uint8Array } {
    const a = new Uint8Array(16);
    const b = new Uint8Array(16);
    const put = (bytes: Uint8Array, at: number, value: bigint) => {
      const view = new DataView(bytes.buffer);
      if (this.bits === 64) view.setBigUint64(at, value, true);
      else view.setUint32(at, Number(BigInt.asUintN(32, value)), true);
    };
    for (let at = 0; at < 16; at += this.bits / 8) {
      const x = this.lane();
      // Every fourth pair is close in size, so that sums cancel and quotients are near one.
      const y =
        this.below(4) === 0 ? x ^ ((this.random() & 1n) << BigInt(this.bits - 1)) ^ BigInt(this.below(4)) : this.lane();
      put(a, at, x);
      put(b, at, y);
    }
    return { a, b };
  }
}
