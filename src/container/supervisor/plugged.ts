/** A container's root filesystem and volumes in a guest: what a program of it is started on. */
import type { Guest } from '../guest.ts';
import { identityMounts, identityOf } from '../identity-files.ts';
import type { ContainerConfig } from '../lifecycle/config.ts';
import { planRootfs, type RootfsPlan } from '../rootfs-plan.ts';
import type { VolumeMount } from '../runtime-spec.ts';
import type { Pod } from './pod.ts';
import { shortId } from './pod.ts';
import type { PodImage } from './pod-host.ts';

const UUID_BYTES = 16;

export interface Plugged {
  readonly guest: Guest;
  readonly image: PodImage;
  readonly plan: RootfsPlan;
  /** Its volumes and the files that tell it its name. */
  readonly volumes: readonly VolumeMount[];
}

/** Puts it into the pod's guest. Throws what reading an image or starting a guest may; nothing is left in the guest then. */
export async function plug(pod: Pod, config: ContainerConfig, signal: AbortSignal): Promise<Plugged> {
  const { host } = pod;
  const booting = pod.guest();
  const image = await host.prepareImage(config, signal);
  signal.throwIfAborted();
  const files = identityOf({
    hostname: config.hostname,
    takesIdentity: image.takesIdentity,
    volumePlaces: config.volumes.map(({ guestPath }) => guestPath),
  });
  const own = {
    rootAttributes: image.rootAttributes,
    storageBytes: config.storageBytes,
    uuid: crypto.getRandomValues(new Uint8Array(UUID_BYTES)),
    files,
  };
  // What goes away when it ends needs no journal, and no place among the container's files.
  const disk = config.autoRemove ? { scratchFolder: host.scratchFolder } : { file: await host.diskFile(config, own) };
  const guest = await unlessAborted(booting, signal);
  const plan = planRootfs({
    ...own,
    id: shortId(config),
    layers: image.layers,
    disk,
    firstLayerNumber: pod.layerNumbers(image.layers.length),
  });
  const shares = await pod.share(guest, config.volumes);
  signal.throwIfAborted();
  await guest.plugRootfs(plan);
  const volumes = config.volumes.map(({ guestPath, readOnly }, index) => ({
    source: shares[index]!,
    destination: guestPath,
    readOnly,
  }));
  const identity = identityMounts(files, plan, config.isolation.readOnlyRootfs);
  return { guest, image, plan, volumes: [...identity, ...volumes] };
}

/** Whoever gives up does not wait for a guest to boot. */
async function unlessAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => (stop = () => reject(signal.reason as Error)));
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([task, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
