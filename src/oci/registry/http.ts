/**
 * What the registry client needs of HTTP. Node's is node-transport.ts; a browser's is a thin wrapper of `fetch`. A transport
 * follows no redirects and keeps no cookies: who may see which header is decided in session.ts.
 */

/** A body that can be sent more than once. */
export interface HttpBody {
  /** In bytes. */
  readonly size: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Accepts a certificate that nobody vouches for. */
  readonly insecure?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** By lower-case name; lines of one name are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** May throw {@link NetworkError}. To be read to its end or given up by `return()` or {@link discard}. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives up the body. */
  discard(): void;
}

export interface HttpTransport {
  /** Resolves with the head of the answer, whatever its status. Throws {@link NetworkError}. */
  request(request: HttpRequest): Promise<HttpResponse>;
}

/** No answer, or not all of it. */
export class NetworkError extends Error {
  override name = 'NetworkError';
  /** Whether the other side does not do TLS, or not so that we trust it. */
  readonly isTls: boolean;

  /** `message` goes on after "can't reach HOST:". */
  constructor(message: string, options: ErrorOptions & { readonly isTls?: boolean } = {}) {
    super(message, options);
    this.isTls = options.isTls ?? false;
  }
}

/** A body in memory. */
export function bytesBody(bytes: Uint8Array): HttpBody {
  return {
    size: bytes.length,
    async *open() {
      yield bytes;
    },
  };
}
