/** `--filter` of `viv events` (docker events reference, "Filtering"): values of one key are alternatives, keys must all fit. */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import type { VivariumEvent } from './events.ts';

type Matcher = (event: VivariumEvent, value: string) => boolean;

/** `health_status: healthy` is meant by `health_status` too. */
const isAction = (action: string, value: string): boolean => action === value || action.startsWith(`${value}:`);
const isObject =
  (type: string): Matcher =>
  (event, value) =>
    event.type === type &&
    (event.id === value || event.attributes['name'] === value.replace(/^\//, '') || startsWithId(event.id, value));

const MATCHERS: Readonly<Record<string, Matcher>> = {
  container: isObject('container'),
  event: ({ action }, value) => isAction(action, value),
  image: (event, value) =>
    [event.type === 'image' ? event.id : event.attributes['image'], event.type === 'image' && event.attributes['name']]
      .filter((name) => typeof name === 'string')
      .some((name) => name === value || withoutTag(name) === value),
  label: ({ attributes }, value) => {
    const equals = value.indexOf('=');
    if (equals < 0) return Object.hasOwn(attributes, value);
    const key = value.slice(0, equals);
    return Object.hasOwn(attributes, key) && attributes[key] === value.slice(equals + 1);
  },
  scope: (_, value) => value === 'local',
  type: ({ type }, value) => type === value,
};

/** Whether an event passes filters like `type=container`. Throws USAGE for those that there are not. */
export function eventFilter(texts: readonly string[]): (event: VivariumEvent) => boolean {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const key = text.slice(0, equals);
    if (equals <= 0 || !Object.hasOwn(MATCHERS, key))
      throw new VivariumError(
        ErrorCodes.USAGE,
        `${JSON.stringify(text)} is no filter for events; there is ${Object.keys(MATCHERS)
          .map((name) => `${name}=`)
          .join(', ')}`,
      );
    values.set(key, [...(values.get(key) ?? []), text.slice(equals + 1)]);
  }
  return (event) => [...values].every(([key, wanted]) => wanted.some((value) => MATCHERS[key]!(event, value)));
}

const PREFIX = /^[0-9a-f]{4,64}$/;
const startsWithId = (id: string, value: string): boolean => PREFIX.test(value) && id.startsWith(value);

function withoutTag(name: string): string {
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}
