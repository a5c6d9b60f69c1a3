import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { type ProcessOverrides, type ProcessSpec, resolveProcess } from '../../src/oci/process.ts';
import type { ExecutionConfig } from '../../src/oci/spec.ts';
import { resolveUser } from '../../src/oci/user.ts';

const FILES: Record<string, string> = {
  '/etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\n# comment\nbroken\napp:x:1000:1001:App:/home/app:/bin/sh\n42:x:7:8::/seven:/bin/sh\nnohome:x:50:51:::\n',
  '/etc/group': 'root:x:0:\napp:x:1001:\nwheel:x:10:root,app\nvideo:x:44:other,app\nstaff:x:50:other\n',
};
const lookup = (path: string): Uint8Array | undefined =>
  FILES[path] === undefined ? undefined : Buffer.from(FILES[path]);
const nothing = (): undefined => undefined;

const EMPTY: ExecutionConfig = {
  user: '',
  env: [],
  entrypoint: [],
  cmd: [],
  workingDir: '',
  stopSignal: '',
  labels: new Map(),
  exposedPorts: [],
  volumes: [],
};

function resolve(config: Partial<ExecutionConfig>, overrides: ProcessOverrides = {}): ProcessSpec {
  return resolveProcess({ ...EMPTY, cmd: ['sh'], ...config }, overrides, lookup);
}

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

describe('the arguments of a process', () => {
  test("are the image's Entrypoint and Cmd", () => {
    expect(resolve({ entrypoint: ['/init', '-x'], cmd: ['run'] }).args).toEqual(['/init', '-x', 'run']);
  });

  test('have a command in place of Cmd', () => {
    expect(resolve({ entrypoint: ['/init'], cmd: ['run'] }, { command: ['ls', '-l'] }).args).toEqual([
      '/init',
      'ls',
      '-l',
    ]);
  });

  test("lose the image's Cmd when the entrypoint is replaced", () => {
    expect(resolve({ entrypoint: ['/init'], cmd: ['run'] }, { entrypoint: ['/other'] }).args).toEqual(['/other']);
  });

  test('are the command alone when the entrypoint is removed', () => {
    expect(resolve({ entrypoint: ['/init'] }, { entrypoint: [''], command: ['ls'] }).args).toEqual(['ls']);
  });

  test('must be there', () => {
    expect(() => resolve({ cmd: [] })).toThrow(error('USAGE', /does not say what to run/));
  });

  test('may not hold a NUL', () => {
    expect(() => resolve({ cmd: ['a\0b'] })).toThrow(error('USAGE', /NUL/));
  });
});

describe('the environment of a process', () => {
  test('has PATH and HOME when the image says nothing', () => {
    expect(resolve({}).env).toEqual([PATH, 'HOME=/root']);
  });

  test("has the image's variables, and the user's over them", () => {
    expect(resolve({ env: ['PATH=/bin', 'A=1', 'B=2'] }, { env: ['B=3', 'C=x=y'] }).env).toEqual([
      'PATH=/bin',
      'A=1',
      'B=3',
      'C=x=y',
      'HOME=/root',
    ]);
  });

  test('loses a variable that the user names without a value', () => {
    expect(resolve({ env: ['A=1'] }, { env: ['A'] }).env).toEqual([PATH, 'HOME=/root']);
  });

  test('has TERM with a terminal, unless the image sets it', () => {
    expect(resolve({}, { terminal: true }).env).toContain('TERM=xterm');
    expect(resolve({ env: ['TERM=vt100'] }, { terminal: true }).env).toContain('TERM=vt100');
  });

  test('has HOSTNAME', () => {
    expect(resolve({}, { hostname: 'box' }).env).toContain('HOSTNAME=box');
  });

  test("keeps the image's HOME", () => {
    expect(resolve({ env: ['HOME=/data'] }).env).toEqual([PATH, 'HOME=/data']);
  });

  test('has the HOME of its user', () => {
    expect(resolve({ user: 'app' }).env).toContain('HOME=/home/app');
  });

  test('refuses a variable without a name', () => {
    expect(() => resolve({}, { env: ['=x'] })).toThrow(error('USAGE', /has no name/));
  });
});

describe('working directory and stop signal', () => {
  test('are / and SIGTERM by default', () => {
    expect(resolve({})).toMatchObject({ cwd: '/', stopSignal: 'SIGTERM', terminal: false });
  });

  test("are the image's", () => {
    expect(resolve({ workingDir: '/srv/app/', stopSignal: 'SIGINT' })).toMatchObject({
      cwd: '/srv/app',
      stopSignal: 'SIGINT',
    });
  });

  test("are the user's when given", () => {
    expect(resolve({ workingDir: '/a', stopSignal: 'SIGINT' }, { workingDir: '/b', stopSignal: '9' })).toMatchObject({
      cwd: '/b',
      stopSignal: '9',
    });
  });

  test('can not leave the root', () => {
    expect(resolve({ workingDir: '/a/../../../etc' }).cwd).toBe('/etc');
  });

  test('must be absolute when the user gives it', () => {
    expect(() => resolve({}, { workingDir: 'a' })).toThrow(error('USAGE', /not an absolute path/));
  });
});

describe('the user of a process', () => {
  test('is root by default', () => {
    expect(resolveUser('', lookup)).toEqual({ uid: 0, gid: 0, additionalGids: [10], home: '/root' });
  });

  test('is root in an image without files', () => {
    expect(resolveUser('', nothing)).toEqual({ uid: 0, gid: 0, additionalGids: [], home: '/' });
  });

  test('is found by name, with all groups', () => {
    expect(resolveUser('app', lookup)).toEqual({ uid: 1000, gid: 1001, additionalGids: [10, 44], home: '/home/app' });
  });

  test('is found by number, with all groups', () => {
    expect(resolveUser('1000', lookup)).toEqual({ uid: 1000, gid: 1001, additionalGids: [10, 44], home: '/home/app' });
  });

  test('may be a number that is not in the image', () => {
    expect(resolveUser('4711', lookup)).toEqual({ uid: 4711, gid: 0, additionalGids: [], home: '/' });
  });

  test('may have a name of digits', () => {
    expect(resolveUser('42', lookup)).toMatchObject({ uid: 7, gid: 8 });
  });

  test('has no further groups when its group is given', () => {
    expect(resolveUser('app:video', lookup)).toEqual({ uid: 1000, gid: 44, additionalGids: [], home: '/home/app' });
    expect(resolveUser('app:99', lookup)).toMatchObject({ gid: 99, additionalGids: [] });
  });

  test('may be given as a group only', () => {
    expect(resolveUser(':staff', lookup)).toMatchObject({ uid: 0, gid: 50 });
  });

  test('has / for a home when passwd gives none', () => {
    expect(resolveUser('nohome', lookup).home).toBe('/');
  });

  test('must be known by name', () => {
    expect(() => resolveUser('ghost', lookup)).toThrow(error('NOT_FOUND', /no user "ghost" in \/etc\/passwd/));
    expect(() => resolveUser('app:ghosts', lookup)).toThrow(error('NOT_FOUND', /no group "ghosts" in \/etc\/group/));
  });

  test('must be in range', () => {
    expect(() => resolveUser('2147483648', lookup)).toThrow(error('USAGE', /out of range/));
    expect(() => resolveUser('-1', lookup)).toThrow(error('USAGE', /out of range/));
    expect(() => resolveUser('app:4294967295', lookup)).toThrow(error('USAGE', /out of range/));
  });
});
