import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { eventFilter } from '../../../src/container/lifecycle/event-filter.ts';
import { containerEvent, imageEvent } from '../../../src/container/lifecycle/events.ts';
import { EventLog } from '../../../src/container/lifecycle/node-event-log.ts';
import { type EventQuery, readEvents } from '../../../src/container/lifecycle/node-event-reader.ts';
import { parseTime } from '../../../src/util/time.ts';
import { FakeClock, containerConfig } from '../../support/container-fixture.ts';

let home: string;
let clock: FakeClock;
let log: EventLog;
let errors: unknown[];
const openLog = (): EventLog =>
  new EventLog({ home, clock, exclusively: (action) => action(), onError: (error) => errors.push(error) });
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vivarium-events-'));
  clock = new FakeClock();
  errors = [];
  log = openLog();
});
afterEach(() => rmSync(home, { recursive: true }));

const START = parseTime('2024-01-02T03:04:05Z')!;
async function read(query: Partial<EventQuery>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of readEvents(log.path, { nowNs: () => clock.nowNs(), ...query }))
    seen.push(`${event.type} ${event.action} ${event.id}`);
  return seen;
}
async function appendSome(): Promise<void> {
  for (const name of ['pull', 'tag', 'untag']) {
    await log.append(imageEvent(name, 'busybox'));
    clock.advance(1);
  }
}

describe('the event log', () => {
  test('gives what happened between two times', async () => {
    await appendSome();
    const untilNs = START + 1_000_000_000n;

    expect(await read({ sinceNs: START, untilNs })).toEqual(['image pull busybox', 'image tag busybox']);
    expect(await read({ sinceNs: START + 1n, untilNs })).toEqual(['image tag busybox']);
    expect(await read({ untilNs })).toEqual([]);
    expect(errors).toEqual([]);
  });

  test('passes over lines that are no events', async () => {
    await appendSome();
    appendFileSync(log.path, 'x\n{"type":"image"}\n');
    await log.append(imageEvent('delete', 'busybox'));
    clock.advance(1);

    expect(await read({ sinceNs: START + 2_000_000_000n, untilNs: clock.nowNs() - 1n })).toEqual([
      'image untag busybox',
      'image delete busybox',
    ]);
  });

  test('is followed from now on, over a rotation, by somebody who was there before it', async () => {
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { action } of readEvents(log.path, { nowNs: () => clock.nowNs(), signal: stop.signal }))
        seen.push(action);
    })();
    await new Promise((resolve) => setTimeout(resolve, 120));
    const big = { text: 'x'.repeat(100_000) };
    for (let index = 0; index < 15; index++) await log.append(imageEvent(String(index), 'a', big));

    await vi.waitUntil(() => seen.length === 15, { timeout: 10_000 });
    stop.abort(new Error('enough'));

    await expect(following).rejects.toThrow('enough');
    expect(seen).toEqual(Array.from({ length: 15 }, (_, index) => String(index)));
    expect([existsSync(log.path), existsSync(`${log.path}.1`)]).toEqual([true, true]);
  });

  test('that can not be written tells why, and what happened goes on', async () => {
    writeFileSync(join(home, 'events'), 'a file in its place');

    await log.append(imageEvent('pull', 'busybox'));

    expect(errors).toEqual([expect.objectContaining({ code: 'STORE' })]);
  });
});

describe('an event of a container', () => {
  test('has its labels, its image, its name and what belongs to the action', () => {
    const config = containerConfig({ labels: { team: 'a' } });

    expect(containerEvent('die', { config, name: 'web' }, { exitCode: '3' })).toEqual({
      type: 'container',
      action: 'die',
      id: config.id,
      attributes: { team: 'a', exitCode: '3', image: 'busybox', name: 'web' },
    });
  });
});

describe('a filter for events', () => {
  const config = containerConfig({ labels: { team: 'a' } });
  const events = [
    containerEvent('start', { config, name: 'web' }),
    containerEvent('health_status: healthy', { config, name: 'web' }),
    containerEvent('start', { config: containerConfig(), name: 'other' }),
    imageEvent('pull', 'busybox:latest', { name: 'busybox' }),
  ].map((event) => ({ ...event, time: '' }));

  test.each([
    [[], [0, 1, 2, 3]],
    [['container=web'], [0, 1]],
    [['container=/web', 'event=start'], [0]],
    [[`container=${config.id.slice(0, 12)}`], [0, 1]],
    [
      ['container=web', 'container=other'],
      [0, 1, 2],
    ],
    [['event=health_status'], [1]],
    [['event=health_status: healthy'], [1]],
    [
      ['event=pull', 'event=start'],
      [0, 2, 3],
    ],
    [['type=image'], [3]],
    [['image=busybox'], [0, 1, 2, 3]],
    [['image=busybox:latest'], [3]],
    [['label=team'], [0, 1]],
    [['label=team=b'], []],
    [['scope=local', 'label=team=a', 'event=start'], [0]],
  ])('%j lets through %j', (filters, expected) => {
    const isWanted = eventFilter(filters);

    expect(events.flatMap((event, index) => (isWanted(event) ? [index] : []))).toEqual(expected);
  });

  test.each(['x', 'container', '=a', 'daemon=a'])('%j is none', (text) => {
    expect(() => eventFilter([text])).toThrow(/is no filter for events; there is container=, event=/);
  });
});
