/**
 * Text that looks enough like text for a compressor to use all its means on it, the same every time. The fixture
 * test/oci/fixtures/sample-text.zst is its first 300,000 bytes by `zstd -19`.
 */
import { Buffer } from 'node:buffer';

export function sampleText(byteCount: number): Buffer {
  let seed = 1;
  const next = (bound: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 16) % bound;
  };
  const word = (): string =>
    Array.from({ length: 2 + next(6) }, () => String.fromCharCode(97 + Math.min(next(26), next(26)))).join('');
  const page = Array.from({ length: 150 }, word);
  let text = '';
  while (text.length < byteCount) {
    text += `${page.slice(next(100)).join(' ')} ${word()}\n`;
    if (next(3) === 0) page[next(150)] = word();
  }
  return Buffer.from(text.slice(0, byteCount));
}
