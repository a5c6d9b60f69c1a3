/** Where pods of the command line run: machines in workers of this process, images and records in the user's folders. */
import { GuestFailure } from '../container/guest-failure.ts';
import { makeDiskFile } from '../container/supervisor/node-disk-file.ts';
import type { PodHost, PodImage, PodRecords } from '../container/supervisor/pod-host.ts';
import type { MachineOptions } from '../container/lifecycle/config.ts';
import { containerEvent } from '../container/lifecycle/events.ts';
import { SystemClock } from '../container/lifecycle/node-clock.ts';
import type { ContainerStore } from '../container/lifecycle/node-container-store.ts';
import { LogWriter } from '../container/lifecycle/node-log-writer.ts';
import type { FolderShare } from '../sandbox/image.ts';
import { kernelCommandLine } from '../sandbox/kernel-command-line.ts';
import { startGuest } from '../sandbox/start-guest.ts';
import { VivariumError } from '../util/errors.ts';
import { saveCrashReport } from './crash-report.ts';
import { describeError } from './failure.ts';
import { sandboxParts } from './sandbox-parts.ts';

const DISK_FILE = 'disk.ext4';
const LOG_FILE = 'container.log';

export interface PodHostOptions {
  readonly store: ContainerStore;
  readonly machine: MachineOptions;
  /** Takes what the guest kernel prints, and makes it print more. */
  readonly onConsole?: ((bytes: Uint8Array) => void) | undefined;
  /** Somebody looks at the machine when its last container has gone. */
  readonly keepsMachine?: boolean | undefined;
  /** Takes lines for whoever looks after this process. */
  readonly note: (text: string) => void;
}

/** Throws NOT_BUILT. */
export function podHost({ store, machine, onConsole, keepsMachine = false, note }: PodHostOptions): PodHost {
  const notices: string[] = [];
  const notice = (text: string): void => void notices.push(text);
  const parts = sandboxParts({ notice, ...(machine.warm ? {} : { warm: false }) });
  const records = new Records(store, note);
  /** What was made ready a moment ago need not be read again. */
  let last: { readonly key: string; readonly image: PodImage } | undefined;
  return {
    keepsMachine,
    startGuest: (started, signal) =>
      startGuest({
        ...parts,
        config: {
          core: parts.core,
          ramBytes: machine.memoryBytes,
          ...(machine.tier === undefined ? {} : { tier: machine.tier }),
        },
        commandLine: kernelCommandLine(onConsole !== undefined),
        devices: Promise.resolve({}),
        // Who wants to see the kernel's messages wants to see it boot.
        store: onConsole === undefined ? parts.snapshots : undefined,
        onConsole,
        signal,
        started,
      }),
    prepareImage: async ({ image: { place, platform } }, signal) => {
      const key = JSON.stringify([place, platform]);
      const known = last?.key === key ? last.image : undefined;
      const image = known ?? (await parts.prepareImage({ image: place, platform, signal }));
      last = known === undefined ? { key, image } : undefined;
      return image;
    },
    diskFile: async ({ id }, request) => {
      const path = store.pathOf(id, DISK_FILE);
      await makeDiskFile(path, request);
      return path;
    },
    scratchFolder: parts.scratchFolder,
    folderShare: (tag, folder, readOnly): FolderShare => ({ tag, kind: 'host', folder, readOnly }),
    records,
    nowMs: () => performance.now(),
    timestamp: () => store.now(),
    guestFailed: (error) => {
      const dump = error instanceof GuestFailure && error.dump !== undefined ? `\n${error.dump}` : '';
      note(`${describeError(error).replace(/^viv: /, '')}${dump}`);
      if (error instanceof VivariumError) return;
      const report = saveCrashReport(describeError(error), new Uint8Array());
      if (report !== undefined) note(`a report of this failure is in ${report}`);
    },
    takeNotices: () => notices.splice(0),
    note,
  };
}

class Records implements PodRecords {
  readonly #store: ContainerStore;
  readonly #note: (text: string) => void;
  readonly #clock = new SystemClock();
  /** Names by ID, as they were last read: one that is removed meanwhile has none any more. */
  readonly #names = new Map<string, string>();
  #events: Promise<void> = Promise.resolve();

  constructor(store: ContainerStore, note: (text: string) => void) {
    this.#store = store;
    this.#note = note;
  }

  readConfig: PodRecords['readConfig'] = (id) => this.#store.readConfig(id);

  readState: PodRecords['readState'] = (id) => this.#store.readState(id);

  writeState: PodRecords['writeState'] = async (id, state) => {
    await this.#store.changeState(id, () => state);
  };

  writeConfig: PodRecords['writeConfig'] = async (config) => {
    await this.#store.updateConfig(config.id, () => config);
  };

  remove: PodRecords['remove'] = async ({ id }) => {
    await this.flush();
    await this.#store.remove(id, { hasEnded: true });
  };

  /** In order, and one after the other. */
  event: PodRecords['event'] = (config, action, attributes) => {
    this.#events = this.#events.then(async () => {
      const name = (await this.#store.nameOf(config.id)) || (this.#names.get(config.id) ?? '');
      this.#names.set(config.id, name);
      await this.#store.events.append(containerEvent(action, { config, name }, attributes));
    });
  };

  openLog: PodRecords['openLog'] = async ({ id, log }) => {
    if (log.driver === 'none') return { write: () => {}, close: () => Promise.resolve() };
    const writer = await LogWriter.open({ ...log, path: this.#store.pathOf(id, LOG_FILE), clock: this.#clock });
    let isTold = false;
    return {
      // A program goes on when its log can't be written, as with Docker.
      write: (stream, bytes) =>
        writer.write(stream, bytes).catch((error: unknown) => {
          if (!isTold) this.#note(`the log of container ${id} is not complete: ${String(error)}`);
          isTold = true;
        }),
      close: () => writer.close(),
    };
  };

  flush: PodRecords['flush'] = () => this.#events;
}
