/**
 * One lock among processes, from files alone, since Node has no flock(2). A holder that is killed loses it.
 *
 * Whoever holds the lock has made the file with the highest number in its folder; `N.free` beside it says that it was given
 * back. When the highest is free or its holder is dead, the next number is up for grabs, and link(2) lets one contender
 * have it. The highest number is never removed, so a contender that was slow finds a higher one than its own and starts
 * again; nobody ever removes or replaces a file that another may be looking at.
 *
 * The dozen calls that a turn takes are synchronous: each is a few microseconds, and some hundred when it goes through the
 * thread pool.
 */
import { linkSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Liveness, ownerLiveness, thisOwner } from './node-owner.ts';

const PRIVATE_FOLDER_MODE = 0o700;
const PRIVATE_FILE_MODE = 0o600;
const FREE = '.free';
const DRAFT = 'draft-';
const FIRST_WAIT_MS = 2;
const LONGEST_WAIT_MS = 30;
/** A holder that we can't look at renews its file this often… */
const RENEW_MS = 10_000;
/** …and is taken for dead when it has not for so long. */
const SILENT_MS = 120_000;

export interface MutexOptions {
  readonly uniqueName: () => string;
  readonly nowMs: () => number;
  /** For tests. */
  readonly liveness?: (owner: string) => Liveness;
}

export class FileMutex {
  readonly #folder: string;
  readonly #options: MutexOptions;
  readonly #liveness: (owner: string) => Liveness;

  constructor(folder: string, options: MutexOptions) {
    this.#folder = folder;
    this.#options = options;
    this.#liveness = options.liveness ?? ownerLiveness;
  }

  /** Waits for the lock; resolves to what gives it back. */
  async acquire(signal?: AbortSignal): Promise<() => Promise<void>> {
    mkdirSync(this.#folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      signal?.throwIfAborted();
      const number = this.#tryAcquire();
      if (number !== undefined) return this.#hold(number);
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }

  /** The number of the lock if it is ours now. */
  #tryAcquire(): number | undefined {
    const { highest, isFree } = this.#look();
    if (highest !== undefined && !isFree && this.#isHeld(highest)) return undefined;
    const next = (highest ?? 0) + 1;
    const draft = join(this.#folder, `${DRAFT}${this.#options.uniqueName()}`);
    try {
      writeFileSync(draft, thisOwner(), { mode: PRIVATE_FILE_MODE, flag: 'wx' });
      linkSync(draft, this.#path(next)); // complete from the first moment
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
    if (this.#look().highest === next) return next;
    rmSync(this.#path(next), { force: true }); // we were slow: others have had this number already
    return undefined;
  }

  #look(): { highest: number | undefined; isFree: boolean } {
    const names = readdirSync(this.#folder);
    const numbers = names.map(parseNumber).filter((number) => number !== undefined);
    if (numbers.length === 0) return { highest: undefined, isFree: true };
    const highest = Math.max(...numbers);
    return { highest, isFree: names.includes(`${highest}${FREE}`) };
  }

  #isHeld(number: number): boolean {
    try {
      const owner = readFileSync(this.#path(number), 'utf8');
      const liveness = this.#liveness(owner);
      if (liveness !== 'unknown') return liveness === 'alive';
      return statSync(this.#path(number)).mtimeMs > this.#options.nowMs() - SILENT_MS;
    } catch {
      return true; // gone because somebody went on meanwhile: look again
    }
  }

  #hold(number: number): () => Promise<void> {
    const path = this.#path(number);
    const renew = setInterval(() => {
      const nowS = this.#options.nowMs() / 1000;
      try {
        utimesSync(path, nowS, nowS);
      } catch {
        // The folder may be gone with the store.
      }
    }, RENEW_MS);
    renew.unref();
    this.#tidy(number);
    return async () => {
      clearInterval(renew);
      writeFileSync(`${path}${FREE}`, '', { mode: PRIVATE_FILE_MODE });
    };
  }

  /** Removes what was before: nobody has a use for a lower number, and a draft that stays is that of a killed process. */
  #tidy(number: number): void {
    for (const name of readdirSync(this.#folder)) {
      const other = parseNumber(name.endsWith(FREE) ? name.slice(0, -FREE.length) : name);
      const path = join(this.#folder, name);
      if (other === undefined ? this.#isForgotten(path, name) : other < number) rmSync(path, { force: true });
    }
  }

  #isForgotten(path: string, name: string): boolean {
    if (!name.startsWith(DRAFT)) return false;
    const written = statSync(path, { throwIfNoEntry: false });
    return written !== undefined && written.mtimeMs < this.#options.nowMs() - SILENT_MS;
  }

  #path(number: number): string {
    return join(this.#folder, String(number));
  }
}

function parseNumber(name: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;
}
