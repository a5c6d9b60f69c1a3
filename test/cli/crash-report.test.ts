/** The report of our own failure, and what it keeps of the console. */
import { describe, expect, it } from 'vitest';
import { ConsoleTail } from '../../src/cli/console-tail.ts';
import { crashReport } from '../../src/cli/crash-report.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import { limitsWith } from '../../src/oci/limits.ts';
import { readTar } from '../../src/oci/tar.ts';

const TAIL_BYTES = 64 * 1024;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (from: Uint8Array): string => new TextDecoder().decode(from);
const FACTS = { dump: 'it broke: naïvely', versions: { node: 'v0' }, console: bytes('boot\n'), unixMs: 5000 };

/** Name, owner's rights, time and content of each file, as the reader for image layers sees them. */
function entriesOf(archive: Uint8Array): unknown[] {
  const content = new MemoryContent([archive]);
  return [...readTar(content, { what: 'the report', limits: limitsWith(), requireEnd: true })].map((entry) => [
    entry.path,
    entry.mode,
    entry.mtimeNs,
    text(content.readSync(entry.offset, entry.size)),
  ]);
}

describe('crashReport', () => {
  it('holds the dump in UTF-8, the versions and the console, for the owner alone', () => {
    expect(entriesOf(crashReport(FACTS))).toEqual([
      ['dump.txt', 0o600, 5_000_000_000n, 'it broke: naïvely\n'],
      ['versions.json', 0o600, 5_000_000_000n, '{\n  "node": "v0"\n}\n'],
      ['console.txt', 0o600, 5_000_000_000n, 'boot\n'],
    ]);
  });

  it('has no console file when nothing is known of the console', () => {
    const names = entriesOf(crashReport({ ...FACTS, console: new Uint8Array() })).map(
      (entry) => (entry as string[])[0],
    );

    expect(names).toEqual(['dump.txt', 'versions.json']);
  });

  it('is whole when a file is larger than the archive was made for', () => {
    const console = new Uint8Array(TAIL_BYTES).fill(0x41);

    const entries = entriesOf(crashReport({ ...FACTS, console })) as string[][];

    expect(entries[2]![3]).toBe('A'.repeat(TAIL_BYTES));
  });
});

describe('ConsoleTail', () => {
  it('keeps what was printed, in order', () => {
    const tail = new ConsoleTail();

    tail.see(bytes('one '));
    tail.see(bytes('two'));

    expect(text(tail.bytes())).toBe('one two');
  });

  it('keeps the last 64 KiB of many chunks', () => {
    const tail = new ConsoleTail();

    tail.see(bytes('lost'));
    tail.see(bytes('a'.repeat(TAIL_BYTES - 1)));
    tail.see(bytes('bc'));

    expect(text(tail.bytes())).toBe(`${'a'.repeat(TAIL_BYTES - 2)}bc`);
  });

  it('keeps the end of a chunk that is larger than that', () => {
    const tail = new ConsoleTail();

    tail.see(bytes(`lost${'z'.repeat(TAIL_BYTES)}`));

    expect(text(tail.bytes())).toBe('z'.repeat(TAIL_BYTES));
  });
});
