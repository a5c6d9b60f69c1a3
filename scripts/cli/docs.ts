/**
 * The text of docs/reference/commands.md, from the definitions of the commands: usage, description, arguments, options, and what
 * help adds, such as examples.
 */
import type { EventEmitter } from 'node:events';
import type { Command } from 'commander';

const INTRODUCTION = `# Commands

Every command of \`viv\`, as \`viv COMMAND --help\` has it. Written by \`npm run docs:cli\` from the definitions in
\`src/cli/commands\`; do not edit.
`;

/** The placeholder that commander adds. */
const HELP = 'help';

export function commandsDocs(program: Command): string {
  const commands = below(program);
  const contents = commands.map((command) => {
    const title = fullName(command);
    return `- [\`${title}\`](#${title.replaceAll(' ', '-')}): ${summaryOf(command)}`;
  });
  const global = optionsTable(program);
  const globals = global === '' ? '' : `## Options of \`${program.name()}\` itself\n\n${global}`;
  return [INTRODUCTION, `${contents.join('\n')}\n`, globals, ...commands.map(section)]
    .filter((part) => part !== '')
    .join('\n');
}

/** All commands that help shows, groups before what is in them. */
function below(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((sub) => sub.name() !== HELP)
    .flatMap((sub) => [sub, ...below(sub)]);
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function summaryOf(command: Command): string {
  return cell(command.createHelp().subcommandDescription(command));
}

function section(command: Command): string {
  const aliases = command.aliases().map((alias) => `\`${alias}\``);
  const parts = [
    `## ${fullName(command)}`,
    `\`\`\`\n${command.createHelp().commandUsage(command)}\n\`\`\``,
    sentence(command.description()),
    aliases.length > 0 ? `Also called ${aliases.join(', ')}.` : '',
    subcommandsOf(command),
    argumentsTable(command),
    optionsTable(command),
    addedHelp(command),
  ];
  return `${parts
    .filter((part) => part !== '')
    .map((part) => part.trimEnd())
    .join('\n\n')}\n`;
}

/** As it stands, but not as Markdown. */
function sentence(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('*', '\\*');
}

function subcommandsOf(command: Command): string {
  const names = below(command).map((sub) => `\`${fullName(sub)}\``);
  return names.length === 0 ? '' : `Commands: ${names.join(', ')}.`;
}

function argumentsTable(command: Command): string {
  const help = command.createHelp();
  return table(
    'argument',
    help
      .visibleArguments(command)
      .map((argument) => [help.argumentTerm(argument), help.argumentDescription(argument)] as const),
  );
}

function optionsTable(command: Command): string {
  const help = command.createHelp();
  return table(
    'option',
    help.visibleOptions(command).map((option) => [help.optionTerm(option), help.optionDescription(option)] as const),
  );
}

function table(what: string, rows: ReadonlyArray<readonly [term: string, description: string]>): string {
  if (rows.length === 0) return '';
  const lines = rows.map(([term, description]) => `| \`${term.replaceAll('|', '\\|')}\` | ${cell(description)} |`);
  return `| ${what} | |\n|---|---|\n${lines.join('\n')}\n`;
}

/** Commander shows the empty list that repeated options begin with. */
const NO_DEFAULT = ' (default: [])';

function cell(text: string): string {
  return sentence(text.replace(NO_DEFAULT, '')).replaceAll('|', '\\|').replaceAll('\n', ' ');
}

/** What addHelpText has put after the help: a title line, and indented lines of examples. */
export function addedHelp(command: Command): string {
  let text = '';
  const write = (more: string): void => {
    text += more;
  };
  // A command is an emitter, which its types keep quiet about; addHelpText listens.
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text
    .trim()
    .split('\n')
    .map((line) => (line.startsWith('  ') ? line.replace(/^ {2}/, '    ') : line))
    .join('\n')
    .replace(/:\n {4}/, ':\n\n    ');
}
