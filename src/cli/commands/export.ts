/** `viv export`: a container's root filesystem as an archive (docker export). */
import { Command } from 'commander';
import { action } from '../action.ts';
import { type OpenContainerFiles, withContainerFiles } from '../container-files.ts';
import { openContainerFiles } from '../open-container-files.ts';
import { refuseTerminal, writeArchive } from '../write-archive.ts';

export function exportCommand(open: OpenContainerFiles = openContainerFiles): Command {
  return new Command('export')
    .summary("write a container's root filesystem to an archive")
    .description('Writes the root filesystem of a container, without volumes, to a tar archive.')
    .usage('[options] CONTAINER')
    .argument('<container>')
    .option('-o, --output <file>', 'write there, instead of to stdout')
    .addHelpText('after', '\nExample:\n  viv export web | viv import - web:flat')
    .action(
      action((name: string, { output }: { readonly output?: string }) => {
        refuseTerminal(output);
        const onNote = (text: string): void => void process.stderr.write(`viv: ${text}\n`);
        return withContainerFiles(open, name, ({ files }) => writeArchive(output, files.exportTar({ onNote })));
      }),
    );
}
