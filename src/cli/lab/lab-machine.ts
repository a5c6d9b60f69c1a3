/** A lab's machine in this process. */
import { join } from 'node:path';
import type { LabMachine } from '../../lab/format/lab.ts';
import { Computer } from '../../sandbox/computer.ts';
import { findRunImage } from '../find-run-image.ts';
import { computerParts } from '../sandbox-parts.ts';

/** @param folder the lab's. Throws what finding an image and Computer.start do. */
export async function startLabMachine(folder: string, machine: LabMachine, signal: AbortSignal): Promise<Computer> {
  const { memoryBytes, storageBytes, hostname, env, privileged } = machine;
  return Computer.start(computerParts({ notice: (text) => void process.stderr.write(`viv: ${text}\n`) }), {
    image: await findLabImage(folder, machine.image),
    memoryBytes,
    storageBytes,
    hostname,
    env,
    isolation: { privileged },
    signal,
  });
}

/** A place as openNodeImage takes it, of an image of the lab's folder or any that `viv run` knows. Throws as findRunImage. */
export function findLabImage(folder: string, image: string): Promise<string> {
  return image.startsWith('./') ? Promise.resolve(join(folder, image)) : findRunImage(image, { pull: 'missing' });
}
