import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { addedHelp, commandsDocs } from '../../scripts/cli/docs.ts';
import { program } from '../../src/cli/main.ts';

/** Commands that do something, rather than hold others. */
function leaves(command: Command): Command[] {
  const subcommands = command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== 'help');
  return subcommands.flatMap((sub) => (sub.commands.length > 0 ? leaves(sub) : [sub]));
}

test('docs/reference/commands.md is what the definitions of the commands give (npm run docs:cli)', () => {
  const written = readFileSync(new URL('../../docs/reference/commands.md', import.meta.url), 'utf8');
  expect(written).toBe(commandsDocs(program));
});

test.each(leaves(program).map((command) => [`${command.parent!.name()} ${command.name()}`, command] as const))(
  'help of %s has an example',
  (_name, command) => {
    expect(addedHelp(command)).toMatch(/^Examples?:\n\n {4}.*\bviv /m);
  },
);

test('a command has its usage, options and examples, with nothing that Markdown would take for its own', () => {
  const made = new Command('p').addCommand(
    new Command('do')
      .summary('do it')
      .description('Does <it>.')
      .argument('<what>', 'a|b')
      .option('-n, --number <n>', 'how often', '1')
      .addHelpText('after', '\nExample:\n  p do it'),
  );

  expect(commandsDocs(made)).toContain(`## p do

\`\`\`
p do [options] <what>
\`\`\`

Does &lt;it>.

| argument | |
|---|---|
| \`what\` | a\\|b |

| option | |
|---|---|
| \`-n, --number <n>\` | how often (default: "1") |
| \`-h, --help\` | display help for command |

Example:

    p do it
`);
});

test('a hidden command is not told of', () => {
  const made = new Command('p').addCommand(new Command('secret'), { hidden: true });

  expect(commandsDocs(made)).not.toContain('secret');
});
