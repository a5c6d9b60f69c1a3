/** `viv supervise`: the process that owns a pod's machine. Started by other commands, for nobody to type; so it is not shown. */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { MachineOptions } from '../../container/lifecycle/config.ts';
import type { ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { openContainers } from '../containers.ts';
import { describeError } from '../failure.ts';
import { HostedSupervisor, supervisorLogPath } from '../supervisor.ts';

const PRIVATE_MODE = 0o600;
const POLL_MS = 5;
const EXIT_FAILED = 1;

export function superviseCommand(): Command {
  return new Command('supervise')
    .description('Owns the machine of a pod until no container needs it.')
    .argument('<pod>')
    .option('--machine <json>', 'begin with this machine, though the pod is not recorded yet')
    .action(async (pod: string, { machine }: { readonly machine?: string }) => {
      process.exit(await supervise(pod, machine === undefined ? undefined : (JSON.parse(machine) as MachineOptions)));
    });
}

/** Until it is the supervisor, who has started it reads what goes wrong on stderr; then it has a log of its own. */
async function supervise(podId: string, early: MachineOptions | undefined): Promise<number> {
  const store = openContainers();
  let log: string | undefined;
  const write = (text: string): void => {
    if (log === undefined) process.stderr.write(`${text}\n`);
    else tryAppend(log, `${store.now()} ${text}\n`);
  };
  process.stderr.on('error', () => {}); // who has started us may be gone
  process.on('uncaughtException', (error) => {
    write(describeError(error));
    process.exit(EXIT_FAILED);
  });
  process.on('SIGHUP', () => {});
  try {
    await store.settle();
    const machine = early ?? (await store.pods.read(podId)).machine;
    const hosted = await HostedSupervisor.make(store, podId, machine, { note: write });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void hosted.server.shutdown());
    if (early !== undefined) await recorded(store, podId);
    if (!(await hosted.claim())) return 0; // somebody was faster
    log = supervisorLogPath(store, podId);
    hosted.letGo();
    await hosted.ended();
    return 0;
  } catch (error) {
    write(describeError(error));
    return EXIT_FAILED;
  }
}

/** Waits until the pod is recorded. Throws when who wanted to do that is gone. */
async function recorded(store: ContainerStore, podId: string): Promise<void> {
  const parent = process.ppid;
  for (;;) {
    try {
      await store.pods.read(podId);
      return;
    } catch (error) {
      if (!(error instanceof VivariumError) || error.code !== ErrorCodes.NOT_FOUND || process.ppid !== parent)
        throw error;
    }
    await sleep(POLL_MS);
  }
}

function tryAppend(path: string, text: string): void {
  try {
    appendFileSync(path, text, { mode: PRIVATE_MODE });
  } catch {
    // The pod's folder goes with its last container.
  }
}
