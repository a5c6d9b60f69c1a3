/** Sizes as people write them. */

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Bytes in a size like 512M, 2G, 1.5g or 65536k; without a unit, bytes. Undefined for what is no size. */
export function sizeInBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text.trim());
  return match === null ? undefined : Math.floor(Number(match[1]) * UNITS[match[2]!.toUpperCase()]!);
}
