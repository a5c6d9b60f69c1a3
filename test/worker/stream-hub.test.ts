import { describe, expect, it } from 'vitest';
import type { WorkerMessage } from '../../src/worker/protocol.ts';
import { PartialInput, StreamHub } from '../../src/worker/stream-hub.ts';

const MIB = 1 << 20;

function create() {
  const sent: WorkerMessage[] = [];
  const hub = new StreamHub({ postMessage: (message) => sent.push(message) });
  return { hub, sent };
}

describe('stream hub', () => {
  it('passes output on', () => {
    const { hub, sent } = create();

    const full = hub.output('com1', Uint8Array.of(1, 2));

    expect(full).toBeUndefined();
    expect(sent).toEqual([{ type: 'output', stream: 'com1', bytes: Uint8Array.of(1, 2) }]);
  });

  it('is full after a mebibyte that was not written, until half of it is', async () => {
    const { hub } = create();

    const full = hub.output('com1', new Uint8Array(MIB + 2));
    let isResolved = false;
    void full?.then(() => (isResolved = true));
    hub.receive({ type: 'written', stream: 'com1', byteCount: MIB / 2 });
    await Promise.resolve();
    const early = isResolved;
    hub.receive({ type: 'written', stream: 'com1', byteCount: 2 });
    await full;

    expect([early, isResolved]).toEqual([false, true]);
  });

  it('counts the streams apart', () => {
    const { hub } = create();

    const first = hub.output('com1', new Uint8Array(MIB));
    const second = hub.output('port0', new Uint8Array(MIB));

    expect([first, second]).toEqual([undefined, undefined]);
  });

  it('drops input for nobody, and says that it is gone', () => {
    const { hub, sent } = create();

    hub.receive({ type: 'input', stream: 'com2', bytes: new Uint8Array(5) });

    expect(sent).toEqual([{ type: 'taken', stream: 'com2', byteCount: 5 }]);
  });
});

describe('input for a device that takes a part at a time', () => {
  it('keeps the rest until there is room, in order', () => {
    const { hub, sent } = create();
    const received: number[] = [];
    let room = 2;
    const input = new PartialInput(hub, 'com1', (bytes) => {
      const taken = bytes.subarray(0, room);
      received.push(...taken);
      room -= taken.length;
      return taken.length;
    });

    hub.receive({ type: 'input', stream: 'com1', bytes: Uint8Array.of(1, 2, 3) });
    hub.receive({ type: 'input', stream: 'com1', bytes: Uint8Array.of(4) });
    room = 10;
    input.resume();

    expect(received).toEqual([1, 2, 3, 4]);
    expect(sent).toEqual([
      { type: 'taken', stream: 'com1', byteCount: 2 },
      { type: 'taken', stream: 'com1', byteCount: 2 },
    ]);
  });
});
