import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { outputStream } from '../../src/container/output-stream.ts';

const chunk = (byteCount: number, value = 1): Uint8Array => new Uint8Array(byteCount).fill(value);

/** Whether a promise has settled by now. */
async function isSettled(promise: void | Promise<void>): Promise<boolean> {
  let settled = false;
  void Promise.resolve(promise).then(() => (settled = true));
  await new Promise((resolve) => setTimeout(resolve, 0));
  return settled;
}

describe('an output stream', () => {
  test('gives its reader all bytes in order, then its end', async () => {
    const { readable, sink, close } = outputStream();
    void sink(chunk(1, 7));
    void sink(chunk(1, 8));
    close();

    const bytes = await buffer(readable);

    expect([...bytes]).toEqual([7, 8]);
  });

  test('makes the program wait while too much is unread', async () => {
    const { readable, sink } = outputStream();
    const first = sink(chunk(65_536));
    const before = await isSettled(first);

    await readable.getReader().read();

    expect([before, await isSettled(first)]).toEqual([false, true]);
  });

  test('that is cancelled holds nobody up', async () => {
    const { readable, sink, close } = outputStream();
    const waiting = sink(chunk(100_000));

    await readable.cancel();

    expect([await isSettled(waiting), await isSettled(sink(chunk(100_000)))]).toEqual([true, true]);
    expect(() => close()).not.toThrow();
  });

  test("passes the guest's failure on", async () => {
    const { readable, close } = outputStream();

    close(new Error('the guest crashed'));

    await expect(readable.getReader().read()).rejects.toThrow('the guest crashed');
  });
});
