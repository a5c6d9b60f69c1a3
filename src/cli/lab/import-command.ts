/** `viv lab import`. */
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { MemoryLabFiles } from '../../lab/format/files.ts';
import { describeMistake } from '../../lab/format/mistake.ts';
import { parseLab } from '../../lab/format/parse.ts';
import { importKillercoda } from '../../lab/import/killercoda.ts';
import { NodeLabFolder } from '../../lab/node-lab-folder.ts';
import { action } from '../action.ts';
import { idOf } from './new-command.ts';
import { writeFolder } from './write-folder.ts';

interface ImportFlags {
  readonly image: string;
  readonly id?: string;
}

export function labImportCommand(): Command {
  return new Command('import')
    .summary('make a lab of a scenario of Killercoda')
    .description(
      'Makes a lab of the folder of a scenario of Killercoda or Katacoda, which has an index.json, and tells on stderr what could not be\n' +
        'carried over.',
    )
    .argument('<from>', "the scenario's folder")
    .argument('<dir>', 'a folder that is not there yet, or empty')
    .option('--image <image>', 'the image of its machine', 'busybox')
    .option('--id <id>', "the lab's id; default: made of the folder's name")
    .addHelpText('after', '\nExample:\n  viv lab import --image debian:bookworm scenarios/linux-files linux-files')
    .action(
      action(async (from: string, folder: string, { image, id = idOf(basename(resolve(from))) }: ImportFlags) => {
        const { files, warnings } = await importKillercoda(new NodeLabFolder(from), { id, image });
        await writeFolder(folder, files);
        for (const warning of warnings) process.stderr.write(`viv: ${warning}\n`);
        process.stdout.write(`The lab is in ${folder}. Look through it, then test it with: viv lab test ${folder}\n`);
        const bytes = [...files].map(
          ([path, content]) =>
            [path, typeof content === 'string' ? new TextEncoder().encode(content) : content] as const,
        );
        const { mistakes } = await parseLab(new MemoryLabFiles(new Map(bytes)));
        for (const mistake of mistakes) process.stderr.write(`${describeMistake(mistake)}\n`);
        return mistakes.length > 0 ? 1 : 0;
      }),
    );
}
