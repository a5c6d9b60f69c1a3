/** The lowest bytes of a number, the least one first. */
export const le = (value: number | bigint, byteCount: number): number[] =>
  Array.from({ length: byteCount }, (_, n) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(8 * n)) & 255n));
