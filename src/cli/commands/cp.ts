/** `viv cp`: files between a container and the host (docker cp). */
import { Command } from 'commander';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { type OpenContainerFiles, withContainerFiles } from '../container-files.ts';
import { openContainerFiles } from '../open-container-files.ts';
import {
  type Copied,
  type CopyContainer,
  copyStream,
  copyToContainer,
  copyToHost,
  copyToStream,
} from '../copy/copy.ts';
import { parseCopyWord } from '../copy/place.ts';
import { humanSize } from '../format/human.ts';
import { writeArchive } from '../write-archive.ts';

const SIZE_DIGITS = 3;

interface CopyFlags {
  readonly archive?: boolean;
  readonly followLink?: boolean;
  readonly quiet?: boolean;
}

export function cpCommand(open: OpenContainerFiles = openContainerFiles): Command {
  return new Command('cp')
    .summary('copy files between a container and the host')
    .description(
      'Copies a file or a folder between a container, running or not, and the host. With - as the source, reads a tar archive from stdin; with - as the destination, writes one to stdout.',
    )
    .usage('[options] CONTAINER:SRC_PATH DEST_PATH|-\n       viv cp [options] SRC_PATH|- CONTAINER:DEST_PATH')
    .argument('<source>')
    .argument('<destination>')
    .option('-a, --archive', 'keep owners and set-id bits; into a container, give all to its user')
    .option('-L, --follow-link', 'copy what a link in SRC_PATH leads to')
    .option('-q, --quiet', 'say nothing of what was copied; the default unless stderr is a terminal')
    .addHelpText('after', '\nExample:\n  viv cp web:/var/log/nginx ./logs')
    .action(
      action(async (source: string, destination: string, flags: CopyFlags) => {
        const copied = await copy(open, source, destination, flags);
        if (copied !== undefined && !(flags.quiet ?? !process.stderr.isTTY))
          process.stderr.write(
            `Successfully copied ${humanSize(copied.byteCount, SIZE_DIGITS)} to ${copied.destination}\n`,
          );
      }),
    );
}

function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}

async function copy(
  open: OpenContainerFiles,
  sourceText: string,
  destinationText: string,
  flags: CopyFlags,
): Promise<Copied | undefined> {
  const source = parseCopyWord(sourceText);
  const destination = parseCopyWord(destinationText);
  const options = {
    archive: flags.archive ?? false,
    followLink: flags.followLink ?? false,
    onNote: (text: string) => void process.stderr.write(`viv: ${text}\n`),
  };
  const inContainer = <T>(name: string, work: (container: CopyContainer) => Promise<T>): Promise<T> =>
    withContainerFiles(open, name, ({ files, config }) => work({ name, files, user: config.user ?? '' }));
  if (source.kind === 'container' && destination.kind === 'container')
    throw usage('copying between containers is not supported; copy to the host first');
  if (source.kind === 'container') {
    if (source.path === '') throw usage('the source path must not be empty; write CONTAINER:PATH');
    if (destination.kind === 'host')
      return inContainer(source.container, (container) => copyToHost(container, source.path, destinationText, options));
    await inContainer(source.container, async (container) =>
      writeArchive(undefined, await copyToStream(container, source.path, options)),
    );
    return undefined;
  }
  if (destination.kind !== 'container')
    throw usage('must specify at least one container source: write CONTAINER:PATH for one of the two');
  if (destination.path === '') throw usage('the destination path must not be empty; write CONTAINER:PATH');
  return inContainer(destination.container, (container) =>
    source.kind === 'stream'
      ? copyStream(process.stdin, container, destination.path, options)
      : copyToContainer(sourceText, container, destination.path, options),
  );
}
