/** `viv lab new`. */
import { basename, resolve } from 'node:path';
import { Command } from 'commander';
import { action } from '../action.ts';
import { starterLab } from './starter.ts';
import { writeFolder } from './write-folder.ts';

export function labNewCommand(): Command {
  return new Command('new')
    .summary('make a small lab to begin with')
    .description('Makes a folder with a small lab that works: change it to yours.')
    .argument('<dir>', 'a folder that is not there yet, or empty')
    .option('--title <title>', "the lab's title")
    .addHelpText('after', "\nExample:\n  viv lab new --title 'First steps' first-steps\n  viv lab test first-steps")
    .action(
      action(async (folder: string, { title }: { readonly title?: string }) => {
        const name = basename(resolve(folder));
        const id = idOf(name);
        await writeFolder(folder, starterLab(id, title ?? titleOf(name)));
        process.stdout.write(`A lab is in ${folder}. Test it with: viv lab test ${folder}\n`);
      }),
    );
}

/** Small letters, digits and dashes of a name. */
export function idOf(name: string): string {
  const CHARS_MAX = 63;
  const id = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, CHARS_MAX);
  return id === '' ? 'lab' : id;
}

function titleOf(name: string): string {
  const words = name.replaceAll(/[-_]+/g, ' ').trim();
  return words === '' ? 'Lab' : words.slice(0, 1).toUpperCase() + words.slice(1);
}
