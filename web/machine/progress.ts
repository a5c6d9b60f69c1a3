/** What is being fetched, as a list that grows and fills. */
import { html, nothing, type TemplateResult } from 'lit';
import type { FetchProgress } from '../site/site.ts';

/** What a student calls what openSite fetches. */
const NAMES: Readonly<Record<string, string>> = {
  core: 'Processor',
  kernel: 'Linux kernel',
  initramfs: 'First files of Linux',
  snapshot: 'Linux, started already',
  image: 'Files of the system, as they are needed',
};
const KIB = 1024;
const MIB = 1024 * KIB;

/** The latest of each thing, in the order in which they came. */
export type Progresses = ReadonlyMap<string, FetchProgress>;

export function withProgress(progresses: Progresses, progress: FetchProgress): Progresses {
  return new Map(progresses).set(progress.what, progress);
}

export function renderProgress(progresses: Progresses): TemplateResult {
  return html`<ul class="progress">
    ${[...progresses.values()].map(({ what, doneBytes, totalBytes }) => {
      const name = NAMES[what] ?? what;
      return html`<li>
        <span>${name}</span>
        <span class="bytes"
          >${bytesText(doneBytes)}${totalBytes === undefined ? nothing : ` of ${bytesText(totalBytes)}`}</span
        >
        ${
          totalBytes === undefined
            ? nothing
            : html`<progress aria-label=${name} max=${totalBytes} .value=${Math.min(doneBytes, totalBytes)}></progress>`
        }
      </li>`;
    })}
  </ul>`;
}

export function bytesText(byteCount: number): string {
  if (byteCount < KIB) return `${byteCount} B`;
  return byteCount < MIB ? `${Math.round(byteCount / KIB)} KiB` : `${(byteCount / MIB).toFixed(1)} MiB`;
}
