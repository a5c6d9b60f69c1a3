/**
 * The image of the labs that look into the machine: the layers of `lab-shell`, and over them the programs of build.mjs. linux/amd64,
 * the same bytes for the same programs.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readBusybox } from '../busybox/build.ts';
import { LAB_ENVIRONMENT, labShellFiles, type LabImageOptions } from '../lab-shell/build.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import type { TarFile } from '../../src/oci/tar-writer.ts';
import { buildLayout } from '../../src/oci/write-layout.ts';

const PROGRAMS = ['calls', 'hello', 'hello-nobody', 'page'];
/** What students read. */
const SOURCE = 'hello.S';
const PROGRAM_FOLDER = 'usr/local/bin';

export interface LabMachineOptions extends LabImageOptions {
  /** Where build.mjs has put the programs. */
  readonly programFolder: string;
}

/** Builds the image's layout. Throws what readBusybox does. */
export async function buildLabMachineImage({
  busyboxPath,
  programFolder,
  outputFolder,
}: LabMachineOptions): Promise<void> {
  const read = (name: string): Promise<Uint8Array> => readFile(join(programFolder, name));
  const programs = PROGRAMS.map(async (name): Promise<TarFile> => {
    const content = await read(name);
    return { path: `${PROGRAM_FOLDER}/${name}`, type: 'file', mode: 0o755, content };
  });
  const layout = await buildLayout(
    {
      below: [await readBusybox(busyboxPath), labShellFiles()],
      files: [
        ...(await Promise.all(programs)),
        { path: `root/${SOURCE}`, type: 'file', mode: 0o644, content: await read(SOURCE) },
      ],
      platform: { os: 'linux', architecture: 'amd64' },
      execution: { cmd: ['sh'], env: LAB_ENVIRONMENT, workingDir: '/root' },
      reference: 'latest',
    },
    nodeCodec,
  );
  await writeLayoutFolder(outputFolder, layout);
}
