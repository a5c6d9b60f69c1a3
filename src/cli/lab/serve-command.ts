/** `viv lab serve`. */
import { existsSync, readdirSync, watch, type FSWatcher } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { LabError } from '../../lab/format/mistake.ts';
import { action, interruptible } from '../action.ts';
import { describeError } from '../failure.ts';
import { builtSite, copySite } from '../site/built-site.ts';
import { labAddress, putLabs, readLabs } from './build-site.ts';
import { serveSite, type SiteServer } from './serve-site.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const DEFAULT_PORT = '8044';
const PORT_MAX = 65535;
/** An editor writes a file in several steps. */
const SETTLE_MS = 200;

export function labServeCommand(): Command {
  return new Command('serve')
    .summary('show labs in a browser, and again when they change')
    .description(
      'Serves labs on this computer, to be looked at in a browser while they are written: pages load anew when a file changes, and mistakes\n' +
        'are told here. Ends with Ctrl-C.',
    )
    .argument('<dir...>', 'folders of labs')
    .option('-p, --port <port>', 'the port; 0 takes any that is free', DEFAULT_PORT)
    .addHelpText('after', '\nExample:\n  viv lab serve first-steps')
    .action(
      action((folders: readonly string[], { port }: { readonly port: string }) =>
        interruptible((signal) => serve(folders, parsePort(port), signal)),
      ),
    );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  throw new VivariumError(ErrorCodes.USAGE, `${JSON.stringify(text)} is no port; give a number from 0 to ${PORT_MAX}`);
}

async function serve(folders: readonly string[], port: number, signal: AbortSignal): Promise<void> {
  const folderWatch = new FolderWatch(folders, signal);
  const root = await mkdtemp(join(tmpdir(), 'viv-lab-'));
  let server: SiteServer | undefined;
  /** Mistakes are told, and what was there before stays. */
  const build = async (): Promise<void> => {
    try {
      const read = await readLabs(folders);
      if (server === undefined) await copySite(await builtSite(signal), root);
      const labs = await putLabs(root, read, signal);
      server ??= await serveSite(root, port);
      for (const lab of labs) process.stdout.write(`${lab.lab.title}: ${server.url}${labAddress(lab)}\n`);
      server.reload();
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      process.stderr.write(`${describeError(error)}\n`);
    }
  };
  try {
    await build();
    if (server === undefined) process.stdout.write('Waiting for the mistakes to be corrected.\n');
    while (true) {
      await folderWatch.changed();
      await build();
    }
  } finally {
    folderWatch.close();
    await server?.close();
    await rm(root, { recursive: true, force: true });
  }
}

/**
 * Tells of changes in folders, when nothing more changes for a moment. Each folder is watched by itself: where that is made up of
 * watched files, a file that an editor replaces is lost.
 */
class FolderWatch {
  readonly #roots: readonly string[];
  readonly #signal: AbortSignal;
  readonly #watchers = new Map<string, FSWatcher>();
  #isChanged = false;
  #wake = (): void => {};

  /** Throws NOT_FOUND. */
  constructor(roots: readonly string[], signal: AbortSignal) {
    this.#roots = roots;
    this.#signal = signal;
    for (const root of roots)
      if (!existsSync(root))
        throw new VivariumError(ErrorCodes.NOT_FOUND, `the lab's folder ${root} is not there; check the path`);
    this.#watchAll();
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Throws the signal's reason. */
  async changed(): Promise<void> {
    do {
      while (!this.#isChanged && !this.#signal.aborted) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#signal.throwIfAborted();
      this.#isChanged = false;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    } while (this.#isChanged);
    this.#watchAll();
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  /** Folders come and go. */
  #watchAll(): void {
    const there = new Set(this.#roots.flatMap((root) => [root, ...foldersIn(root)]));
    for (const [folder, watcher] of this.#watchers) {
      if (there.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of there) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  #watch(folder: string): void {
    const changed = (): void => {
      this.#isChanged = true;
      this.#wake();
    };
    try {
      this.#watchers.set(folder, watch(folder, changed).on('error', changed));
    } catch {
      changed(); // it went away just now
    }
  }
}

/** Folders below one, at any depth, without hidden ones, which are no part of a lab. */
function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .flatMap(({ name }) => [join(folder, name), ...foldersIn(join(folder, name))]);
  } catch {
    return []; // it went away just now
  }
}
