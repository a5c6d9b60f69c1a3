/**
 * Requests to one registry (OCI distribution-spec v1.1): how it is reached, who we are there, where it sends us on to, and
 * trying again. Only the registry itself ever sees an Authorization header; whoever it redirects to does not.
 */
import { VivariumError } from '../../util/errors.ts';
import { collect } from '../blob.ts';
import { quote } from '../fail.ts';
import { Authorizer } from './authorizer.ts';
import type { CredentialSource } from './credentials.ts';
import { type HttpBody, type HttpRequest, type HttpResponse, type HttpTransport, NetworkError } from './http.ts';
import {
  DEFAULT_RETRY,
  type RetryHost,
  type RetryPolicy,
  TransientError,
  parseRetryAfter,
  waitAfter,
} from './retry.ts';

const API_ROOT = '/v2/';
const REDIRECTS_MAX = 5;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
const ERROR_BYTES_MAX = 64 * 1024;
const SHOWN_MESSAGE_LENGTH = 200;

export interface SessionOptions {
  readonly transport: HttpTransport;
  /** As names and credentials have it. */
  readonly registry: string;
  /** Where its API is: host and perhaps port. */
  readonly host: string;
  /** Certificates that nobody vouches for, and plain HTTP, will do. */
  readonly insecure: boolean;
  readonly credentials: CredentialSource;
  readonly clock: RetryHost;
  readonly retry?: Partial<RetryPolicy>;
  /** Told before each wait. */
  readonly onRetry?: ((reason: string, waitMs: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RegistryRequest {
  readonly method: HttpRequest['method'];
  /** Below the API's root (`library/busybox/manifests/latest`), or a whole address that the registry gave. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  readonly scopes: readonly string[];
  /** False for requests that would do harm when done twice. */
  readonly mayRetry?: boolean;
}

export class RegistrySession {
  readonly registry: string;
  readonly policy: RetryPolicy;
  readonly #options: SessionOptions;
  readonly #authorizer: Authorizer;
  #base: Promise<URL> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.registry = options.registry;
    this.policy = { ...DEFAULT_RETRY, ...options.retry };
    const { transport, registry, insecure, credentials, clock } = options;
    this.#authorizer = new Authorizer({ transport, registry, insecure, credentials, nowMs: () => clock.nowMs() });
  }

  /** The registry's answer, whatever its status unless that is one to wait after. Throws REGISTRY or UNAUTHORIZED. */
  async request(request: RegistryRequest): Promise<HttpResponse> {
    const { signal, onRetry, clock } = this.#options;
    for (let failures = 1; ; failures++) {
      let error: Error;
      try {
        const response = await this.#authorized(request);
        if (response.status !== 429 && response.status < 500) return response;
        error = await this.#transient(response);
      } catch (thrown) {
        if (!(thrown instanceof NetworkError || thrown instanceof TransientError)) throw thrown;
        error = thrown;
      }
      const mayRetry = request.mayRetry !== false && !(error instanceof NetworkError && error.isTls);
      const waitMs = mayRetry ? waitAfter(error, failures, this.policy, clock.random()) : undefined;
      if (waitMs === undefined) throw this.describe(error);
      onRetry?.(error.message, waitMs);
      await clock.sleep(waitMs, signal);
    }
  }

  /** Does again what ends with a NetworkError, as reading a body may. */
  async retrying<T>(action: () => Promise<T>): Promise<T> {
    for (let failures = 1; ; failures++) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
        await this.waitAfterFailure(error, failures);
      }
    }
  }

  /** Waits after a failure of reading or sending a body; throws when there were too many. */
  async waitAfterFailure(error: Error, failures: number): Promise<void> {
    const { signal, onRetry, clock } = this.#options;
    const waitMs = waitAfter(error, failures, this.policy, clock.random());
    if (waitMs === undefined) throw this.describe(error, 'trouble with');
    onRetry?.(error.message, waitMs);
    await clock.sleep(waitMs, signal);
  }

  /** The error for an answer that is none of those expected. `what` names the object: `image "x"`. */
  async failure(response: HttpResponse, what: string): Promise<VivariumError> {
    const { status } = response;
    const said = await readErrors(response);
    const detail = said === '' ? '' : ` (it says ${quote(said)})`;
    if (status === 401 || status === 403) {
      const remedy = (await this.#authorizer.hasCredentials())
        ? 'the credentials that we have do not allow it'
        : `it is not there, or viv login ${this.registry} is needed`;
      return new VivariumError('UNAUTHORIZED', `${this.registry} denies access to ${what}: ${remedy}${detail}`);
    }
    if (status === 404)
      return new VivariumError('NOT_FOUND', `${this.registry} has no ${what}; check the name${detail}`);
    return new VivariumError('REGISTRY', `${this.registry} answers ${status} for ${what}${detail}`);
  }

  /** An error as a user reads it. */
  describe(error: Error, trouble = "can't reach"): Error {
    if (!(error instanceof NetworkError)) return error;
    const { host, insecure } = this.#options;
    const remedy =
      error.isTls && !insecure ? `; if you trust it all the same, name it with --insecure-registry ${host}` : '';
    return new VivariumError('REGISTRY', `${trouble} ${quote(host)}: ${error.message}${remedy}`, { cause: error });
  }

  async #transient(response: HttpResponse): Promise<TransientError> {
    const { status, headers } = response;
    const said = await readErrors(response).catch(() => '');
    const meaning = status === 429 ? 'too many requests' : 'it has a problem';
    return new TransientError(
      `${this.registry} answers ${status}, ${meaning}; try again later${said === '' ? '' : ` (it says ${quote(said)})`}`,
      parseRetryAfter(headers.get('retry-after'), this.#options.clock.nowMs()),
    );
  }

  async #authorized(request: RegistryRequest): Promise<HttpResponse> {
    const base = await this.#findBase();
    const first = await this.#followed(request, base);
    const { response, isHome } = first;
    if (response.status !== 401 || !isHome || !this.#authorizer.learn(response.headers.get('www-authenticate')))
      return response;
    this.#authorizer.forget(request.scopes);
    const header = await this.#authorizer.header(request.scopes, base.protocol === 'https:', this.#options.signal);
    if (header === undefined) return response;
    response.discard();
    return (await this.#followed(request, base)).response;
  }

  /** Sends it and goes where it is redirected to. `isHome`: the last answer is the registry's own. */
  async #followed(request: RegistryRequest, base: URL): Promise<{ response: HttpResponse; isHome: boolean }> {
    const { transport, insecure, signal } = this.#options;
    let url = new URL(request.path, base);
    for (let redirects = 0; ; redirects++) {
      const isHome = url.origin === base.origin;
      const authorization = isHome
        ? await this.#authorizer.header(request.scopes, base.protocol === 'https:', signal)
        : undefined;
      const response = await transport.request({
        method: request.method,
        url: url.href,
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        insecure: insecure && isHome,
        signal,
        ...(request.body === undefined ? {} : { body: request.body }),
      });
      const location = response.headers.get('location');
      const mayFollow = request.method === 'GET' || request.method === 'HEAD';
      if (!mayFollow || location === undefined || !REDIRECT_STATUSES.includes(response.status))
        return { response, isHome };
      response.discard();
      if (redirects === REDIRECTS_MAX)
        throw new VivariumError('REGISTRY', `${this.registry} redirects more than ${REDIRECTS_MAX} times`);
      url = this.resolve(location, url);
    }
  }

  /** An address that the registry gave, relative to the one it was given for. Throws REGISTRY when it is not to be used. */
  resolve(location: string, from: URL | string): URL {
    const url = URL.canParse(location, from) ? new URL(location, from) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      throw new VivariumError('REGISTRY', `${this.registry} sends us to ${quote(location)}, which is no address`);
    if (url.protocol === 'http:' && new URL(from).protocol === 'https:')
      throw new VivariumError(
        'REGISTRY',
        `${this.registry} sends us to ${quote(url.host)} without TLS, which is not done`,
      );
    return url;
  }

  /** The root of the API; asked for once, which also tells how the registry wants to know who we are. */
  #findBase(): Promise<URL> {
    this.#base ??= this.#ping().catch((error: unknown) => {
      this.#base = undefined; // the next request tries again
      throw error;
    });
    return this.#base;
  }

  async base(): Promise<URL> {
    return this.#findBase();
  }

  async #ping(): Promise<URL> {
    const { host, insecure } = this.#options;
    try {
      return await this.#pingAt(new URL(`https://${host}${API_ROOT}`));
    } catch (error) {
      if (!(insecure && error instanceof NetworkError)) throw error;
      return this.#pingAt(new URL(`http://${host}${API_ROOT}`));
    }
  }

  async #pingAt(url: URL): Promise<URL> {
    const { transport, insecure, signal } = this.#options;
    const response = await transport.request({ method: 'GET', url: url.href, insecure, signal });
    const { status, headers } = response;
    if (status === 429 || status >= 500) throw await this.#transient(response);
    response.discard();
    if (status === 401) this.#authorizer.learn(headers.get('www-authenticate'));
    else if (status !== 200)
      throw new VivariumError('REGISTRY', `${quote(url.host)} answers ${status} for ${API_ROOT}, so it is no registry`);
    return url;
  }

  /** Whether the registry takes our credentials. Throws UNAUTHORIZED when not. */
  async checkLogin(): Promise<void> {
    const response = await this.request({ method: 'GET', path: '', scopes: [] });
    if (response.status !== 200) throw await this.failure(response, 'its API');
    response.discard();
  }
}

/** What a registry says about a failure (distribution-spec "Error Codes"), in one line; empty when it says nothing. */
async function readErrors(response: HttpResponse): Promise<string> {
  try {
    const bytes = await collect(response.body, ERROR_BYTES_MAX, 'an error');
    const { errors } = JSON.parse(new TextDecoder().decode(bytes)) as {
      errors?: Array<{ code?: unknown; message?: unknown }>;
    };
    const first = errors?.[0];
    const said = [first?.code, first?.message].filter((part) => typeof part === 'string').join(': ');
    return said.slice(0, SHOWN_MESSAGE_LENGTH);
  } catch (error) {
    if (
      error instanceof NetworkError ||
      error instanceof VivariumError ||
      error instanceof SyntaxError ||
      error instanceof TypeError
    )
      return '';
    throw error; // the user's abort, say
  }
}
