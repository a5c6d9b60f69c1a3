import { describe, expect, test } from 'vitest';
import { Connection, type ByteChannel } from '../../../src/container/supervisor/connection.ts';
import { encodeFrame, FRAME_BYTES_MAX, LINE_BYTES_MAX } from '../../../src/container/supervisor/protocol.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A connection on which the other side has sent these pieces, and then closed. */
function received(...pieces: Uint8Array[]): Connection {
  async function* incoming() {
    yield* pieces;
  }
  return new Connection({ incoming: incoming(), write: () => Promise.resolve(), close: () => {} });
}

function oneByteAtATime(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

describe('a connection', () => {
  test('reads lines and then frames however they are cut', async () => {
    const bytes = Buffer.concat([text('{"a":1}\n'), encodeFrame(3, text('hello')), encodeFrame(4, text(''))]);
    const connection = received(...oneByteAtATime(bytes));
    expect(await connection.line()).toBe('{"a":1}');
    const first = await connection.frame();
    expect([first!.kind, new TextDecoder().decode(first!.payload)]).toEqual([3, 'hello']);
    expect(await connection.frame()).toEqual({ kind: 4, payload: new Uint8Array(0) });
    expect(await connection.frame()).toBeUndefined();
  });

  test('reads a line and frames that came in one piece', async () => {
    const connection = received(Buffer.concat([text('x\n'), encodeFrame(1, text('y'))]));
    expect(await connection.line()).toBe('x');
    expect((await connection.frame())!.payload.length).toBe(1);
  });

  test('ends where the other side closed, also in the middle', async () => {
    expect(await received(text('half a line')).line()).toBeUndefined();
    expect(await received(encodeFrame(1, text('half')).subarray(0, 7)).frame()).toBeUndefined();
  });

  test('refuses what is too long before it is kept', async () => {
    const head = encodeFrame(1, new Uint8Array(0));
    new DataView(head.buffer).setUint32(1, FRAME_BYTES_MAX + 1, true);
    await expect(received(head).frame()).rejects.toMatchObject({ code: 'BAD_STATE' });
    const line = Array.from({ length: 6 }, () => new Uint8Array(LINE_BYTES_MAX / 4).fill(0x61));
    await expect(received(...line).line()).rejects.toMatchObject({ code: 'BAD_STATE' });
  });

  test('cuts what is too long for one frame, and waits for the other side', async () => {
    const written: number[] = [];
    const channel: ByteChannel = {
      incoming: (async function* () {})(),
      write: async (bytes) => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        written.push(bytes.length);
      },
      close: () => {},
    };
    await new Connection(channel).send(2, new Uint8Array(FRAME_BYTES_MAX + 10));
    expect(written).toEqual([FRAME_BYTES_MAX + 5, 15]);
  });
});
