/** `viv lab`: labs, which are folders of plain files (docs/how-to/write-a-lab.md). */
import { Command } from 'commander';
import { labBuildCommand } from '../lab/build-command.ts';
import { labImportCommand } from '../lab/import-command.ts';
import { labNewCommand } from '../lab/new-command.ts';
import { labServeCommand } from '../lab/serve-command.ts';
import { labTestCommand } from '../lab/test-command.ts';

export function labCommand(): Command {
  return new Command('lab')
    .summary('commands about labs')
    .description('Commands about labs: exercises with a machine of their own, written as a folder of plain files.')
    .addCommand(labNewCommand())
    .addCommand(labServeCommand())
    .addCommand(labTestCommand())
    .addCommand(labBuildCommand())
    .addCommand(labImportCommand());
}
