import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeCredentials } from '../../../src/oci/registry/node-credentials.ts';

const error = (message: RegExp): object =>
  expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) });
const basic = (text: string): string => Buffer.from(text).toString('base64');

let folder: string;
let warnings: string[];
let credentials: NodeCredentials;
const { PATH } = process.env;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-auth-'));
  mkdirSync(join(folder, 'bin'));
  process.env['PATH'] = join(folder, 'bin') + delimiter + PATH;
  warnings = [];
  credentials = new NodeCredentials({
    path: join(folder, 'own/auth.json'),
    dockerPath: join(folder, 'config.json'),
    warn: (message) => warnings.push(message),
  });
});
afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(folder, { recursive: true });
});

function docker(content: object | string): void {
  writeFileSync(join(folder, 'config.json'), typeof content === 'string' ? content : JSON.stringify(content));
}

/** A helper program that keeps what it was asked. */
function helper(name: string, script: string): void {
  const path = join(folder, 'bin', `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\necho "$1 $(cat)" >> ${folder}/asked\n${script}\n`);
  chmodSync(path, 0o755);
}

describe('credentials that viv login keeps', () => {
  test('are found again, in a file for the user alone that leaves nothing beside it', async () => {
    credentials.save('localhost:5000', { username: 'mé', password: 'a:b' });
    credentials.save('docker.io', { username: 'you', password: '' });

    expect(await credentials.find('localhost:5000')).toEqual({ username: 'mé', password: 'a:b' });
    expect(await credentials.find('docker.io')).toEqual({ username: 'you', password: '' });
    expect(await credentials.find('localhost:5001')).toBeUndefined();
    expect(statSync(join(folder, 'own/auth.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'own'))).toEqual(['auth.json']);
  });

  test('replace older ones, and go by logging out', async () => {
    credentials.save('a.example', { username: 'old', password: 'x' });
    credentials.save('a.example', { username: 'new', password: 'x' });
    const found = await credentials.find('a.example');

    expect([credentials.remove('a.example'), credentials.remove('a.example')]).toEqual([true, false]);
    expect(found).toMatchObject({ username: 'new' });
    expect(await credentials.find('a.example')).toBeUndefined();
  });

  test('leave what else is in the file alone', () => {
    mkdirSync(join(folder, 'own'));
    writeFileSync(join(folder, 'own/auth.json'), '{"other":1,"auths":{"b":{"auth":"eDp5"}}}');

    credentials.save('a', { username: 'u', password: 'p' });

    expect(JSON.parse(readFileSync(join(folder, 'own/auth.json'), 'utf8'))).toEqual({
      other: 1,
      auths: { a: { auth: basic('u:p') }, b: { auth: 'eDp5' } },
    });
  });

  test('that others can read are warned of', async () => {
    credentials.save('a', { username: 'u', password: 'p' });
    chmodSync(join(folder, 'own/auth.json'), 0o644);

    await credentials.find('a');

    expect(warnings).toEqual([expect.stringMatching(/other users can read .*auth.json; run chmod 600/)]);
  });
});

describe("Docker's config.json", () => {
  test('is read, with its old kinds of keys', async () => {
    docker({
      auths: {
        'https://index.docker.io/v1/': { auth: basic('me:secret') },
        'https://a.example/v2/': { auth: basic('x:y') },
      },
    });

    expect(await credentials.find('docker.io')).toEqual({ username: 'me', password: 'secret' });
    expect(await credentials.find('a.example')).toEqual({ username: 'x', password: 'y' });
  });

  test('gives refresh tokens', async () => {
    docker({ auths: { 'a.example': { auth: basic('x:y'), identitytoken: 'refresh' } } });

    expect(await credentials.find('a.example')).toEqual({ identityToken: 'refresh' });
  });

  test('comes after our own file', async () => {
    docker({ auths: { 'a.example': { auth: basic('theirs:x') } } });
    credentials.save('a.example', { username: 'ours', password: 'x' });

    expect(await credentials.find('a.example')).toMatchObject({ username: 'ours' });
  });

  test.each([
    ['not JSON', '{'],
    ['not an object', '[]'],
    ['auths', '{"auths":{"a":"b"}}'],
    ['credHelpers', '{"credHelpers":{"a":1}}'],
    ['credsStore', '{"credsStore":1}'],
  ])('that is damaged (%s) is named', async (why, text) => {
    docker(text);

    await expect(credentials.find('a')).rejects.toEqual(error(new RegExp(`config.json" is damaged \\(${why}\\)`)));
  });

  test('with credentials that are none is named', async () => {
    docker({ auths: { a: { auth: basic('no colon') } } });

    await expect(credentials.find('a')).rejects.toEqual(error(/hold no user name; log in again/));
  });
});

describe('a credential helper', () => {
  test('is asked for its registry, and the store of all for others', async () => {
    docker({ credHelpers: { 'a.example': 'one' }, credsStore: 'all' });
    helper('one', `echo '{"ServerURL":"x","Username":"u1","Secret":"s1"}'`);
    helper('all', `echo '{"Username":"<token>","Secret":"s2"}'`);

    expect(await credentials.find('a.example')).toEqual({ username: 'u1', password: 's1' });
    expect(await credentials.find('docker.io')).toEqual({ identityToken: 's2' });
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe('get a.example\nget https://index.docker.io/v1/\n');
  });

  test('that has nothing is no failure', async () => {
    docker({ credsStore: 'none' });
    helper('none', 'echo credentials not found in native keychain; exit 1');

    expect(await credentials.find('a')).toBeUndefined();
  });

  test.each([
    [
      'is not installed',
      undefined,
      /docker-credential-gone that .*config.json" names is not installed; correct that, or use viv login/,
    ],
    ['fails', 'echo locked; exit 1', /fails \("locked"\)/],
    ['answers something else', 'echo hello', /does not answer as helpers do/],
  ])('that %s is named', async (_, script, message) => {
    docker({ credsStore: 'gone' });
    if (script !== undefined) helper('gone', script);

    await expect(credentials.find('a')).rejects.toEqual(error(message));
  });

  test('whose name is a path is not run', async () => {
    docker({ credsStore: '../../bin/x' });

    await expect(credentials.find('a')).rejects.toEqual(error(/no name of a program/));
  });
});
