/** Events as `docker events` prints them: a line, or the message of the Docker Engine API ("SystemEvents"). */
import type { ReadEvent } from '../../container/lifecycle/node-event-reader.ts';
import { goMap } from './go-values.ts';

const NS_PER_SECOND = 1_000_000_000n;
const NS_PER_MS = 1_000_000n;
const MINUTES_PER_HOUR = 60;
const FRACTION_DIGITS = 9;

/** `2024-01-02T03:04:05.123456789+01:00 container start ID (image=busybox, name=web)`, in the host's zone. */
export function eventLine(event: ReadEvent): string {
  const attributes = Object.entries(event.attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const list = attributes.length > 0 ? ` (${attributes.join(', ')})` : '';
  return `${localTime(event.timeNs)} ${event.type} ${event.action} ${event.id}${list}`;
}

/** The message as JSON. The nanoseconds are more than a number of JavaScript holds. */
export function eventText(event: ReadEvent): string {
  return JSON.stringify(eventPage(event)).replace(/"timeNano":"(\d+)"/, '"timeNano":$1');
}

/** Its fields as templates call them: events.Message of Docker's Go packages. */
export class EventFields {
  readonly Status: string;
  readonly ID: string;
  readonly From: string;
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly Scope = 'local';
  readonly Time: number;
  readonly TimeNano: string;
  readonly #page: Record<string, unknown>;

  constructor(event: ReadEvent) {
    this.#page = eventPage(event);
    const { type, action, id, attributes, timeNs } = event;
    this.Status = action;
    this.ID = id;
    this.From = attributes['image'] ?? '';
    this.Type = type;
    this.Action = action;
    this.Actor = { ID: id, Attributes: goMap(attributes) };
    this.Time = Number(timeNs / NS_PER_SECOND);
    this.TimeNano = String(timeNs);
  }

  toJSON(): Record<string, unknown> {
    return this.#page;
  }
}

function eventPage({ type, action, id, attributes, timeNs }: ReadEvent): Record<string, unknown> {
  const from = type === 'container' ? { from: attributes['image'] ?? '' } : {};
  return {
    status: action,
    id,
    ...from,
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: goMap(attributes) },
    scope: 'local',
    time: Number(timeNs / NS_PER_SECOND),
    timeNano: String(timeNs),
  };
}

function localTime(timeNs: bigint): string {
  const date = new Date(Number(timeNs / NS_PER_MS));
  const offset = -date.getTimezoneOffset();
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.abs(offset);
  const zone =
    offset === 0
      ? 'Z'
      : `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / MINUTES_PER_HOUR))}:${two(minutes % MINUTES_PER_HOUR)}`;
  const local = new Date(date.getTime() + offset * MINUTES_PER_HOUR * 1000).toISOString().slice(0, 19);
  return `${local}.${String(timeNs % NS_PER_SECOND).padStart(FRACTION_DIGITS, '0')}${zone}`;
}
