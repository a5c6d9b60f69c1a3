/**
 * HTTP by Node's own http and https modules rather than its fetch: they take a certificate that nobody vouches for from one
 * named host and no other, send bodies of stated length, and tell a connection that was cut from one that has ended.
 */
import type { Agent, IncomingMessage, request as httpRequest } from 'node:http';
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
  #connections: Promise<Connections> | undefined;

  constructor({ stallMs, userAgent }: NodeTransportOptions) {
    this.#stallMs = stallMs ?? DEFAULT_STALL_MS;
    this.#userAgent = userAgent;
  }

  async request({ method, url, headers, body, insecure, signal }: HttpRequest): Promise<HttpResponse> {
    this.#connections ??= openConnections();
    const { plain, secure, unverified } = await this.#connections;
    return new Promise((resolve, reject) => {
      const { send, agent } = !url.startsWith('https:') ? plain : insecure === true ? unverified : secure;
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
      const sent = send(url, options);
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
    void this.#connections?.then((connections) => Object.values(connections).forEach(({ agent }) => agent.destroy()));
  }
}

interface Connector {
  readonly send: typeof httpRequest;
  readonly agent: Agent;
}
type Connections = Readonly<Record<'plain' | 'secure' | 'unverified', Connector>>;

/** Loads Node's modules when they are wanted: it takes them as long as many a command that needs no registry. */
async function openConnections(): Promise<Connections> {
  const [http, https] = await Promise.all([import('node:http'), import('node:https')]);
  const keepAlive = true;
  return {
    plain: { send: http.request, agent: new http.Agent({ keepAlive }) },
    secure: { send: https.request, agent: new https.Agent({ keepAlive }) },
    unverified: { send: https.request, agent: new https.Agent({ keepAlive, rejectUnauthorized: false }) },
  };
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
