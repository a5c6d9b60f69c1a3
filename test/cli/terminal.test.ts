import { describe, expect, it } from 'vitest';
import { EscapeKeys } from '../../src/cli/terminal.ts';

describe('escape keys', () => {
  it('let everything else pass', () => {
    expect(new EscapeKeys().filter(Uint8Array.of(3, 120, 27))).toEqual({
      bytes: Uint8Array.of(3, 120, 27),
      quit: false,
    });
  });

  it('quit on Ctrl-A x', () => {
    expect(new EscapeKeys().filter(Uint8Array.of(97, 1, 120, 98))).toEqual({ bytes: Uint8Array.of(97), quit: true });
  });

  it('send one Ctrl-A for two', () => {
    expect(new EscapeKeys().filter(Uint8Array.of(1, 1, 120))).toEqual({ bytes: Uint8Array.of(1, 120), quit: false });
  });

  it('pass Ctrl-A on with another key', () => {
    expect(new EscapeKeys().filter(Uint8Array.of(1, 99))).toEqual({ bytes: Uint8Array.of(1, 99), quit: false });
  });

  it('remember Ctrl-A from one piece of input to the next', () => {
    const keys = new EscapeKeys();

    const first = keys.filter(Uint8Array.of(1));
    const second = keys.filter(Uint8Array.of(120));

    expect([first.bytes.length, first.quit, second.quit]).toEqual([0, false, true]);
  });
});
