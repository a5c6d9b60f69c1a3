/** What the guest program (bench/guest/main.c) answers, line by line, and what it is asked. */

export interface ProgramName {
  readonly kind: string;
  readonly name: string;
}

export type Answer =
  | { readonly type: 'ready' }
  | ({ readonly type: 'program' } & ProgramName)
  | { readonly type: 'listed' }
  | { readonly type: 'prepared'; readonly number: number }
  /** `processorMs` is what the program's own system counted; only the host's is of use. */
  | { readonly type: 'end'; readonly number: number; readonly checksum: string; readonly processorMs: number }
  | { readonly type: 'failed'; readonly reason: string };

export type Request =
  | { readonly type: 'list' }
  | { readonly type: 'prepare'; readonly number: number }
  | { readonly type: 'run'; readonly number: number };

const US_PER_MS = 1000;

/** The answer that a line is; undefined for the kernel's own messages and whatever else comes over a console. */
export function parseAnswer(line: string): Answer | undefined {
  const [word, ...rest] = line.trim().split(' ');
  switch (word) {
    case '@ready':
      return { type: 'ready' };
    case '@program':
      return { type: 'program', kind: rest[0]!, name: rest[1]! };
    case '@listed':
      return { type: 'listed' };
    case '@prepared':
      return { type: 'prepared', number: Number(rest[0]) };
    case '@end':
      return { type: 'end', number: Number(rest[0]), checksum: rest[1]!, processorMs: Number(rest[2]) / US_PER_MS };
    case '@failed':
      return { type: 'failed', reason: rest.join(' ') };
    default:
      return undefined;
  }
}

export function formatRequest(request: Request): string {
  return request.type === 'list' ? 'l\n' : `${request.type === 'prepare' ? 'p' : 'r'} ${request.number}\n`;
}

/** Cuts a stream of text into lines. */
export class LineSplitter {
  #rest = '';

  /** The lines that `text` completes, without their ends. */
  feed(text: string): string[] {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    return lines;
  }
}
