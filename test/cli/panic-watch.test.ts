import { describe, expect, it } from 'vitest';
import { PanicWatch } from '../../src/cli/panic-watch.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe('panic watch', () => {
  it('sees the line with which a panic begins, with its time stamp', () => {
    expect(new PanicWatch().see(text('boot\r\n[    1.234567] Kernel panic - not syncing: VFS: Unable\r\n'))).toBe(true);
  });

  it('sees it in pieces', () => {
    const watch = new PanicWatch();

    const seen = [watch.see(text('Ker')), watch.see(text('nel panic - not syncing')), watch.isFound];

    expect(seen).toEqual([false, true, true]);
  });

  it('does not see it in the middle of a long line', () => {
    expect(new PanicWatch().see(text(`${'x'.repeat(60)}Kernel panic - not syncing`))).toBe(false);
  });

  it('tells of it once', () => {
    const watch = new PanicWatch();
    watch.see(text('Kernel panic - not syncing: x\n'));

    expect(watch.see(text('more\n'))).toBe(false);
  });
});
