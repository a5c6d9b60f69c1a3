/** From the words of `create` and `run` to a container's record, with its image ready to be attached. */
import { rmSync, writeFileSync } from 'node:fs';
import type { Container, ContainerStore } from '../container/lifecycle/node-container-store.ts';
import type { SupervisorRecord } from '../container/lifecycle/node-pod-store.ts';
import { checkRunOptions } from '../sandbox/run-options.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { type ContainerFlags, type ContainerParts, readContainerFlags } from './container-flags.ts';
import { mergeHealthChecks } from './container-flags/health.ts';
import { type ConfigParts, createContainer, findContainerImage, type FoundImage } from './create-container.ts';

export interface MakeRequest {
  readonly store: ContainerStore;
  readonly image: string;
  readonly command: readonly string[];
  readonly flags: ContainerFlags;
  /** What the flags say: {@link readParts}. */
  readonly parts: ContainerParts;
  readonly id: string;
  /** Who looks after its own pod from the start. */
  readonly supervisor?: SupervisorRecord | undefined;
  /** Nobody follows it from the start, so its stdin stays open. */
  readonly isDetached: boolean;
  /** Reads the image's layers, so that a broken one makes no container. */
  readonly prepareImage: (found: FoundImage['image']) => Promise<unknown>;
}

/** What flags say, checked as far as it can be without the image. Throws USAGE, LIMIT, BAD_MEMORY_SIZE, NOT_FOUND. */
export function readParts(image: string, flags: ContainerFlags): ContainerParts {
  const parts = readContainerFlags(flags);
  const { volumes, hostname, isolation, storageBytes, machine } = parts;
  checkRunOptions({ image, volumes, hostname, isolation, storageBytes, memoryBytes: machine.memoryBytes });
  return parts;
}

/** Throws what finding and reading an image does, and CONFLICT for a name or a file that is there. */
export async function makeContainer(request: MakeRequest): Promise<Container> {
  const { cidFile } = request.parts;
  if (cidFile === undefined) return make(request);
  reserve(cidFile);
  try {
    const container = await make(request);
    writeFileSync(cidFile, container.id);
    return container;
  } catch (error) {
    rmSync(cidFile, { force: true }); // as long as it says nothing it is of no use
    throw error;
  }
}

async function make(request: MakeRequest): Promise<Container> {
  const { store, parts, id, supervisor } = request;
  const found = await findContainerImage(request.image, request.flags);
  await request.prepareImage(found.image);
  const { entrypoint, env, workingDir, user, tty, openStdin, labels, stopSignal, stopTimeoutMs } = parts;
  const { volumes, isolation, restart, autoRemove, log, storageBytes } = parts;
  const own: ConfigParts = {
    hostname: parts.hostname,
    entrypoint,
    cmd: request.command,
    env,
    workingDir,
    user,
    tty,
    openStdin,
    stdinOnce: !request.isDetached,
    labels,
    stopSignal,
    stopTimeoutMs,
    healthCheck: mergeHealthChecks(parts.healthFlags, found.execution.healthCheck),
    volumes,
    isolation,
    restart,
    autoRemove,
    log,
    storageBytes,
  };
  return createContainer(store, {
    found,
    parts: own,
    name: parts.name,
    pod: parts.pod,
    machine: parts.machine,
    id,
    supervisor,
  });
}

/** A file that must not be there. Throws CONFLICT, or NOT_FOUND when it can't be made. */
function reserve(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new VivariumError(
        ErrorCodes.CONFLICT,
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    throw new VivariumError(ErrorCodes.NOT_FOUND, `can't write the container's ID to ${path}`, { cause });
  }
}
