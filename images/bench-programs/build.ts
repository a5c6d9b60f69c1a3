/**
 * The image of the benchmark page: the layer of `busybox`, and over it the guest program of bench/guest. linux/amd64, the same bytes
 * for the same programs.
 */
import { readFile } from 'node:fs/promises';
import { BUSYBOX_SEARCH_PATH, readBusybox } from '../busybox/build.ts';
import type { LabImageOptions } from '../lab-shell/build.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import { buildLayout } from '../../src/oci/write-layout.ts';

export interface BenchImageOptions extends LabImageOptions {
  /** The program that bench/guest/build.mjs has built for amd64. */
  readonly benchPath: string;
}

/** Builds the image's layout. Throws what readBusybox does. */
export async function buildBenchImage({ busyboxPath, benchPath, outputFolder }: BenchImageOptions): Promise<void> {
  const layout = await buildLayout(
    {
      below: [await readBusybox(busyboxPath)],
      files: [{ path: 'bin/bench', type: 'file', mode: 0o755, content: await readFile(benchPath) }],
      platform: { os: 'linux', architecture: 'amd64' },
      execution: { cmd: ['sh'], env: [BUSYBOX_SEARCH_PATH] },
      reference: 'latest',
    },
    nodeCodec,
  );
  await writeLayoutFolder(outputFolder, layout);
}
