/** Raw DEFLATE (RFC 1951) with the platform's own code, for pieces whose length is known: no more than that is ever held. */

/**
 * Fills `target` to its end. Rejects with a RangeError when there is more or less than that, or with what the platform
 * throws for bytes that are no such stream.
 */
export async function inflateInto(bytes: Uint8Array, target: Uint8Array): Promise<void> {
  const input = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const reader = input.pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > target.length) throw new RangeError('it inflates to more than it should');
      target.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    throw error;
  }
  if (filled !== target.length) throw new RangeError('it inflates to less than it should');
}
