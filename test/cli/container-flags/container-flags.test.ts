/** What the flags of `run` and `create` say, and what is refused, without a machine. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  addContainerFlags,
  readContainerFlags,
  withImageDefaults,
  type ContainerFlags,
  type ContainerParts,
} from '../../../src/cli/container-flags.ts';
import type { ExecutionConfig } from '../../../src/oci/spec.ts';

const MIB = 2 ** 20;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-flags-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function read(...words: string[]): ContainerParts {
  const command = addContainerFlags(new Command('run'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  command.argument('[words...]').passThroughOptions();
  command.parse(['node', 'viv', ...words]);
  return readContainerFlags(command.opts<ContainerFlags>(), { HOST: 'here' });
}

const refusal = (...words: string[]): string => {
  try {
    read(...words);
  } catch (error) {
    return (error as Error).message;
  }
  return 'not refused';
};

test('nothing asked for is Docker’s default', () => {
  expect(read()).toEqual({
    entrypoint: undefined,
    env: [],
    workingDir: undefined,
    user: undefined,
    hostname: undefined,
    tty: false,
    openStdin: false,
    labels: {},
    stopSignal: undefined,
    stopTimeoutMs: undefined,
    healthFlags: undefined,
    volumes: [],
    isolation: {
      limits: {},
      ulimits: [],
      readOnlyRootfs: false,
      tmpfs: {},
      init: false,
      capAdd: [],
      capDrop: [],
      securityOpt: [],
      groupAdd: [],
      sysctls: {},
      oomScoreAdj: 0,
      privileged: false,
      network: 'guest',
    },
    restart: { name: 'no', maximumRetryCount: 0 },
    autoRemove: false,
    log: { driver: 'json-file', maxFiles: 1 },
    storageBytes: 10240 * MIB,
    name: undefined,
    cidFile: undefined,
    pod: undefined,
    machine: { memoryBytes: 512 * MIB, tier: 'mixed', warm: true },
  });
});

test.each<[string[], object]>([
  [['-it'], { tty: true, openStdin: true }],
  [['--rm'], { autoRemove: true }],
  [['-w', '/srv', '-u', 'www:www', '-h', 'box'], { workingDir: '/srv', user: 'www:www', hostname: 'box' }],
  [['--entrypoint', 'sh'], { entrypoint: ['sh'] }],
  [['--entrypoint', ''], { entrypoint: [''] }],
  [['-e', 'A=b=c', '-e', 'HOST', '--env', 'NONE'], { env: ['A=b=c', 'HOST=here', 'NONE'] }],
  [['-l', 'a=b', '--label', 'bare'], { labels: { a: 'b', bare: '' } }],
  [['--stop-signal', 'USR1', '--stop-timeout', '5'], { stopSignal: 'USR1', stopTimeoutMs: 5000 }],
  [['--stop-timeout', '-1'], { stopTimeoutMs: -1 }],
  [['--name', 'web', '--cidfile', 'id', '--pod', 'p'], { name: 'web', cidFile: 'id', pod: 'p' }],
  [['--storage-opt', 'size=20M'], { storageBytes: 20 * MIB }],
  [['--no-warm', '--tier', '0'], { machine: { memoryBytes: 512 * MIB, tier: '0', warm: false } }],
])('%j', (words, parts) => expect(read(...words)).toMatchObject(parts));

describe('limits', () => {
  test.each<[string[], object]>([
    [['-m', '64m', '--memory-swap', '-1'], { memoryBytes: 64 * MIB, memorySwapBytes: -1 }],
    [['-m', '1g', '--memory-reservation', '8M'], { memoryBytes: 1024 * MIB, memoryReservationBytes: 8 * MIB }],
    [['--cpus', '.25'], { nanoCpus: 250_000_000 }],
    [
      ['-c', '512', '--cpu-period', '50000', '--cpu-quota', '-1'],
      { cpuShares: 512, cpuPeriodUs: 50000, cpuQuotaUs: -1 },
    ],
    [['--pids-limit', '20'], { pidsLimit: 20 }],
  ])('%j', (words, limits) => expect(read(...words).isolation.limits).toEqual(limits));

  test.each([
    [[], 512],
    [['-m', '64m'], 512],
    [['-m', '416m'], 512],
    [['-m', '417m'], 768],
    [['-m', '1g'], 1280],
    [['-m', '8g'], 3072],
    [['-m', '1g', '--machine-memory', '256M'], 256],
  ])('%j give the machine %i MiB', (words, mebibytes) => {
    expect(read(...words).machine.memoryBytes).toBe(mebibytes * MIB);
  });
});

describe('isolation', () => {
  test.each<[string[], object]>([
    [['--ulimit', 'nofile=10:20'], { ulimits: [{ type: 'RLIMIT_NOFILE', soft: 10, hard: 20 }] }],
    [['--ulimit', 'core=-1'], { ulimits: [{ type: 'RLIMIT_CORE', soft: -1, hard: -1 }] }],
    [['--read-only', '--init', '--privileged'], { readOnlyRootfs: true, init: true, privileged: true }],
    [['--cap-add', 'ALL', '--cap-drop=MKNOD'], { capAdd: ['ALL'], capDrop: ['MKNOD'] }],
    [['--security-opt', 'no-new-privileges'], { securityOpt: ['no-new-privileges'] }],
    [['--shm-size', '1m'], { shmBytes: MIB }],
    [['--group-add', 'audio', '--group-add', '7'], { groupAdd: ['audio', '7'] }],
    [['--sysctl', 'kernel.sem=1 2 3 4'], { sysctls: { 'kernel.sem': '1 2 3 4' } }],
    [['--oom-score-adj', '-5'], { oomScoreAdj: -5 }],
    [['--network', 'none'], { network: 'none' }],
    [['--net', 'guest'], { network: 'guest' }],
    [['--tmpfs', '/run/', '--tmpfs', '/x:size=1m'], { tmpfs: { '/run': '', '/x': 'size=1m' } }],
    [['--mount', 'type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=700'], { tmpfs: { '/x': `size=${MIB},mode=700` } }],
  ])('%j', (words, options) => expect(read(...words).isolation).toMatchObject(options));

  test('takes a seccomp profile from its file', () => {
    const profile = file('profile.json', '{"defaultAction":"SCMP_ACT_ALLOW"}');

    expect(read('--security-opt', `seccomp=${profile}`).isolation.securityOpt).toEqual([
      'seccomp={"defaultAction":"SCMP_ACT_ALLOW"}',
    ]);
    expect(read('--security-opt', 'seccomp=unconfined').isolation.securityOpt).toEqual(['seccomp=unconfined']);
    expect(refusal('--security-opt', `seccomp=${folder}/none`)).toContain("seccomp profile can't be read");
    expect(refusal('--security-opt', `seccomp=${file('no.json', '{')}`)).toContain('is not JSON');
  });
});

describe('volumes', () => {
  test('come from -v and --mount', () => {
    expect(read('-v', `${folder}:/a:ro`, '--mount', `type=bind,src=${folder},target=/b,readonly`).volumes).toEqual([
      { hostPath: folder, guestPath: '/a', readOnly: true },
      { hostPath: folder, guestPath: '/b', readOnly: true },
    ]);
    expect(read('--mount', `type=bind,source=${folder},dst=/b,ro=false`).volumes[0]?.readOnly).toBe(false);
  });

  test.each([
    [['--mount', 'source=x,target=/y'], 'is of type "volume"'],
    [['--mount', 'type=bind,target=/y'], 'has no source'],
    [['--mount', 'type=bind,source=/'], 'has no target'],
    [['--mount', 'type=bind,source=/,target=y'], 'absolute path'],
    [['--mount', 'type=bind,source=/no/such/place,target=/y'], 'source that is not there'],
    [['--mount', 'type=bind,source=/,target=/y,constructor=1'], '"constructor", which is not known'],
    [['--mount', 'type=bind,source=/,target=/y,tmpfs-size=1m'], 'options are for tmpfs'],
    [['--mount', 'type=tmpfs,source=/,target=/y'], 'has no source; leave it out'],
    [['--mount', 'type=tmpfs,target=/y,readonly=maybe'], 'write readonly alone'],
    [['--tmpfs', 'run'], 'absolute path'],
    [['--tmpfs', '/run:magic'], '--tmpfs has no option "magic"'],
    [['--tmpfs', '/x', '-v', '/:/x/'], 'two volumes have the same place /x'],
  ])('%j are refused', (words, message) => expect(refusal(...words)).toContain(message));
});

describe('files of variables and labels', () => {
  test('have one to a line; the command line wins by coming last', () => {
    const path = file('env', '\ufeff# a remark\n\nA=1\r\n  B=two words  \nHOST\nNONE\nA=#3\n');

    expect(read('-e', 'A=4', '--env-file', path).env).toEqual(['A=1', 'B=two words  ', 'HOST=here', 'A=#3', 'A=4']);
  });

  test('of labels may have bare names', () => {
    expect(read('--label-file', file('labels', 'a=1\nHOST\n#b=2\n'), '-l', 'a=3').labels).toEqual({ a: '3', HOST: '' });
  });

  test.each([
    ['a name with blanks', 'A B=1\n', 'has a line "A B=1"'],
    ['no name', '=1\n', 'has a line "=1"'],
    ['no text', Uint8Array.of(0xff, 0x41), 'is not UTF-8 text'],
    ['too much', new Uint8Array((1 << 20) + 1), 'more than 1 MiB'],
  ])('with %s are refused', (_, content, message) => {
    expect(refusal('--env-file', file('wrong', content))).toContain(message);
  });

  test('that are not there are refused', () => {
    expect(refusal('--env-file', join(folder, 'nowhere'))).toContain('--env-file');
    expect(refusal('--label-file', join(folder, 'nowhere'))).toContain("can't be read");
  });
});

describe('policies', () => {
  test.each<[string[], object]>([
    [['--restart', 'on-failure:3'], { restart: { name: 'on-failure', maximumRetryCount: 3 } }],
    [['--restart', 'unless-stopped'], { restart: { name: 'unless-stopped', maximumRetryCount: 0 } }],
    [['--log-driver', 'none'], { log: { driver: 'none', maxFiles: 1 } }],
    [
      ['--log-opt', 'max-size=1m', '--log-opt', 'max-file=3'],
      { log: { driver: 'json-file', maxBytes: MIB, maxFiles: 3 } },
    ],
  ])('%j', (words, parts) => expect(read(...words)).toMatchObject(parts));

  test.each([
    [['--restart', 'sometimes'], '--restart "sometimes" is no policy'],
    [['--restart', 'always:3'], 'only on-failure has one'],
    [['--restart', 'on-failure:x'], 'is no whole number'],
    [['--rm', '--restart', 'always'], '--rm removes what --restart would start again'],
    [['--log-driver', 'syslog'], 'use json-file or none'],
    [['--log-opt', 'tag=x'], '"tag" is not known'],
    [['--log-opt', 'max-file=3'], 'add max-size'],
    [['--log-opt', 'max-size=1m', '--log-opt', 'max-file=0'], 'no whole number from 1'],
    [['--log-driver', 'none', '--log-opt', 'max-size=1m'], 'takes no --log-opt'],
  ])('%j are refused', (words, message) => expect(refusal(...words)).toContain(message));
});

describe('an image', () => {
  const IMAGE: ExecutionConfig = {
    user: '',
    env: [],
    entrypoint: [],
    cmd: [],
    workingDir: '',
    stopSignal: '',
    labels: new Map([
      ['a', 'image'],
      ['b', 'image'],
    ]),
    exposedPorts: [],
    volumes: [],
    healthCheck: { test: ['CMD', 'true'], intervalMs: 1000, retries: 0 },
  };
  const DEFAULTS = { timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5000, retries: 3 };

  test('adds labels', () => {
    expect(withImageDefaults(read('-l', 'a=own'), IMAGE).labels).toEqual({ a: 'own', b: 'image' });
  });

  test.each<[string[], object]>([
    [[], { test: ['CMD', 'true'], intervalMs: 1000, ...DEFAULTS }],
    [['--health-cmd', 'x y'], { test: ['CMD-SHELL', 'x y'], intervalMs: 1000, ...DEFAULTS }],
    [['--health-interval', '1m0.5s'], { test: ['CMD', 'true'], intervalMs: 60_500, ...DEFAULTS }],
    [
      [
        '--health-timeout',
        '2s',
        '--health-start-period',
        '1h',
        '--health-start-interval',
        '500ms',
        '--health-retries',
        '7',
      ],
      {
        test: ['CMD', 'true'],
        intervalMs: 1000,
        timeoutMs: 2000,
        startPeriodMs: 3_600_000,
        startIntervalMs: 500,
        retries: 7,
      },
    ],
    [['--no-healthcheck'], { test: ['NONE'], intervalMs: 1000, ...DEFAULTS }],
  ])('is checked with %j', (words, check) =>
    expect(withImageDefaults(read(...words), IMAGE).healthCheck).toEqual(check),
  );

  test('that says nothing is not checked', () => {
    const { healthCheck: _, ...silent } = IMAGE;
    expect(withImageDefaults(read('--health-retries', '2'), silent).healthCheck).toBeUndefined();
  });

  test.each([
    [['--health-interval', 'soon'], 'is no duration'],
    [['--health-interval', '10'], 'is no duration'],
    [['--health-timeout', '1us'], 'less than a millisecond'],
    [['--health-retries', '-1'], 'no whole number'],
    [['--no-healthcheck', '--health-cmd', 'x'], 'contradict'],
  ])('with %j is refused', (words, message) => expect(refusal(...words)).toContain(message));
});

describe('a flag', () => {
  test.each([
    ['-p', '80:80'],
    ['--expose', '80'],
    ['--link', 'db'],
    ['--ip', '10.0.0.1'],
    ['--ip6', '::1'],
    ['--link-local-ip', '10.0.0.1'],
    ['--mac-address', '92:d0:c6:0a:29:33'],
    ['--network-alias', 'db'],
    ['--net-alias', 'db'],
    ['--add-host', 'a:1'],
    ['--dns', '1.1.1.1'],
    ['--dns-opt', 'x'],
    ['--dns-option', 'x'],
    ['--dns-search', 'x'],
    ['--domainname', 'x'],
    ['--device', '/dev/sda'],
    ['--device-cgroup-rule', 'c 1:1 rwm'],
    ['--gpus', 'all'],
    ['--blkio-weight', '10'],
    ['--blkio-weight-device', 'x:10'],
    ['--device-read-bps', 'x:1'],
    ['--device-read-iops', 'x:1'],
    ['--device-write-bps', 'x:1'],
    ['--device-write-iops', 'x:1'],
    ['--cpuset-cpus', '0-3'],
    ['--cpuset-mems', '1'],
    ['--cpu-rt-period', '1'],
    ['--cpu-rt-runtime', '1'],
    ['--cpu-count', '1'],
    ['--cpu-percent', '1'],
    ['--io-maxbandwidth', '1'],
    ['--io-maxiops', '1'],
    ['--isolation', 'hyperv'],
    ['--kernel-memory', '1g'],
    ['--memory-swappiness', '60'],
    ['--cgroup-parent', 'x'],
    ['--cgroupns', 'host'],
    ['--ipc', 'host'],
    ['--pid', 'host'],
    ['--uts', 'host'],
    ['--userns', 'keep-id'],
    ['--runtime', 'runc'],
    ['--annotation', 'a=b'],
    ['--volume-driver', 'nfs'],
    ['--volumes-from', 'c'],
  ])('%s %s is refused by its name, with the remedy', (flag, value) => {
    const name = flag === '-p' ? '--publish' : flag;
    expect(refusal(flag, value)).toMatch(
      new RegExp(`^${name} "${value.replace(/[.*+?^$[\](){}|\\]/g, '.')}" can't be had: .+`),
    );
  });

  test.each(['-P', '--oom-kill-disable', '--use-api-socket'])('%s is refused', (flag) => {
    expect(refusal(flag)).toContain("can't be had: ");
  });

  test('that asks for what is so anyway is taken', () => {
    const words = [
      '--ipc',
      'private',
      '--cgroupns=private',
      '--runtime',
      'crun',
      '--cpuset-cpus',
      '0',
      '--memory-swappiness',
      '-1',
    ];
    expect(read(...words)).toEqual(read());
  });

  test.each([
    [['-m', 'lots'], '--memory "lots" is no size'],
    [['-m', '1m'], 'the least memory limit is 6m'],
    [['--machine-memory', 'lots'], 'is no size'],
    [['--cpus', 'x'], '--cpus "x" is no number'],
    [['--cpus', '4'], 'the guest has 1 CPU'],
    [['--cpu-shares', 'x'], '--cpu-shares "x"'],
    [['--pids-limit', '-2'], '--pids-limit "-2"'],
    [['--ulimit', 'nofile'], '--ulimit "nofile" is no limit'],
    [['--ulimit', 'luck=1'], '--ulimit luck=1 is no limit that there is'],
    [['--cap-add', 'X'], '--cap-add "X" is no capability'],
    [['--security-opt', 'x=y'], 'is not known'],
    [['--sysctl', 'x'], '--sysctl "x" has no name and value'],
    [['--sysctl', 'kernel.panic=1'], "kernel.panic=1 is not the container's own"],
    [['--oom-score-adj', '2000'], '--oom-score-adj can be'],
    [['--network', 'bridge'], '--network "bridge" is not there'],
    [['--network', 'container:x'], '--network "container:x" is not there'],
    [['--hostname', '-x'], 'the host name "-x" is none'],
    [['--stop-signal', 'SIGNOTHING'], 'no signal'],
    [['--stop-timeout', 'x'], '--stop-timeout "x"'],
    [['-e', '=x'], 'has no name'],
    [['-l', '=x'], 'has no name'],
    [['--shm-size', '0'], '--shm-size 0'],
  ])('%j is refused', (words, message) => expect(refusal(...words)).toContain(message));
});
