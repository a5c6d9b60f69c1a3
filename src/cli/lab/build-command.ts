/** `viv lab build`. */
import { Command } from 'commander';
import { action, interruptible } from '../action.ts';
import { buildLabSite, labAddress } from './build-site.ts';

export function labBuildCommand(): Command {
  return new Command('build')
    .summary('make a site of labs for any web server')
    .description(
      'Makes a folder of plain files that any web server can serve: pages, the machine, the labs and the images of their machines.\n' +
        'It replaces a site that is there. Browsers want https, or a server on their own computer.',
    )
    .argument('<dir...>', 'folders of labs')
    .requiredOption('-o, --out <dir>', 'the folder for the site')
    .addHelpText('after', '\nExample:\n  viv lab build -o site first-steps processes')
    .action(
      action((folders: readonly string[], { out }: { readonly out: string }) =>
        interruptible(async (signal) => {
          const labs = await buildLabSite(folders, out, signal);
          for (const lab of labs) process.stdout.write(`${lab.lab.title}: ${labAddress(lab)}\n`);
          process.stdout.write(`The site is in ${out}.\n`);
        }),
      ),
    );
}
