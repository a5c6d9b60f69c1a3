import { expect, test } from 'vitest';
import { identityFiles, identityMounts, identityOf } from '../../src/container/identity-files.ts';

const textOf = (hostname: string, name: 'hostname' | 'hosts'): string =>
  new TextDecoder().decode(identityFiles(hostname).get(name));

test('a container finds its own name', () => {
  expect(textOf('box', 'hostname')).toBe('box\n');
  expect(textOf('box', 'hosts')).toBe(
    '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\tbox\n',
  );
});

test('a container with a domain finds itself by its short name too', () => {
  expect(textOf('box.lab', 'hostname')).toBe('box.lab\n');
  expect(textOf('box.lab', 'hosts')).toMatch(/127\.0\.1\.1\tbox\.lab box\n$/);
});

test.for([
  ['none of them below a volume', ['/etc', '/data'], []],
  ['none that a volume replaces', ['/etc/hosts'], ['hostname']],
  ['those beside a volume', ['/etc/host', '/etcetera'], ['hostname', 'hosts']],
] as const)('a container gets %s', ([, volumePlaces, expected]) => {
  const files = identityOf({ hostname: 'box', takesIdentity: ['hostname', 'hosts'], volumePlaces });
  expect([...files.keys()]).toEqual(expected);
});

test('a container gets only what can be put over its image, where it looks for it, and read-only if it is', () => {
  const files = identityOf({ hostname: 'box', takesIdentity: ['hosts'], volumePlaces: [] });
  const plan = {
    disks: [],
    mounts: [],
    path: '/root',
    upper: '/upper',
    lowers: [],
    filePath: (name: string) => `/own/${name}`,
  };
  expect(identityMounts(files, plan, true)).toEqual([
    { source: '/own/hosts', destination: '/etc/hosts', readOnly: true },
  ]);
  expect(identityMounts(files, plan, false)).toMatchObject([{ readOnly: false }]);
});
