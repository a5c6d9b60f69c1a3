import { expect, test } from 'vitest';
import { DEFAULT_ISOLATION } from '../../src/container/isolation/options.ts';
import { DEFAULT_CAPABILITIES } from '../../src/container/isolation/capabilities.ts';
import { runtimeProcess, runtimeSpec, type ContainerRequest } from '../../src/container/runtime-spec.ts';

const REQUEST: ContainerRequest = {
  name: 'web',
  rootfs: '/run/vivarium/rootfs',
  hostname: 'box',
  args: ['sh'],
  env: ['PATH=/bin'],
  cwd: '/',
  uid: 1000,
  gid: 100,
};

test('the process carries user, words and folder', () => {
  const { process } = runtimeSpec({ ...REQUEST, additionalGids: [5] });
  expect(process).toMatchObject({
    args: ['sh'],
    cwd: '/',
    user: { uid: 1000, gid: 100, additionalGids: [100, 5] },
    terminal: false,
  });
});

test('the last value of an environment variable wins, in the place of the first', () => {
  expect(runtimeProcess({ ...REQUEST, env: ['A=1', 'B=2', 'A=3=4'] }).env).toEqual(['A=3=4', 'B=2']);
});

test('a terminal sets its size', () => {
  const process = runtimeProcess({ ...REQUEST, terminal: { columns: 100, rows: 30 } });
  expect(process).toMatchObject({ terminal: true, consoleSize: { height: 30, width: 100 } });
});

test('capabilities are the default set unless stated, and none are inheritable or ambient', () => {
  const { capabilities } = runtimeProcess(REQUEST);
  expect(capabilities).toEqual({
    bounding: DEFAULT_CAPABILITIES,
    effective: DEFAULT_CAPABILITIES,
    permitted: DEFAULT_CAPABILITIES,
  });
  expect(runtimeProcess({ ...REQUEST, capabilities: [] }).capabilities.bounding).toEqual([]);
});

test('volumes are bind mounts after the defaults, outer before inner', () => {
  const volumes = [
    { source: '/v1', destination: '/a/b', readOnly: true },
    { source: '/v0', destination: '/a', readOnly: false },
  ];
  expect(runtimeSpec({ ...REQUEST, volumes }).mounts.slice(-2)).toEqual([
    { destination: '/a', type: 'bind', source: '/v0', options: ['rbind', 'rprivate', 'rw'] },
    { destination: '/a/b', type: 'bind', source: '/v1', options: ['rbind', 'rprivate', 'ro'] },
  ]);
});

test('a private network is one more namespace', () => {
  const types = (spec: ReturnType<typeof runtimeSpec>) => spec.linux.namespaces.map((namespace) => namespace.type);
  expect(types(runtimeSpec(REQUEST))).toEqual(['pid', 'ipc', 'uts', 'mount', 'cgroup']);
  expect(types(runtimeSpec({ ...REQUEST, isolation: { ...DEFAULT_ISOLATION, network: 'none' } }))).toContain('network');
});

test.each([
  ['no command', { args: [] }, 'no command'],
  ['a relative working folder', { cwd: 'tmp' }, 'working folder must be an absolute path'],
  [
    'a relative volume',
    { volumes: [{ source: '/v', destination: 'x', readOnly: false }] },
    "volume's place must be an absolute path",
  ],
])('%s is refused', (_, change, message) => {
  expect(() => runtimeSpec({ ...REQUEST, ...change })).toThrow(message);
});
