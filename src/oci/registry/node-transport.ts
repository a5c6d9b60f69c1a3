/**
 * HTTP by Node's own http and https modules rather than its fetch: they take a certificate that nobody vouches for from one
 * named host and no other, send bodies of stated length, and tell a connection that was cut from one that has ended.
 */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { type HttpRequest, type HttpResponse, type HttpTransport, NetworkError } from './http.ts';

/** A connection on which nothing has moved for so long is given up. */
const DEFAULT_STALL_MS = 30_000;
const SHORT_BODY_BYTES = 64 * 1024;

export interface NodeTransportOptions {
  readonly stallMs?: number;
  /** Sent with every request. */
  readonly userAgent: string;
}

export class NodeTransport implements HttpTransport {
  readonly #stallMs: number;
  readonly #userAgent: string;
  readonly #plain = new HttpAgent({ keepAlive: true });
  readonly #secure = new HttpsAgent({ keepAlive: true });
  readonly #unverified = new HttpsAgent({ keepAlive: true, rejectUnauthorized: false });

  constructor({ stallMs, userAgent }: NodeTransportOptions) {
    this.#stallMs = stallMs ?? DEFAULT_STALL_MS;
    this.#userAgent = userAgent;
  }

  request({ method, url, headers, body, insecure, signal }: HttpRequest): Promise<HttpResponse> {
    return new Promise((resolve, reject) => {
      const isSecure = url.startsWith('https:');
      const agent = !isSecure ? this.#plain : insecure === true ? this.#unverified : this.#secure;
      const length = body === undefined ? (method === 'GET' || method === 'HEAD' ? undefined : 0) : body.size;
      const options = {
        method,
        agent,
        headers: {
          'user-agent': this.#userAgent,
          ...(length === undefined ? {} : { 'content-length': String(length) }),
          ...headers,
        },
        ...(signal === undefined ? {} : { signal }),
      };
      const sent = isSecure ? httpsRequest(url, options) : httpRequest(url, options);
      // What the caller should see instead of the error that ending the connection causes.
      let cause: unknown;
      const translate = (error: unknown): unknown =>
        signal?.aborted === true ? signal.reason : (cause ?? toNetworkError(error));
      sent.setTimeout(this.#stallMs, () => {
        cause = new NetworkError(`nothing has come for ${this.#stallMs / 1000} s`);
        sent.destroy();
      });
      sent.once('response', (message) => resolve(toResponse(message, translate)));
      sent.on('error', (error) => reject(translate(error)));
      sent.once('close', () => reject(translate(new NetworkError('the connection was cut'))));
      if (body === undefined) sent.end();
      else sendBody(body.open(), sent, (error) => (cause = error));
    });
  }

  /** Ends idle connections. */
  close(): void {
    for (const agent of [this.#plain, this.#secure, this.#unverified]) agent.destroy();
  }
}

function sendBody(
  source: AsyncIterable<Uint8Array>,
  sent: ReturnType<typeof httpRequest>,
  failed: (error: unknown) => void,
): void {
  const stream = Readable.from(source, { objectMode: true });
  stream.once('error', (error) => {
    failed(error);
    sent.destroy();
  });
  sent.once('close', () => stream.destroy());
  stream.pipe(sent);
}

function toResponse(message: IncomingMessage, translate: (error: unknown) => unknown): HttpResponse {
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value !== undefined) headers.set(name, Array.isArray(value) ? value.join(', ') : value);
  }
  message.on('error', () => {}); // whoever reads the body gets it too
  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of message) yield chunk as Uint8Array;
    } catch (error) {
      throw translate(error);
    }
  }
  const isShort = Number(headers.get('content-length') ?? Infinity) <= SHORT_BODY_BYTES;
  // A short rest is read, so that the connection can serve again.
  return {
    status: message.statusCode ?? 0,
    headers,
    body: body(),
    discard: () => void (isShort ? message.resume() : message.destroy()),
  };
}

const TLS_CODE = /^(?:EPROTO|ERR_SSL_|ERR_TLS_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|HOSTNAME_)/;
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'its name can not be looked up now',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  EPROTO: 'it does not speak TLS',
};

function toNetworkError(error: unknown): unknown {
  if (error instanceof NetworkError || !(error instanceof Error)) return error;
  // A host with several addresses gives an AggregateError without a message.
  const first = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = (first as NodeJS.ErrnoException).code ?? '';
  return new NetworkError(REASONS[code] ?? first.message, { cause: error, isTls: TLS_CODE.test(code) });
}
