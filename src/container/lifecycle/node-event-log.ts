/**
 * The event log on disk: one JSON line for each event in `events/events.jsonl`, appended by whatever process it happens in. A
 * line is one write(2) to a file opened with O_APPEND, so lines of several processes do not mix. A file that has grown
 * becomes `events.jsonl.1`.
 */
import { open, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { formatTime } from '../../util/time.ts';
import type { EventSink, NewEvent, VivariumEvent } from './events.ts';
import type { Clock } from './node-clock.ts';
import { makeFolder, translate } from './node-record-folder.ts';

const FILE_BYTES_MAX = 1024 * 1024;
const PRIVATE_FILE_MODE = 0o600;

export interface EventLogOptions {
  /** Folder of the records. */
  readonly home: string;
  readonly clock: Clock;
  /** Runs an action while no other process does. */
  readonly exclusively: <T>(action: () => Promise<T>) => Promise<T>;
  /** Is told why an event could not be written. */
  readonly onError: (error: unknown) => void;
}

export class EventLog implements EventSink {
  readonly path: string;
  readonly #folder: string;
  readonly #options: EventLogOptions;

  constructor(options: EventLogOptions) {
    this.#folder = join(options.home, 'events');
    this.path = join(this.#folder, 'events.jsonl');
    this.#options = options;
  }

  /** Call it without having the lock. */
  async append(event: NewEvent): Promise<void> {
    try {
      await makeFolder(this.#folder);
      const full: VivariumEvent = { ...event, time: formatTime(this.#options.clock.nowNs()) };
      const size = await this.#write(Buffer.from(`${JSON.stringify(full)}\n`));
      if (size > FILE_BYTES_MAX) await this.#options.exclusively(() => this.#rotate());
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Resolves to the size of the file afterwards. */
  async #write(line: Uint8Array): Promise<number> {
    const file = await translate('write', this.path, open(this.path, 'a', PRIVATE_FILE_MODE));
    try {
      await translate('write', this.path, file.write(line));
      return (await file.stat()).size;
    } finally {
      await file.close();
    }
  }

  /** Somebody else may have done it meanwhile. */
  async #rotate(): Promise<void> {
    if ((await stat(this.path)).size > FILE_BYTES_MAX) await rename(this.path, `${this.path}.1`);
  }
}
