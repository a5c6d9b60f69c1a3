import { describe, expect, test } from 'vitest';
import { psFormat, type PsRow } from '../../src/cli/commands/ps.ts';
import { type FilterContext, containerFilter } from '../../src/cli/container-filter.ts';
import { containerPage } from '../../src/cli/format/container-page.ts';
import { EventFields, eventLine, eventText } from '../../src/cli/format/event-text.ts';
import { formatList } from '../../src/cli/format/table.ts';
import { GoDuration } from '../../src/cli/format/go-values.ts';
import { Template } from '../../src/cli/format/template.ts';
import type { ContainerConfig, ContainerState } from '../../src/container/lifecycle/config.ts';
import type { Container } from '../../src/container/lifecycle/node-container-store.ts';
import { INITIAL_STATE } from '../../src/container/lifecycle/state.ts';
import { parseTime } from '../../src/util/time.ts';
import { IMAGE_ID, containerConfig } from '../support/container-fixture.ts';

const NOW = Date.parse('2024-01-02T04:04:05Z');

function container(
  digit: string,
  name: string,
  config: Partial<ContainerConfig> = {},
  state: Partial<ContainerState> = {},
): Container {
  const id = digit.repeat(64);
  return { id, name, config: containerConfig({ id, ...config }), state: { ...INITIAL_STATE, ...state } };
}

const WEB = container(
  'a',
  'web',
  { cmd: ['sh', '-c', 'while true; do date; done'], labels: { team: 'x', 'com.example.role': 'front' } },
  { status: 'running', startedAt: '2024-01-02T04:01:00Z' },
);
const OLD = container(
  'b',
  'old',
  {
    created: '2024-01-01T03:04:05Z',
    labels: { team: 'y' },
    volumes: [{ hostPath: '/home/somebody/data', guestPath: '/data', readOnly: true }],
  },
  { status: 'exited', exitCode: 3, startedAt: '2024-01-01T03:04:05Z', finishedAt: '2024-01-02T02:00:00Z' },
);
const ROWS: PsRow[] = [
  { container: WEB, image: 'busybox' },
  { container: OLD, image: '111111111111', size: { own: 12_300, virtual: 4_260_000 } },
];
const list = (template?: string, flags: { size?: boolean; trunc?: boolean; quiet?: boolean } = {}): string =>
  formatList(ROWS, psFormat({ trunc: true, ...flags }, NOW), { template, quiet: flags.quiet });

describe('viv ps', () => {
  test('is a table as that of docker ps', () => {
    expect(list()).toBe(
      [
        'CONTAINER ID   IMAGE          COMMAND                  CREATED             STATUS                   PORTS     NAMES',
        'aaaaaaaaaaaa   busybox        "sh -c \'while true; …"   About an hour ago   Up 3 minutes                       web',
        'bbbbbbbbbbbb   111111111111   "sh"                     25 hours ago        Exited (3) 2 hours ago             old',
        '',
      ].join('\n'),
    );
  });

  test('shows sizes, whole IDs and commands when asked', () => {
    expect(list(undefined, { size: true }).split('\n')[2]).toMatch(/ old {7}12\.3kB \(virtual 4\.26MB\)$/);
    expect(list(undefined, { trunc: false })).toContain(`"sh -c 'while true; do date; done'"`);
    expect(list(undefined, { trunc: false, quiet: true })).toBe(`${'a'.repeat(64)}\n${'b'.repeat(64)}\n`);
    expect(list(undefined, { quiet: true })).toBe('aaaaaaaaaaaa\nbbbbbbbbbbbb\n');
  });

  test('has templates with methods, and JSON', () => {
    expect(list('{{.Names}} {{.State}} {{.Label "com.example.role"}}')).toBe('web running front\nold exited \n');
    expect(list('table {{.Names}}\\t{{.Label "com.example.role"}}')).toBe(
      'NAMES     role\nweb       front\nold       \n',
    );
    expect(JSON.parse(list('json').split('\n')[1]!)).toEqual({
      Command: '"sh"',
      CreatedAt: '2024-01-01 03:04:05 +0000 UTC',
      ID: 'bbbbbbbbbbbb',
      Image: '111111111111',
      Labels: 'team=y',
      LocalVolumes: '0',
      Mounts: '/home/somebody…',
      Names: 'old',
      Networks: 'guest',
      Pod: 'bbbbbbbbbbbb',
      Ports: '',
      RunningFor: '25 hours ago',
      Size: '12.3kB (virtual 4.26MB)',
      State: 'exited',
      Status: 'Exited (3) 2 hours ago',
    });
  });
});

describe('a filter for containers', () => {
  const context: FilterContext = {
    find: (text) => Promise.resolve(text === 'web' ? WEB : OLD),
    imageIds: (text) => Promise.resolve(text === 'other-name' ? [IMAGE_ID] : []),
    podId: () => Promise.resolve(WEB.id),
    nowNs: () => parseTime('2024-01-02T04:04:05Z')!,
  };
  const ALL_KEYS = ['until', 'label!'];

  test.each([
    [[], ['web', 'old']],
    [['status=running'], ['web']],
    [
      ['status=running', 'status=exited'],
      ['web', 'old'],
    ],
    [['exited=3'], ['old']],
    [['exited=0'], []],
    [['name=w'], ['web']],
    [['name=^/old$'], ['old']],
    [['id=bbbb'], ['old']],
    [['label=team'], ['web', 'old']],
    [['label=team=x'], ['web']],
    [['label=team=x', 'label=team=y'], []],
    [['before=web'], ['old']],
    [['since=old'], ['web']],
    [['ancestor=busybox'], ['web', 'old']],
    [['ancestor=other-name'], ['web', 'old']],
    [['ancestor=none'], []],
    [['volume=/data'], ['old']],
    [['volume=/home/somebody/data'], ['old']],
    [['health=none'], ['web', 'old']],
    [['health=healthy'], []],
    [['network=guest'], ['web', 'old']],
    [['pod=web'], ['web']],
    [['until=2h'], ['old']],
    [['label!=team=x'], ['old']],
  ])('%j gives %j', async (filters, expected) => {
    const allowed = [...filters.map((text) => text.split('=', 1)[0]!), ...ALL_KEYS];

    const { isWanted } = await containerFilter(filters, context, allowed);

    expect([WEB, OLD].filter(isWanted).map(({ name }) => name)).toEqual(expected);
  });

  test.each([
    ['status=asleep', /invalid filter 'status=asleep'/],
    ['exited=x', /invalid filter 'exited=x'/],
    ['health=x', /invalid filter 'health=x'/],
    ['name=(', /not a regular expression/],
    ['color=red', /no filter for containers; there is ancestor=/],
    ['until=1h', /no filter for containers/],
  ])('%s is refused', async (text, message) => {
    await expect(containerFilter([text], context)).rejects.toThrow(message);
  });
});

test('viv inspect has the fields of the Docker Engine API', () => {
  const page = containerPage(OLD, { log: '/log', disk: '/disk' }, { own: 1, virtual: 2 });

  expect(page).toMatchObject({
    Id: OLD.id,
    Name: '/old',
    Path: 'sh',
    Args: [],
    Image: IMAGE_ID,
    LogPath: '/log',
    State: { Status: 'exited', Running: false, ExitCode: 3, FinishedAt: '2024-01-02T02:00:00Z' },
    HostConfig: {
      Binds: ['/home/somebody/data:/data:ro'],
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      Memory: 0,
    },
    Mounts: [{ Type: 'bind', Source: '/home/somebody/data', Destination: '/data', Mode: 'ro', RW: false }],
    Config: { Hostname: 'bbbbbbbbbbbb', Cmd: ['sh'], Entrypoint: null, Image: 'busybox', Labels: { team: 'y' } },
    SizeRw: 1,
    SizeRootFs: 2,
  });
  expect(new Template('{{.State.Status}} {{index .Config.Labels "team"}}').execute(page)).toBe('exited y');
});

test('viv inspect shows variables and defaults of the image where the user gave none', () => {
  const { config } = container('c', 'c', {
    cmd: [],
    env: ['A=mine'],
    imageDefaults: {
      user: 'nobody',
      env: ['PATH=/bin', 'A=image'],
      entrypoint: ['/entry'],
      cmd: ['serve'],
      workingDir: '/srv',
      stopSignal: 'SIGINT',
      labels: {},
      exposedPorts: ['80/tcp'],
      volumes: ['/var'],
    },
    healthCheck: {
      test: ['CMD', 'true'],
      intervalMs: 1000,
      timeoutMs: 2000,
      startPeriodMs: 0,
      startIntervalMs: 5000,
      retries: 3,
    },
  });

  expect(containerPage(container('c', 'c', config), { log: '', disk: '' })['Config']).toMatchObject({
    User: 'nobody',
    Env: ['A=mine', 'PATH=/bin'],
    Entrypoint: ['/entry'],
    Cmd: ['serve'],
    WorkingDir: '/srv',
    StopSignal: 'SIGINT',
    ExposedPorts: { '80/tcp': {} },
    Volumes: { '/var': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: new GoDuration(1_000_000_000), Retries: 3 },
  });
});

describe('an event', () => {
  const time = '2024-01-02T03:04:05.123456789Z';
  const event = {
    type: 'container' as const,
    action: 'die',
    id: 'a'.repeat(64),
    attributes: { name: 'web', image: 'busybox', exitCode: '3' },
    time,
    timeNs: parseTime(time)!,
  };

  test('is a line with its time in the zone of the host', () => {
    const [shown, ...rest] = eventLine(event).split(' ');

    expect([parseTime(shown!), rest.join(' ')]).toEqual([
      event.timeNs,
      `container die ${event.id} (exitCode=3, image=busybox, name=web)`,
    ]);
  });

  test('is JSON with all its nanoseconds, and has fields for templates', () => {
    expect(eventText(event)).toBe(
      `{"status":"die","id":"${event.id}","from":"busybox","Type":"container","Action":"die","Actor":{"ID":"${event.id}",` +
        '"Attributes":{"exitCode":"3","image":"busybox","name":"web"}},"scope":"local","time":1704164645,"timeNano":1704164645123456789}',
    );
    expect(
      new Template('{{.Type}} {{.ID}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.signal}}').execute(
        new EventFields(event),
      ),
    ).toBe(`container ${event.id} 3 <no value>`);
  });
});
