/** Reads the event log (see node-event-log.ts), also while it grows. */
import { parseTime } from '../../util/time.ts';
import type { EventType, VivariumEvent } from './events.ts';
import { readLines } from './node-line-files.ts';
import { type Shape, misfit } from './shapes.ts';

const EVENT_SHAPE: Shape = { type: 'string', action: 'string', id: 'string', attributes: 'texts', time: 'string' };

export interface EventQuery {
  /** Without it only what happens from now on. */
  readonly sinceNs?: bigint | undefined;
  /** With it reading ends then, at once if that is past. */
  readonly untilNs?: bigint | undefined;
  readonly nowNs: () => bigint;
  readonly signal?: AbortSignal | undefined;
}

/** An event with its time as a number. */
export interface ReadEvent extends VivariumEvent {
  readonly type: EventType;
  readonly timeNs: bigint;
}

/** Events from the oldest to the newest. Lines that are no events are passed over. Throws the signal's reason. */
export async function* readEvents(path: string, query: EventQuery): AsyncGenerator<ReadEvent> {
  const { sinceNs, untilNs, nowNs, signal } = query;
  const isOver = (): Promise<boolean> => Promise.resolve(untilNs !== undefined && nowNs() > untilNs);
  for await (const line of readLines(path, { isOver, signal, ...(sinceNs === undefined ? { tail: 0 } : {}) })) {
    const event = parseEvent(line);
    if (event === undefined || event.timeNs < (sinceNs ?? 0n)) continue;
    if (untilNs === undefined || event.timeNs <= untilNs) yield event;
  }
}

function parseEvent(line: string): ReadEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (misfit(value, EVENT_SHAPE) !== undefined) return undefined;
  const event = value as VivariumEvent;
  const timeNs = parseTime(event.time);
  return timeNs === undefined ? undefined : { ...event, timeNs };
}
