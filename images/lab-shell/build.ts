/**
 * The image of labs about the shell, processes and containers: the layer of `busybox`, and over it a student, a prompt that says
 * where one is, and what shells read when they start. linux/amd64, the same bytes for the same binary.
 */
import { BUSYBOX_GROUP, BUSYBOX_PASSWD, BUSYBOX_SEARCH_PATH, readBusybox } from '../busybox/build.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import type { TarFile } from '../../src/oci/tar-writer.ts';
import { buildLayout } from '../../src/oci/write-layout.ts';

const STUDENT_ID = 1000;
const STUDENT_HOME = 'home/student';
const EXECUTABLE_MODE = 0o755;
const TEXT_MODE = 0o644;

const PASSWD = `${BUSYBOX_PASSWD}student:x:${STUDENT_ID}:${STUDENT_ID}:Student:/${STUDENT_HOME}:/bin/sh
`;
const GROUP = `${BUSYBOX_GROUP}student:x:${STUDENT_ID}:
`;

/** Shells that talk to somebody read this (busybox ash: ENV). */
const SHELL_SETTINGS = `PS1='\\u@\\h:\\w\\$ '
alias ll='ls -l'
alias la='ls -la'
`;

/** Keeps an answer where checks find it: one file for each question. */
const ANSWER = `#!/bin/sh
# answer NAME VALUE: keeps your answer to a question of the lab.
if [ $# -lt 2 ]; then
  echo 'usage: answer NAME VALUE' >&2
  exit 2
fi
case $1 in
  *[!a-z0-9-]*) echo "answer: \\"$1\\" is no name of a question" >&2; exit 2 ;;
esac
name=$1
shift
mkdir -p "$HOME/answers" && printf '%s\\n' "$*" > "$HOME/answers/$name" && echo "noted: $name is $*"
`;

export const LAB_ENVIRONMENT: readonly string[] = [BUSYBOX_SEARCH_PATH, 'ENV=/etc/shell', 'PAGER=less'];

export interface LabImageOptions {
  /** As BusyboxOptions has it. */
  readonly busyboxPath: string;
  /** Folder for the OCI layout; replaced when it exists. */
  readonly outputFolder: string;
}

/** Builds the image's layout. Throws what readBusybox does. */
export async function buildLabShellImage({ busyboxPath, outputFolder }: LabImageOptions): Promise<void> {
  const layout = await buildLayout(
    {
      below: [await readBusybox(busyboxPath)],
      files: labShellFiles(),
      platform: { os: 'linux', architecture: 'amd64' },
      execution: { cmd: ['sh'], env: LAB_ENVIRONMENT },
      reference: 'latest',
    },
    nodeCodec,
  );
  await writeLayoutFolder(outputFolder, layout);
}

/** The content of the upper layer. */
export function labShellFiles(): TarFile[] {
  const folder = (path: string, mode = 0o755): TarFile => ({ path, type: 'directory', mode });
  const file = (path: string, text: string, mode = TEXT_MODE): TarFile => ({
    path,
    type: 'file',
    mode,
    content: new TextEncoder().encode(text),
  });
  return [
    folder('etc'),
    file('etc/passwd', PASSWD),
    file('etc/group', GROUP),
    file('etc/shell', SHELL_SETTINGS),
    folder('home'),
    { ...folder(STUDENT_HOME), uid: STUDENT_ID, gid: STUDENT_ID },
    folder('usr'),
    folder('usr/local'),
    folder('usr/local/bin'),
    file('usr/local/bin/answer', ANSWER, EXECUTABLE_MODE),
  ];
}
