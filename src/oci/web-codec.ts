/**
 * Hashing and inflating with web platform APIs (also present in Node). WebCrypto has no incremental hash, so bytes are
 * kept until the end; DecompressionStream refuses several gzip members in a row, which pigz and eStargz may write.
 */
import type { Codec, Hasher } from './codec.ts';
import type { DigestAlgorithm } from './digest.ts';

const SUBTLE_NAMES: Record<DigestAlgorithm, string> = { sha256: 'SHA-256', sha512: 'SHA-512' };

class WebHasher implements Hasher {
  readonly #name: string;
  #bytes = new Uint8Array(1024);
  #length = 0;

  constructor(algorithm: DigestAlgorithm) {
    this.#name = SUBTLE_NAMES[algorithm];
  }

  update(bytes: Uint8Array): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = needed;
  }

  async hex(): Promise<string> {
    const hash = await crypto.subtle.digest(this.#name, this.#bytes.subarray(0, this.#length));
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

/** A stream through a platform transform. Stops reading `source` when the consumer stops. */
async function* transformed(
  source: AsyncIterable<Uint8Array>,
  transform: ReadableWritablePair<Bytes, BufferSource>,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const input = new ReadableStream<Bytes>({
    async pull(controller) {
      const next = await iterator.next();
      if (next.done) controller.close();
      else controller.enqueue(new Uint8Array(next.value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  const reader = input.pipeThrough(transform).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // already failed, and the error is on its way to the consumer
  }
}

export const webCodec: Codec = {
  createHash: (algorithm) => new WebHasher(algorithm),
  gunzip: (source) => transformed(source, new DecompressionStream('gzip')),
  gzip: (source) => transformed(source, new CompressionStream('gzip')),
};
