/** `--filter` for containers (docker ps reference, "Filtering"): values of one key are alternatives, except labels; keys must all fit. */
import type { Container } from '../container/lifecycle/node-container-store.ts';
import { parseMoment } from '../container/lifecycle/time-words.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { parseTime } from '../util/time.ts';

type Predicate = (container: Container) => boolean;

export interface FilterContext {
  /** Finds the container that before= and since= name. */
  readonly find: (text: string) => Promise<Container>;
  /** IDs of images by what ancestor= names; empty when there is none. */
  readonly imageIds: (text: string) => Promise<readonly string[]>;
  /** ID of the pod that pod= names. */
  readonly podId: (text: string) => Promise<string>;
  readonly nowNs: () => bigint;
}

export interface ContainerFilter {
  readonly isWanted: Predicate;
  /** A filter of what does not run makes sense only if all are looked at. */
  readonly wantsAll: boolean;
}

const STATUSES: readonly string[] = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTHS: readonly string[] = ['starting', 'healthy', 'unhealthy', 'none'];

type Maker = (value: string, context: FilterContext) => Predicate | Promise<Predicate>;

const MAKERS: Readonly<Record<string, Maker>> = {
  ancestor: async (value, { imageIds }) => {
    const ids = await imageIds(value);
    return ({ config: { image } }) => image.name === value || ids.includes(image.id);
  },
  before: async (value, { find }) => {
    const other = await find(value);
    return ({ config }) => config.created < other.config.created;
  },
  since: async (value, { find }) => {
    const other = await find(value);
    return ({ config }) => config.created > other.config.created;
  },
  exited: (value) => {
    if (!/^-?\d+$/.test(value)) throw invalid('exited', value);
    return ({ state }) => state.status === 'exited' && state.exitCode === Number(value);
  },
  health: (value) => {
    if (!HEALTHS.includes(value)) throw invalid('health', value);
    return ({ state }) => (state.health?.status ?? 'none') === value;
  },
  id: (value) => {
    const pattern = toPattern(value);
    return ({ id }) => pattern.test(id);
  },
  label: labelFilter,
  'label!': (value) => {
    const has = labelFilter(value);
    return (container) => !has(container);
  },
  name: (value) => {
    const pattern = toPattern(value);
    return ({ name }) => pattern.test(name) || pattern.test(`/${name}`);
  },
  network:
    (value) =>
    ({ config }) =>
      config.isolation.network === value,
  pod: async (value, { podId }) => {
    const id = await podId(value);
    return ({ config }) => config.pod === id;
  },
  status: (value) => {
    if (!STATUSES.includes(value)) throw invalid('status', value);
    return ({ state }) => state.status === value;
  },
  until: (value, { nowNs }) => {
    const limit = parseMoment(value, 'the filter until', nowNs());
    return ({ config }) => (parseTime(config.created) ?? limit) < limit;
  },
  volume:
    (value) =>
    ({ config }) =>
      config.volumes.some(({ hostPath, guestPath }) => hostPath === value || guestPath === value),
};

/** Of `viv ps`. */
export const LIST_FILTERS = [
  ...['ancestor', 'before', 'exited', 'health', 'id', 'label', 'name', 'network', 'pod', 'since', 'status', 'volume'],
];
/** Of `viv container prune`. */
export const PRUNE_FILTERS = ['label', 'label!', 'until'];

/** What all of these filters let through. Throws USAGE, or NOT_FOUND for before=, since= and pod=. */
export async function containerFilter(
  texts: readonly string[],
  context: FilterContext,
  allowed: readonly string[] = LIST_FILTERS,
): Promise<ContainerFilter> {
  const byKey = new Map<string, Predicate[]>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    const key = text.slice(0, equals);
    if (equals <= 0 || !allowed.includes(key))
      throw new VivariumError(
        ErrorCodes.USAGE,
        `${JSON.stringify(text)} is no filter for containers; there is ${allowed.map((name) => `${name}=`).join(', ')}`,
      );
    const predicate = await MAKERS[key]!(text.slice(equals + 1), context);
    byKey.set(key, [...(byKey.get(key) ?? []), predicate]);
  }
  return {
    isWanted: (container) =>
      [...byKey].every(([key, predicates]) =>
        key.startsWith('label')
          ? predicates.every((predicate) => predicate(container))
          : predicates.some((predicate) => predicate(container)),
      ),
    wantsAll: byKey.has('status'),
  };
}

function labelFilter(value: string): Predicate {
  const equals = value.indexOf('=');
  const key = equals < 0 ? value : value.slice(0, equals);
  return ({ config: { labels } }) =>
    Object.hasOwn(labels, key) && (equals < 0 || labels[key] === value.slice(equals + 1));
}

/** Docker's words. */
function invalid(key: string, value: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, `invalid filter '${key}=${value}'`);
}

function toPattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw new VivariumError(ErrorCodes.USAGE, `${JSON.stringify(value)} is not a regular expression`);
  }
}
