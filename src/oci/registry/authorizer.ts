/**
 * The Authorization header for requests to one registry: Basic (RFC 7617), or a Bearer token from the token server that the
 * registry names (distribution project, "Token Authentication Specification" and "OAuth2 Token Authentication"). Tokens
 * are kept for as long as they are good. Credentials are asked for only when a registry wants some.
 */
import { VivariumError } from '../../util/errors.ts';
import { collect } from '../blob.ts';
import { quote } from '../fail.ts';
import { JsonObject, parseJson } from '../json.ts';
import { limitsWith } from '../limits.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { type CredentialSource, type Credentials, encodeBasic } from './credentials.ts';
import { type HttpRequest, type HttpResponse, type HttpTransport, bytesBody } from './http.ts';
import { TransientError, parseRetryAfter } from './retry.ts';

const TOKEN_BYTES_MAX = 1024 * 1024;
/** What a token server that says nothing means. */
const DEFAULT_LIFETIME_S = 60;
/** A token is not used in its last seconds. */
const MARGIN_MS = 10_000;
const CLIENT_ID = 'vivarium';

export interface AuthorizerOptions {
  readonly transport: HttpTransport;
  /** As names have it. */
  readonly registry: string;
  readonly insecure: boolean;
  readonly credentials: CredentialSource;
  readonly nowMs: () => number;
}

interface Token {
  readonly header: string;
  readonly goodUntilMs: number;
}

export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #tokens = new Map<string, Promise<Token>>();
  #challenge: Challenge | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** Whether we have credentials for this registry, once it wanted some. */
  async hasCredentials(): Promise<boolean> {
    return (await this.#findCredentials()) !== undefined;
  }

  /** Takes in the WWW-Authenticate header of a 401; returns whether we know what to do about it. */
  learn(header: string | undefined): boolean {
    const challenges = parseChallenges(header ?? '');
    const challenge = challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges[0];
    if (challenge !== undefined) this.#challenge = challenge;
    return challenge !== undefined;
  }

  /** The header for scopes such as `repository:library/busybox:pull`; `undefined` when nothing is wanted or to be had. */
  async header(scopes: readonly string[], isSecure: boolean, signal?: AbortSignal): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === 'basic') {
      const credentials = await this.#findCredentials();
      if (credentials === undefined) return undefined;
      if (!('username' in credentials))
        throw this.#unauthorized('wants a user name and a password, and there is only a token for it');
      return `Basic ${encodeBasic(credentials)}`;
    }
    const key = scopes.join(' ');
    const kept = await this.#tokens.get(key)?.catch(() => undefined);
    if (kept !== undefined && kept.goodUntilMs > this.#options.nowMs()) return kept.header;
    const fetched = this.#fetchToken(this.#challenge, scopes, isSecure, signal);
    this.#tokens.set(key, fetched);
    return (await fetched).header;
  }

  /** Forgets a token that was refused. */
  forget(scopes: readonly string[]): void {
    this.#tokens.delete(scopes.join(' '));
  }

  #findCredentials(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials.find(this.#options.registry);
    return this.#credentials;
  }

  async #fetchToken(
    { parameters }: Challenge,
    scopes: readonly string[],
    isSecure: boolean,
    signal?: AbortSignal,
  ): Promise<Token> {
    const realm = this.#checkRealm(parameters.get('realm'), isSecure);
    const credentials = await this.#findCredentials();
    const service = parameters.get('service');
    const { transport, insecure, nowMs } = this.#options;
    const askedMs = nowMs();
    const response = await transport.request({
      ...tokenRequest(realm, service, scopes, credentials),
      insecure,
      signal,
    });
    const { token, lifetimeS } = await this.#readToken(response, credentials !== undefined);
    return { header: `Bearer ${token}`, goodUntilMs: askedMs + lifetimeS * 1000 - MARGIN_MS };
  }

  #checkRealm(text: string | undefined, isSecure: boolean): URL {
    const { registry } = this.#options;
    const realm = text !== undefined && URL.canParse(text) ? new URL(text) : undefined;
    if (realm === undefined || !/^https?:$/.test(realm.protocol))
      throw new VivariumError(
        'REGISTRY',
        `${registry} names ${quote(text ?? '')} as its token server, which is no address`,
      );
    if (isSecure && realm.protocol === 'http:')
      throw new VivariumError(
        'REGISTRY',
        `${registry} names a token server without TLS, ${quote(realm.host)}; nothing was sent to it`,
      );
    return realm;
  }

  async #readToken(response: HttpResponse, hadCredentials: boolean): Promise<{ token: string; lifetimeS: number }> {
    const { registry, nowMs } = this.#options;
    const { status, headers } = response;
    if (status === 429 || status >= 500) {
      response.discard();
      throw new TransientError(
        `the token server of ${registry} answers ${status}`,
        parseRetryAfter(headers.get('retry-after'), nowMs()),
      );
    }
    if (status === 400 || status === 401 || status === 403) {
      response.discard();
      throw this.#unauthorized(
        hadCredentials ? 'refuses the credentials that we have' : 'gives no token without credentials',
      );
    }
    const what = `the answer of the token server of ${registry}`;
    if (status !== 200) {
      response.discard();
      throw new VivariumError('REGISTRY', `${what} is ${status}`);
    }
    const bytes = await collect(response.body, TOKEN_BYTES_MAX, what);
    const object = new JsonObject(parseJson(bytes, what, limitsWith({ jsonBytes: TOKEN_BYTES_MAX })), what);
    const token = object.optionalString('token') || object.optionalString('access_token');
    if (!token || !/^[\x21-\x7e]+$/.test(token)) throw new VivariumError('REGISTRY', `${what} holds no token`);
    return { token, lifetimeS: object.has('expires_in') ? object.size('expires_in') : DEFAULT_LIFETIME_S };
  }

  #unauthorized(what: string): VivariumError {
    const { registry } = this.#options;
    return new VivariumError('UNAUTHORIZED', `${registry} ${what}; log in with viv login ${registry}`);
  }
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  credentials: Credentials | undefined,
): HttpRequest {
  const fields = new URLSearchParams();
  if (service !== undefined) fields.set('service', service);
  if (credentials !== undefined && 'identityToken' in credentials) {
    fields.set('client_id', CLIENT_ID);
    fields.set('grant_type', 'refresh_token');
    fields.set('refresh_token', credentials.identityToken);
    if (scopes.length > 0) fields.set('scope', scopes.join(' '));
    return {
      method: 'POST',
      url: realm.href,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: bytesBody(new TextEncoder().encode(fields.toString())),
    };
  }
  for (const scope of scopes) fields.append('scope', scope);
  if (credentials !== undefined) fields.set('account', credentials.username);
  const url = new URL(realm);
  for (const [name, value] of fields) url.searchParams.append(name, value);
  return {
    method: 'GET',
    url: url.href,
    ...(credentials === undefined ? {} : { headers: { authorization: `Basic ${encodeBasic(credentials)}` } }),
  };
}
