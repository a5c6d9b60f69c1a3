import { expect, test } from 'vitest';
import { identityFiles, identityPath } from '../../src/container/identity-files.ts';

const textOf = (hostname: string, name: 'hostname' | 'hosts'): string =>
  new TextDecoder().decode(identityFiles(hostname).get(name));

test('a container finds its own name', () => {
  expect(textOf('box', 'hostname')).toBe('box\n');
  expect(textOf('box', 'hosts')).toBe(
    '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\tbox\n',
  );
  expect(identityPath('hosts')).toBe('/etc/hosts');
});

test('a container with a domain finds itself by its short name too', () => {
  expect(textOf('box.lab', 'hostname')).toBe('box.lab\n');
  expect(textOf('box.lab', 'hosts')).toMatch(/127\.0\.1\.1\tbox\.lab box\n$/);
});
