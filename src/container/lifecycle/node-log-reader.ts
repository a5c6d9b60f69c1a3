/** Reads a container's log (see node-log-writer.ts), also while it grows. */
import { parseTime } from '../../util/time.ts';
import type { LogStream } from './node-log-writer.ts';
import { readLines } from './node-line-files.ts';

export interface LogEntry {
  readonly stream: LogStream;
  /** With its `\n`, unless the line goes on or has no end. */
  readonly log: string;
  readonly timeNs: bigint;
}

export interface LogQuery {
  /** So many of the last entries; the times below then choose among them, as in Docker. */
  readonly tail?: number | undefined;
  readonly sinceNs?: bigint | undefined;
  readonly untilNs?: bigint | undefined;
  /** Go on until this says that nothing more can come. */
  readonly isOver?: (() => Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Is told of a line that is no entry; it is passed over. */
  readonly onCorrupt?: (line: string) => void;
}

/** Entries from the oldest to the newest. A log that is not there yet is empty. */
export async function* readLog(path: string, query: LogQuery): AsyncGenerator<LogEntry> {
  const { sinceNs, untilNs, onCorrupt } = query;
  for await (const line of readLines(path, query)) {
    const entry = parseEntry(line);
    if (entry === undefined) {
      onCorrupt?.(line);
      continue;
    }
    if (sinceNs !== undefined && entry.timeNs < sinceNs) continue;
    if (untilNs !== undefined && entry.timeNs > untilNs) return;
    yield entry;
  }
}

function parseEntry(line: string): LogEntry | undefined {
  try {
    const { log, stream, time } = JSON.parse(line) as { log?: unknown; stream?: unknown; time?: unknown };
    const timeNs = typeof time === 'string' ? parseTime(time) : undefined;
    if (typeof log !== 'string' || timeNs === undefined) return undefined;
    return stream === 'stdout' || stream === 'stderr' ? { stream, log, timeNs } : undefined;
  } catch {
    return undefined;
  }
}
