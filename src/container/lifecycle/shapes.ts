/**
 * Checks that a record which was read is what was written: a file that was cut off, or that somebody has edited, must not
 * come up as a strange failure later. Fields that a shape does not know are allowed.
 */

/** What a value must be. `texts` is an object of strings. */
export type Shape =
  'string' | 'number' | 'boolean' | 'texts' | { readonly [field: string]: Shape } | Optional | ListOf | OneOf;
interface Optional {
  readonly $optional: Shape;
}
interface ListOf {
  readonly $list: Shape;
}
interface OneOf {
  readonly $oneOf: readonly (string | number)[];
}

const optional = (shape: Shape): Shape => ({ $optional: shape });
const list = (shape: Shape): Shape => ({ $list: shape });
const oneOf = (...values: readonly (string | number)[]): Shape => ({ $oneOf: values });
const OPTIONAL_NUMBER = optional('number');
const OPTIONAL_STRING = optional('string');

/** ContainerConfig. */
export const CONFIG_SHAPE: Shape = {
  version: oneOf(1),
  id: 'string',
  created: 'string',
  image: { name: 'string', id: 'string', manifest: OPTIONAL_STRING, place: 'string', platform: 'string' },
  imageDefaults: optional({
    user: 'string',
    env: list('string'),
    entrypoint: list('string'),
    cmd: list('string'),
    workingDir: 'string',
    stopSignal: 'string',
    labels: 'texts',
    exposedPorts: list('string'),
    volumes: list('string'),
  }),
  entrypoint: optional(list('string')),
  cmd: list('string'),
  env: list('string'),
  workingDir: OPTIONAL_STRING,
  user: OPTIONAL_STRING,
  hostname: 'string',
  tty: 'boolean',
  openStdin: 'boolean',
  stdinOnce: optional('boolean'),
  labels: 'texts',
  stopSignal: OPTIONAL_STRING,
  stopTimeoutMs: OPTIONAL_NUMBER,
  healthCheck: optional({
    test: list('string'),
    intervalMs: 'number',
    timeoutMs: 'number',
    startPeriodMs: 'number',
    startIntervalMs: 'number',
    retries: 'number',
  }),
  volumes: list({ hostPath: 'string', guestPath: 'string', readOnly: 'boolean' }),
  isolation: {
    limits: {
      memoryBytes: OPTIONAL_NUMBER,
      memorySwapBytes: OPTIONAL_NUMBER,
      memoryReservationBytes: OPTIONAL_NUMBER,
      nanoCpus: OPTIONAL_NUMBER,
      cpuShares: OPTIONAL_NUMBER,
      cpuPeriodUs: OPTIONAL_NUMBER,
      cpuQuotaUs: OPTIONAL_NUMBER,
      pidsLimit: OPTIONAL_NUMBER,
    },
    ulimits: list({ type: 'string', soft: 'number', hard: 'number' }),
    readOnlyRootfs: 'boolean',
    tmpfs: 'texts',
    init: 'boolean',
    capAdd: list('string'),
    capDrop: list('string'),
    securityOpt: list('string'),
    shmBytes: OPTIONAL_NUMBER,
    groupAdd: list('string'),
    sysctls: 'texts',
    oomScoreAdj: 'number',
    privileged: 'boolean',
    network: oneOf('guest', 'none'),
  },
  restart: { name: oneOf('no', 'on-failure', 'always', 'unless-stopped'), maximumRetryCount: 'number' },
  autoRemove: 'boolean',
  log: { driver: oneOf('json-file', 'none'), maxBytes: OPTIONAL_NUMBER, maxFiles: 'number' },
  storageBytes: 'number',
  pod: 'string',
};

/** ContainerState. */
export const STATE_SHAPE: Shape = {
  status: oneOf('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'),
  pid: 'number',
  exitCode: 'number',
  error: 'string',
  oomKilled: 'boolean',
  startedAt: 'string',
  finishedAt: 'string',
  restartCount: 'number',
  stoppedByUser: 'boolean',
  health: optional({
    status: oneOf('starting', 'healthy', 'unhealthy'),
    failingStreak: 'number',
    log: list({ start: 'string', end: 'string', exitCode: 'number', output: 'string' }),
  }),
};

/** PodConfig. */
export const POD_SHAPE: Shape = {
  version: oneOf(1),
  id: 'string',
  name: OPTIONAL_STRING,
  created: 'string',
  machine: { memoryBytes: 'number', tier: OPTIONAL_STRING, warm: 'boolean' },
};

/** What a supervisor says of itself. */
export const SUPERVISOR_SHAPE: Shape = { owner: 'string', socket: 'string' };

/** Why a value has not its shape, or `undefined` when it has. */
export function misfit(value: unknown, shape: Shape, path = 'it'): string | undefined {
  if (typeof shape === 'string') {
    if (shape !== 'texts') return typeof value === shape ? undefined : `${path} is not a ${shape}`;
    return isObject(value) && Object.values(value).every((item) => typeof item === 'string')
      ? undefined
      : `${path} is not an object of strings`;
  }
  if (isShape<Optional>(shape, '$optional'))
    return value === undefined ? undefined : misfit(value, shape.$optional, path);
  if (isShape<OneOf>(shape, '$oneOf'))
    return shape.$oneOf.includes(value as string)
      ? undefined
      : `${path} is ${JSON.stringify(value)}, not ${shape.$oneOf.join(' or ')}`;
  if (isShape<ListOf>(shape, '$list')) {
    if (!Array.isArray(value)) return `${path} is not a list`;
    return first(value.map((item, index) => () => misfit(item, shape.$list, `${path}[${index}]`)));
  }
  if (!isObject(value)) return `${path} is not an object`;
  return first(
    Object.entries(shape as Readonly<Record<string, Shape>>).map(
      ([field, inner]) =>
        () =>
          misfit(
            Object.hasOwn(value, field) ? value[field] : undefined,
            inner,
            path === 'it' ? field : `${path}.${field}`,
          ),
    ),
  );
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isShape<T extends Exclude<Shape, string>>(shape: Exclude<Shape, string>, key: keyof T): shape is T {
  return Object.hasOwn(shape, key);
}
