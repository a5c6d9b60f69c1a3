/** How an element gets a computer: from the site that its script is of, or as a page or a test says. */
import { Computer } from '../../src/sandbox/computer.ts';
import type { ComputerOptions } from '../../src/sandbox/computer-options.ts';
import { siteBase } from '../site/base.ts';
import { startComputer } from '../site/computer.ts';
import { EarlyWorker } from '../site/machine-worker.ts';
import { openSite, type FetchProgress } from '../site/site.ts';

export interface StartReports {
  onProgress(progress: FetchProgress): void;
  /** One line on what did not work and what happens instead. */
  onNotice(text: string): void;
}

export interface StartOptions extends ComputerOptions {
  /** What is kept by the name is dropped first. */
  readonly fresh?: boolean;
}

/** Starts a computer. Rejects with what openSite and Computer.start do. */
export type StartMachine = (options: StartOptions, reports: StartReports) => Promise<Computer>;

/** From the site at `base`, by default the page's own. */
export function siteMachine(base?: URL): StartMachine {
  return async ({ fresh = false, ...options }, { onProgress, onNotice }) => {
    const { signal } = options;
    const earlyWorker = new EarlyWorker();
    try {
      const parts = await openSite(base ?? siteBase(), { onProgress, onNotice, signal, earlyWorker });
      if (fresh && options.keep !== undefined) await Computer.forget(parts, options.keep);
      const { computer, notKept } = await startComputer(parts, options);
      if (notKept !== undefined) onNotice(notKept);
      return computer;
    } finally {
      earlyWorker.end(); // nobody took it: there was no machine
    }
  };
}
