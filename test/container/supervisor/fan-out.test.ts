import { describe, expect, test } from 'vitest';
import { FanOut } from '../../../src/container/supervisor/fan-out.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('output', () => {
  test('goes to everybody who has come, each stream to whom it is for', () => {
    const output = new FanOut();
    const seen: string[] = [];
    const take = (who: string) => (chunk: Uint8Array) => void seen.push(`${who} ${new TextDecoder().decode(chunk)}`);
    output.add({ stdout: take('a.out'), stderr: take('a.err') });
    output.add({ stderr: take('b.err') });

    expect([output.stdout(bytes('1')), output.stderr(bytes('2'))]).toEqual([undefined, undefined]);
    expect(seen).toEqual(['a.out 1', 'a.err 2', 'b.err 2']);
  });

  test('waits for the slowest', async () => {
    const output = new FanOut();
    let release!: () => void;
    output.add({ stdout: () => new Promise((resolve) => (release = resolve)) });
    output.add({ stdout: () => Promise.resolve() });
    let isTaken = false;
    const taken = Promise.resolve(output.stdout(bytes('1'))).then(() => (isTaken = true));
    await new Promise((resolve) => setTimeout(resolve, 10));
    const before = isTaken;
    release();
    await taken;
    expect(before).toBe(false);
  });

  test('does not wait for one who has left', async () => {
    const output = new FanOut();
    const leave = output.add({ stdout: () => new Promise(() => {}) });
    const taken = output.stdout(bytes('1'));
    leave();
    await taken;
    expect(output.stdout(bytes('2'))).toBeUndefined();
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('full');
      },
    ],
    ['rejects', () => Promise.reject(new Error('full'))],
  ])('does not go to one who %s any more, and fails nobody', async (_, sink) => {
    const output = new FanOut();
    let calls = 0;
    output.add({
      stdout: () => {
        calls++;
        return sink();
      },
    });
    await output.stdout(bytes('1'));
    await output.stdout(bytes('2'));
    expect(calls).toBe(1);
  });
});
