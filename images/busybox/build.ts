/**
 * The built-in `busybox` image: Debian's static busybox, a hard link for each of its applets, and the few files that a
 * shell expects. One layer, linux/amd64, the same bytes for the same binary.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import type { TarFile } from '../../src/oci/tar-writer.ts';
import { buildLayout } from '../../src/oci/write-layout.ts';
import { VivariumError } from '../../src/util/errors.ts';

const BUSYBOX_PATH = 'bin/busybox';
export const BUSYBOX_SEARCH_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const EXECUTABLE_MODE = 0o755;
const TEXT_MODE = 0o644;

const FOLDERS: ReadonlyArray<readonly [path: string, mode: number]> = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['home', 0o755],
  ['mnt', 0o755],
  ['proc', 0o555],
  ['root', 0o700],
  ['run', 0o755],
  ['sbin', 0o755],
  ['sys', 0o555],
  ['tmp', 0o1777],
  ['usr', 0o755],
  ['usr/bin', 0o755],
  ['usr/sbin', 0o755],
  ['var', 0o755],
  ['var/log', 0o755],
  ['var/spool', 0o755],
  ['var/tmp', 0o1777],
];

export const BUSYBOX_PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

export const BUSYBOX_GROUP = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
tty:x:5:
disk:x:6:
wheel:x:10:root
www-data:x:33:
users:x:100:
nogroup:x:65534:
`;

export interface BusyboxOptions {
  /** The static busybox of Debian's package busybox-static, an amd64 program. */
  readonly busyboxPath: string;
  /** Folder for the OCI layout; replaced when it exists. */
  readonly outputFolder: string;
}

/** Builds the image's layout. Throws NOT_FOUND when the binary can't be read, NOT_BUILT when it can't list its applets. */
export async function buildBusyboxImage({ busyboxPath, outputFolder }: BusyboxOptions): Promise<void> {
  const layout = await buildLayout(
    {
      files: await readBusybox(busyboxPath),
      platform: { os: 'linux', architecture: 'amd64' },
      execution: { cmd: ['sh'], env: [BUSYBOX_SEARCH_PATH] },
      reference: 'latest',
    },
    nodeCodec,
  );
  await writeLayoutFolder(outputFolder, layout);
}

/** The image's layer, which other images of ours stand on. Throws as {@link buildBusyboxImage}. */
export async function readBusybox(busyboxPath: string): Promise<TarFile[]> {
  const binary = await readFile(busyboxPath).catch((cause: unknown) => {
    throw new VivariumError(
      'NOT_FOUND',
      `there is no busybox at ${busyboxPath}; it comes with Debian's package busybox-static`,
      { cause },
    );
  });
  return busyboxFiles(binary, await listApplets(busyboxPath));
}

/** Paths like `usr/bin/awk`, as the binary itself names them. */
async function listApplets(busyboxPath: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(busyboxPath, ['--list-full']).catch((cause: unknown) => {
    throw new VivariumError(
      'NOT_BUILT',
      `${busyboxPath} does not list its applets; it must run here to make the busybox image`,
      { cause },
    );
  });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

/** The content of the layer. */
export function busyboxFiles(binary: Uint8Array, applets: readonly string[]): TarFile[] {
  const known = new Set(FOLDERS.map(([path]) => path));
  const links = applets.filter((path) => path !== BUSYBOX_PATH && known.has(path.slice(0, path.lastIndexOf('/'))));
  return [
    ...FOLDERS.map(([path, mode]): TarFile => ({ path, type: 'directory', mode })),
    { path: BUSYBOX_PATH, type: 'file', mode: EXECUTABLE_MODE, content: binary },
    ...links.map((path): TarFile => ({ path, type: 'hardlink', mode: EXECUTABLE_MODE, linkPath: BUSYBOX_PATH })),
    { path: 'etc/passwd', type: 'file', mode: TEXT_MODE, content: new TextEncoder().encode(BUSYBOX_PASSWD) },
    { path: 'etc/group', type: 'file', mode: TEXT_MODE, content: new TextEncoder().encode(BUSYBOX_GROUP) },
  ];
}
