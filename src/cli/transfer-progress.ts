/** How far each blob of a pull or push is: bars on a terminal, otherwise a line when something has happened. On stderr. */
import type { Digest } from '../oci/digest.ts';
import type { TransferEvent } from '../oci/registry/pull.ts';
import { humanSize } from './format/human.ts';

const SHORT_ID_LENGTH = 12;
const BAR_WIDTH = 50; // as Docker has it
const REDRAW_MS = 100;
/** What a terminal that does not tell its width is taken to have. */
const COLUMNS_UNKNOWN = 80;

/** Docker's words for what happens. */
export type TransferWords = Readonly<Record<TransferEvent['state'], string>>;
export const PULL_WORDS: TransferWords = {
  waiting: 'Pulling fs layer',
  moving: 'Downloading',
  exists: 'Already exists',
  mounted: 'Already exists',
  done: 'Pull complete',
};
export const PUSH_WORDS: TransferWords = {
  waiting: 'Preparing',
  moving: 'Pushing',
  exists: 'Layer already exists',
  mounted: 'Mounted from another repository',
  done: 'Pushed',
};

export function shortId(digest: Digest | string): string {
  return digest.slice(digest.indexOf(':') + 1).slice(0, SHORT_ID_LENGTH);
}

/** The part of a terminal that is needed. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class TransferProgress {
  readonly #stream: ProgressStream;
  readonly #words: TransferWords;
  readonly #nowMs: () => number;
  readonly #blobs = new Map<Digest, TransferEvent>();
  #drawnLines = 0;
  #drawnMs = -Infinity;

  constructor(words: TransferWords, stream: ProgressStream = process.stderr, nowMs: () => number = () => Date.now()) {
    this.#words = words;
    this.#stream = stream;
    this.#nowMs = nowMs;
  }

  see(event: TransferEvent): void {
    const isChange = this.#blobs.get(event.digest)?.state !== event.state;
    this.#blobs.set(event.digest, event);
    if (this.#stream.isTTY !== true) {
      if (isChange && event.state !== 'moving')
        this.#stream.write(`${shortId(event.digest)}: ${this.#words[event.state]}\n`);
    } else if (isChange || this.#nowMs() - this.#drawnMs >= REDRAW_MS) this.#draw();
  }

  /** Draws the last state. */
  end(): void {
    if (this.#stream.isTTY === true && this.#blobs.size > 0) this.#draw();
  }

  #draw(): void {
    const up = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : '';
    const lines = [...this.#blobs.values()].map(
      (event) => `\r\x1b[K${this.#line(event).slice(0, (this.#stream.columns || COLUMNS_UNKNOWN) - 1)}\n`,
    );
    this.#stream.write(up + lines.join(''));
    this.#drawnLines = lines.length;
    this.#drawnMs = this.#nowMs();
  }

  #line({ digest, state, current, total }: TransferEvent): string {
    const head = `${shortId(digest)}: ${this.#words[state]}`;
    if (state !== 'moving') return head;
    const filled = total > 0 ? Math.floor((BAR_WIDTH * current) / total) : 0;
    const bar = `${'='.repeat(filled)}>`.slice(0, BAR_WIDTH).padEnd(BAR_WIDTH);
    return `${head} [${bar}] ${humanSize(current)}/${humanSize(total)}`;
  }
}
