/** `viv run`: a command of an OCI image in a new container, with the options and the exit codes of Docker's `run`. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { newContainerId } from '../../container/lifecycle/names.ts';
import type { Container, ContainerStore } from '../../container/lifecycle/node-container-store.ts';
import { GuestFailure } from '../../container/guest-failure.ts';
import { StartError } from '../../container/start-error.ts';
import { nodeImages } from '../../sandbox/node-image.ts';
import { AttachSession, tellNotices } from '../attach-session.ts';
import { addContainerFlags, type ContainerFlags, type ContainerParts } from '../container-flags.ts';
import { openContainers } from '../containers.ts';
import type { FoundImage } from '../create-container.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.ts';
import { fail } from '../failure.ts';
import { attachRequest, followContainer } from '../follow-container.ts';
import { makeContainer, readParts } from '../make-container.ts';
import { cacheFolder } from '../paths.ts';
import { ask, HostedSupervisor, openSupervisor, SupervisorProcess } from '../supervisor.ts';
import { describeTranslation } from '../translation-page.ts';

interface RunFlags extends ContainerFlags {
  readonly detach?: boolean;
  readonly detachKeys: string;
  readonly sigProxy: 'true' | 'false';
  readonly verbose?: boolean;
  readonly stats?: boolean;
}

/** The command, for main.ts. */
export function runCommand(): Command {
  return addContainerFlags(
    new Command('run')
      .summary('run a command of an OCI image')
      .description(
        'Runs a command of an OCI image: a name in the store, which is pulled if it is not there, a layout folder, or an archive\n' +
          'of one or of docker save, perhaps with :NAME; busybox is built in.\n' +
          "The status is the command's; 125 for a failure of ours, 126 and 127 for a command that can't be executed or found,\n" +
          '128+n for one that signal n ended. Without -t, a second Ctrl-C within two seconds kills the container.',
      )
      .usage('[options] IMAGE [COMMAND] [ARG...]')
      .argument('<image>')
      .argument('[command...]')
      .passThroughOptions()
      .option('-d, --detach', "run it in the background, and print the container's ID")
      .option('--detach-keys <keys>', 'keys that leave the container', DEFAULT_DETACH_KEYS)
      .addOption(new Option('--sig-proxy <true|false>', 'pass signals on').choices(['true', 'false']).default('true'))
      .option('--verbose', 'show on stderr what the guest kernel prints')
      .option('--stats', 'tell on stderr in the end what the translator did'),
  )
    .addHelpText(
      'after',
      '\nExamples:\n  viv run --rm busybox echo hello\n  viv run --rm -it -v ./src:/src -w /src debian:bookworm bash\n' +
        "  echo hello | viv run --rm -i -m 1G --platform linux/386 debian:bookworm sh -c 'cat; uname -m'\n" +
        '  viv run -d --name web --restart on-failure:3 localhost:5000/web',
    )
    .action(async (image: string, command: string[], flags: RunFlags) => {
      process.exitCode = await run(image, command, flags);
    });
}

/** Who owns the machine: this process, or one that begins while we look for the image, or that of a pod. */
interface Owner {
  readonly hosted?: HostedSupervisor;
  readonly early?: SupervisorProcess;
}

/** Runs it to its end, or starts it; returns the process's status. */
async function run(image: string, command: readonly string[], flags: RunFlags): Promise<number> {
  const session = new AttachSession();
  const store = openContainers();
  let owner: Owner = {};
  try {
    parseDetachKeys(flags.detachKeys);
    const parts = readParts(image, flags);
    const id = newContainerId();
    owner = await startOwner(store, id, parts, flags);
    const isDetached = flags.detach ?? false;
    const prepareImage = imagePreparer(owner, session.signal);
    const supervisor = owner.hosted?.record;
    const container = await makeContainer({
      store,
      image,
      command,
      flags,
      parts,
      id,
      supervisor,
      isDetached,
      prepareImage,
    });
    await owner.hosted?.server.listen();
    return await startAndFollow(session, store, container, flags, owner);
  } catch (error) {
    if (session.status !== undefined) return session.status;
    session.close();
    const status = fail(error);
    if (error instanceof GuestFailure && error.dump !== undefined) process.stderr.write(`${error.dump}\n`);
    return error instanceof StartError ? error.exitCode : status;
  } finally {
    session.close();
    owner.early?.abandon();
    owner.hosted?.letGo();
    await owner.hosted?.ended();
  }
}

/**
 * A machine in this process is up sooner, but it ends with us. So it is for what nobody can leave or come back to, and for who
 * wants to look into it.
 */
async function startOwner(store: ContainerStore, id: string, parts: ContainerParts, flags: RunFlags): Promise<Owner> {
  const { detach = false, verbose = false, stats = false } = flags;
  if (parts.pod !== undefined) return {};
  const canBeLeft = !parts.autoRemove || (parts.openStdin && parts.tty);
  if (detach || (canBeLeft && !verbose && !stats)) return { early: new SupervisorProcess(id, parts.machine) };
  const hosted = await HostedSupervisor.make(store, id, parts.machine, {
    note: (text) => void process.stderr.write(`viv: ${text}\n`),
    keepsMachine: stats,
    onConsole: verbose ? (bytes) => void process.stderr.write(bytes) : undefined,
  });
  return { hosted };
}

function imagePreparer({ hosted }: Owner, signal: AbortSignal): (image: FoundImage['image']) => Promise<unknown> {
  if (hosted !== undefined) return (image) => hosted.prepareImage(image, signal);
  const prepare = nodeImages(join(cacheFolder(), 'layers'));
  return ({ place, platform }) => prepare({ image: place, platform, signal });
}

async function startAndFollow(
  session: AttachSession,
  store: ContainerStore,
  { id, config }: Container,
  flags: RunFlags,
  { hosted, early }: Owner,
): Promise<number> {
  session.signal.throwIfAborted();
  if (flags.detach === true) {
    try {
      const connection = await openSupervisor(store, config.pod, early);
      tellNotices((await ask(connection, 'start', { id })).notices);
      return 0;
    } finally {
      process.stdout.write(`${id}\n`); // also of one that does not start: it is there
    }
  }
  const connection = await openSupervisor(store, config.pod, early);
  const request = attachRequest(config, true);
  const leave = (): void => connection.close();
  session.signal.addEventListener('abort', leave, { once: true });
  tellNotices((await connection.request('start', { id, attach: request })).notices);
  session.signal.removeEventListener('abort', leave);
  const { detachKeys } = flags;
  const sigProxy = flags.sigProxy === 'true';
  const end = await followContainer(session, store, connection, config, request, { stdin: true, detachKeys, sigProxy });
  if (flags.stats === true && hosted !== undefined) await tellStatistics(hosted);
  if (end.kind === 'detached') return 0;
  if (end.error !== '' && hosted === undefined) process.stderr.write(`viv: ${end.error}\n`);
  return end.exitCode;
}

/** A machine that is gone tells nothing. */
async function tellStatistics({ server }: HostedSupervisor): Promise<void> {
  const statistics = await server.pod.statistics();
  if (statistics !== undefined)
    process.stderr.write(describeTranslation(statistics.translation, statistics.instructions));
}
