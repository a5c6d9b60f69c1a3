import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseImageName } from '../../../src/oci/image-name.ts';
import { parseChallenges } from '../../../src/oci/registry/challenge.ts';
import type { Credentials } from '../../../src/oci/registry/credentials.ts';
import { pullImage } from '../../../src/oci/registry/pull.ts';
import { FakeRegistry, reply } from '../../support/fake-registry.ts';
import { LayoutBuilder, sha256 } from '../../support/image-builder.ts';
import { MemoryStoreFiles } from '../../support/memory-store-files.ts';
import { type ClientFixture, type ClientOptions, client } from '../../support/registry-fixture.ts';
import { LAYER, storeOn } from '../../support/store-fixture.ts';

const error = (code: string, message: RegExp): object =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });
const BASIC = `Basic ${Buffer.from('me:secret').toString('base64')}`;

/** Gives `token` to who comes with the right credentials, or to everybody. */
class TokenServer {
  readonly seen: Array<{ url: URL; method: string; authorization: string | undefined; body: string }> = [];
  wanted: string | undefined;
  answer: object = { token: 'good', expires_in: 300 };
  status = 200;
  readonly #server: Server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const { authorization } = request.headers;
      this.seen.push({ url: new URL(request.url!, 'http://x'), method: request.method!, authorization, body });
      const isAllowed = this.wanted === undefined || authorization === this.wanted;
      reply(response, isAllowed ? this.status : 401, JSON.stringify(this.answer));
    });
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }
  get realm(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
  }
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

let registry: FakeRegistry;
let tokens: TokenServer;
beforeEach(async () => {
  registry = await new FakeRegistry().start();
  tokens = await new TokenServer().start();
  const layout = new LayoutBuilder();
  registry.put('me/tool', 'v1', layout, layout.manifest([{ tar: LAYER }]));
});
afterEach(async () => {
  await registry.stop();
  await tokens.stop();
});

async function pull(credentials?: Credentials, options: ClientOptions = {}): Promise<ClientFixture> {
  const fixture = client({
    insecure: [registry.host],
    ...(credentials === undefined ? {} : { credentials: { [registry.host]: credentials } }),
    ...options,
  });
  await pullImage(parseImageName(`${registry.host}/me/tool:v1`), {
    store: storeOn(new MemoryStoreFiles()),
    registries: fixture.registries,
  });
  return fixture;
}

const ME: Credentials = { username: 'me', password: 'secret' };
const wantsToken = (): void =>
  void (registry.bearer = { token: 'good', realm: tokens.realm, service: 'fake registry' });

describe('a registry that wants Basic credentials', () => {
  beforeEach(() => void (registry.basic = 'me:secret'));

  test('gets them, once it has asked', async () => {
    await pull(ME);

    expect(registry.seen.map(({ authorization }) => authorization)).toEqual([
      undefined,
      ...registry.seen.slice(1).map(() => BASIC),
    ]);
  });

  test('and has none from us is told by name', async () => {
    await expect(pull()).rejects.toEqual(
      error('UNAUTHORIZED', /viv login 127\S+ is needed \(it says "UNAUTHORIZED: authentication required"\)/),
    );
  });

  test('and does not take ours says so', async () => {
    await expect(pull({ username: 'me', password: 'wrong' })).rejects.toEqual(
      error('UNAUTHORIZED', /the credentials that we have do not allow it/),
    );
  });

  test('and only gets a token has no use for it', async () => {
    await expect(pull({ identityToken: 'x' })).rejects.toEqual(
      error('UNAUTHORIZED', /wants a user name and a password/),
    );
  });
});

describe('a registry that wants a token', () => {
  beforeEach(wantsToken);

  test('gets one for just this repository, which is used again', async () => {
    const { asked } = await pull();

    expect(tokens.seen.map(({ url }) => [url.searchParams.get('scope'), url.searchParams.get('service')])).toEqual([
      ['repository:me/tool:pull', 'fake registry'],
    ]);
    expect(asked).toEqual([registry.host]);
  });

  test('gets one for our credentials, which only the token server sees', async () => {
    tokens.wanted = BASIC;

    await pull(ME);

    expect(tokens.seen[0]!.url.searchParams.get('account')).toBe('me');
    expect(registry.seen.map(({ authorization }) => authorization)).not.toContain(BASIC);
  });

  test('gets a new one when the old is no longer good', async () => {
    tokens.answer = { access_token: 'good', expires_in: 1 };

    await pull();

    expect(tokens.seen.length).toBeGreaterThan(2);
  });

  test('gets one for a refresh token by OAuth2', async () => {
    await pull({ identityToken: 'refresh me' });

    const [{ method, body, authorization }] = tokens.seen as [TokenServer['seen'][0]];
    expect([method, authorization]).toEqual(['POST', undefined]);
    expect(Object.fromEntries(new URLSearchParams(body))).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'refresh me',
      scope: 'repository:me/tool:pull',
    });
  });

  test.each<[string, () => void, string, RegExp]>([
    [
      'refuses',
      () => void (tokens.wanted = 'something else'),
      'UNAUTHORIZED',
      /gives no token without credentials; log in with viv login 127/,
    ],
    ['gives none', () => void (tokens.answer = {}), 'REGISTRY', /holds no token/],
    [
      'gives one that would split a header',
      () => void (tokens.answer = { token: 'a\r\nHost: b' }),
      'REGISTRY',
      /holds no token/,
    ],
    ['is overloaded', () => void (tokens.status = 503), 'REGISTRY', /token server of 127\S+ answers 503/],
    ['is a web site', () => void (tokens.status = 404), 'REGISTRY', /answer of the token server of 127\S+ is 404/],
    ['gives one that is wrong', () => void (tokens.answer = { token: 'bad' }), 'UNAUTHORIZED', /denies access/],
    ['has no address', () => void (registry.bearer!.realm = 'file:///etc/passwd'), 'REGISTRY', /which is no address/],
  ])('whose token server %s is one clear error', async (_, arrange, code, message) => {
    arrange();

    await expect(pull()).rejects.toEqual(error(code, message));
  });
});

describe('a registry that redirects', () => {
  let elsewhere: FakeRegistry;
  beforeEach(async () => {
    elsewhere = await new FakeRegistry().start();
    elsewhere.blobs.set(sha256(LAYER), LAYER);
    registry.basic = 'me:secret';
  });
  afterEach(() => elsewhere.stop());

  /** Sends who asks for the layer to another address. */
  function redirect(location: (path: string) => string): void {
    registry.script = (request, response) => {
      if (!request.url!.includes(`/blobs/${sha256(LAYER)}`)) return false;
      reply(response, 307, '', { location: location(request.url!) });
      return true;
    };
  }

  test('to another host does not give it our credentials', async () => {
    redirect((path) => `http://${elsewhere.host}${path}`);

    await pull(ME);

    expect(elsewhere.seen.map(({ method, authorization }) => [method, authorization])).toEqual([['GET', undefined]]);
  });

  test('to another host that asks for credentials gets none either', async () => {
    elsewhere.basic = 'me:secret';
    redirect((path) => `http://${elsewhere.host}${path}`);

    await expect(pull(ME)).rejects.toEqual(error('UNAUTHORIZED', /denies access/));

    expect(elsewhere.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('to itself is followed with them', async () => {
    let isFirst = true;
    registry.script = (request, response) => {
      if (!isFirst || !request.url!.includes(`/blobs/${sha256(LAYER)}`)) return false;
      isFirst = false;
      reply(response, 302, '', { location: request.url!.replace('/v2/', '/v2/./') });
      return true;
    };

    await pull(ME);

    expect(registry.answers(`/blobs/${sha256(LAYER)}`)).toEqual(['GET 302', 'GET 200']);
  });

  test('in circles is left', async () => {
    redirect((path) => path);

    await expect(pull(ME)).rejects.toEqual(error('REGISTRY', /redirects more than 5 times/));
  });

  test('to what is no address is refused', async () => {
    redirect(() => 'ftp://127.0.0.1/x');

    await expect(pull(ME)).rejects.toEqual(error('REGISTRY', /"ftp:\/\/127.0.0.1\/x", which is no address/));
  });
});

describe('a challenge', () => {
  test('is read with quotes, commas inside them, and several in one header', () => {
    expect(
      parseChallenges(
        'Negotiate, Bearer realm="https://a/b?x=\\"1\\"",service=c, scope="repository:x:pull,push" , Basic realm="y"',
      ),
    ).toEqual([
      {
        scheme: 'bearer',
        parameters: new Map([
          ['realm', 'https://a/b?x="1"'],
          ['service', 'c'],
          ['scope', 'repository:x:pull,push'],
        ]),
      },
      { scheme: 'basic', parameters: new Map([['realm', 'y']]) },
    ]);
  });

  test('that is none gives none', () => {
    expect([parseChallenges(''), parseChallenges('"'), parseChallenges('Digest realm="x"')]).toEqual([[], [], []]);
  });
});
