/**
 * The embed page's side of protocol.ts: answers the page around it, if that is of an origin that may ask. A message of anybody else
 * is not answered at all; one of ours that it does not know is answered with an error; others are no business of ours.
 */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import { sentenceOf } from '../ui/sentences.ts';
import { EMBED_VERSION, type EmbedMessage, type EmbedProgress, type EmbedRequest, type RequestId } from './protocol.ts';
import { parseRequest } from './requests.ts';
import type { EmbedTarget } from './targets.ts';

export interface EmbedHost {
  /** Gets the messages: the embed page's window. */
  readonly host: EventTarget;
  /** The page around it; undefined when it is in no iframe. */
  readonly parent: Pick<Window, 'postMessage'> | undefined;
  readonly origins: ReadonlySet<string>;
}

export class EmbedServer {
  readonly #parent: EmbedHost['parent'];
  readonly #origins: ReadonlySet<string>;
  #target: EmbedTarget | undefined;
  #refusal: unknown;

  constructor({ host, parent, origins }: EmbedHost) {
    this.#parent = parent;
    this.#origins = origins;
    if (parent !== undefined) host.addEventListener('message', (event) => this.#receive(event as MessageEvent));
  }

  /** Answers for what is shown now, and tells of it. */
  serve(target: EmbedTarget): void {
    this.#target = target;
    const ready = (): void => this.#tell({ type: 'vivarium:ready', version: EMBED_VERSION, kind: target.kind });
    const { element } = target;
    element.addEventListener('viv-ready', ready);
    element.addEventListener('viv-error', (event) => this.#tellError(null, (event as CustomEvent<unknown>).detail));
    element.addEventListener('viv-progress', (event) =>
      this.#tell({ type: 'vivarium:progress', ...progressOf((event as CustomEvent<ProgressDetail>).detail) }),
    );
    new ResizeObserver(() => this.#tell({ type: 'vivarium:resize', height: Math.ceil(element.scrollHeight) })).observe(
      element,
    );
  }

  /** There is nothing to show: every request gets to know why. */
  refuse(reason: unknown): void {
    this.#refusal = reason;
    this.#tellError(null, reason);
  }

  #receive({ source, origin, data }: MessageEvent): void {
    if (source !== this.#parent || !this.#origins.has(origin)) return;
    const request = parseRequest(data);
    if (request === undefined) return;
    if (request instanceof VivariumError) return this.#tellError(idOf(data), request);
    this.#answer(request).then(
      (result) => this.#tell({ type: 'vivarium:result', id: request.id, result }),
      (error: unknown) => this.#tellError(request.id, error),
    );
  }

  async #answer(request: EmbedRequest): Promise<unknown> {
    const target = this.#target;
    if (target === undefined) throw this.#refusal ?? notReady();
    switch (request.type) {
      case 'vivarium:hello':
        return { version: EMBED_VERSION, kind: target.kind, isReady: target.isReady };
      case 'vivarium:run':
        return target.run(request);
      case 'vivarium:type':
        await target.type(request.command);
        return null;
      case 'vivarium:check':
        return target.check(request.step);
      case 'vivarium:reset':
        await target.reset(request.step);
        return null;
      case 'vivarium:progress':
        return progressOf(target.progress());
    }
  }

  #tellError(id: RequestId | null, error: unknown): void {
    const code = error instanceof VivariumError ? error.code : 'INTERNAL';
    this.#tell({ type: 'vivarium:error', id, code, message: sentenceOf(error) });
  }

  /** Who the page around it is can't be known beforehand; the browser drops what is not for its origin. */
  #tell(message: EmbedMessage): void {
    for (const origin of this.#origins) this.#parent?.postMessage(message, origin);
  }
}

interface ProgressDetail {
  readonly passed: number;
  readonly total: number;
  readonly step: string | undefined;
  readonly isComplete: boolean;
}

function progressOf({ passed, total, step, isComplete }: ProgressDetail): EmbedProgress {
  return { passed, total, step: step ?? null, isComplete };
}

function idOf(data: unknown): RequestId | null {
  const { id } = data as { readonly id?: unknown };
  return typeof id === 'string' || typeof id === 'number' ? id : null;
}

function notReady(): VivariumError {
  return new VivariumError(ErrorCodes.LAB, 'the page is not loaded yet; wait for vivarium:ready');
}
