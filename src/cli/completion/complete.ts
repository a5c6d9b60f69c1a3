/**
 * What may come next on a command line, from the definitions of the commands alone: subcommands, options, the values that an option
 * or an argument can have. What only the host knows, such as names of images, comes from sources by the placeholder's name.
 */
import type { Argument, Command, Option } from 'commander';

export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** The shell is to offer names of files too. */
  readonly files: boolean;
}

/** Values for a placeholder, such as `image` for `<image>`; `files` leaves it to the shell. */
export type ValueSource = 'files' | (() => Promise<readonly string[]>);
export type ValueSources = Readonly<Record<string, ValueSource>>;

const NOTHING: Completion = { candidates: [], files: false };
const VALUE_PLACEHOLDER = /[<[](.+)[>\]]$/;

/**
 * @param words what follows the program's name; the last one is the one that is typed, perhaps empty. The whole value is
 *   given for it, also where it begins with `--name=`.
 */
export async function complete(
  program: Command,
  words: readonly string[],
  sources: ValueSources = {},
): Promise<Completion> {
  const typed = words.at(-1) ?? '';
  const place = new Place(program);
  for (const word of words.slice(0, -1)) place.pass(word);
  const found = await candidatesAt(place, typed, sources);
  return { ...found, candidates: found.candidates.filter(({ value }) => value.startsWith(typed)) };
}

async function candidatesAt(place: Place, typed: string, sources: ValueSources): Promise<Completion> {
  const { command, awaited, positionals } = place;
  if (awaited !== undefined) return optionValues(awaited, sources, '');
  if (place.takesOptions && typed.startsWith('-')) {
    const equals = typed.startsWith('--') ? typed.indexOf('=') : -1;
    if (equals < 0) return { candidates: optionNames(command), files: false };
    const option = findOption(command, typed.slice(0, equals));
    return option === undefined ? NOTHING : optionValues(option, sources, typed.slice(0, equals + 1));
  }
  if (command.commands.length > 0 && positionals === 0) return { candidates: commandNames(command), files: false };
  const argument = argumentAt(command, positionals);
  return argument === undefined ? NOTHING : argumentValues(argument, sources);
}

/** How far the words have led. */
class Place {
  command: Command;
  /** The option whose value comes next. */
  awaited: Option | undefined;
  positionals = 0;
  #isAfterDashes = false;

  constructor(program: Command) {
    this.command = program;
  }

  get takesOptions(): boolean {
    return !this.#isAfterDashes && !(this.positionals > 0 && passesThrough(this.command));
  }

  pass(word: string): void {
    if (this.awaited !== undefined) this.awaited = undefined;
    else if (this.takesOptions && word === '--') this.#isAfterDashes = true;
    else if (this.takesOptions && word.startsWith('--')) this.#await(word, word.includes('='));
    else if (this.takesOptions && word.startsWith('-') && word.length > 1) this.#passLetters(word.slice(1));
    else this.#passWord(word);
  }

  /** `-it`, `-eNAME=value`: the first letter that takes a value takes the rest. */
  #passLetters(letters: string): void {
    for (const [index, letter] of [...letters].entries()) {
      const option = findOption(this.command, `-${letter}`);
      if (option?.required !== true) continue;
      if (index === letters.length - 1) this.awaited = option;
      return;
    }
  }

  #await(name: string, hasValue: boolean): void {
    const option = hasValue ? undefined : findOption(this.command, name);
    if (option?.required === true) this.awaited = option;
  }

  #passWord(word: string): void {
    const subcommand =
      this.positionals === 0
        ? this.command.commands.find((command) => command.name() === word || command.aliases().includes(word))
        : undefined;
    if (subcommand === undefined) this.positionals++;
    else this.command = subcommand;
  }
}

/** Commander keeps what passThroughOptions() says to itself; it is for commands that run others, whose last argument is variadic. */
function passesThrough(command: Command): boolean {
  return (command as unknown as { _passThroughOptions?: boolean })._passThroughOptions === true;
}

function findOption(command: Command, name: string): Option | undefined {
  return command.options.find((option) => option.short === name || option.long === name);
}

function optionNames(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ short, long, description }) =>
      [long, short]
        .filter((name) => name !== undefined)
        .map((value) => ({ value, description: firstLine(description) })),
    );
}

function commandNames(command: Command): Candidate[] {
  const help = command.createHelp();
  return help
    .visibleCommands(command)
    .map((sub) => ({ value: sub.name(), description: firstLine(help.subcommandDescription(sub)) }));
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

/** The last argument takes all further words if it may be given several times. */
function argumentAt(command: Command, index: number): Argument | undefined {
  const all = command.registeredArguments;
  const last = all.at(-1);
  return all[index] ?? (last?.variadic === true ? last : undefined);
}

function argumentValues(argument: Argument, sources: ValueSources): Promise<Completion> {
  return valuesFrom(argument.argChoices, sources[argument.name()], argument.description, '');
}

function optionValues(option: Option, sources: ValueSources, prefix: string): Promise<Completion> {
  const placeholder = VALUE_PLACEHOLDER.exec(option.flags)?.[1] ?? '';
  return valuesFrom(option.argChoices, sources[placeholder], option.description, prefix);
}

async function valuesFrom(
  choices: readonly string[] | undefined,
  source: ValueSource | undefined,
  description: string,
  prefix: string,
): Promise<Completion> {
  if (source === 'files') return { candidates: [], files: true };
  const values = choices ?? (await source?.()) ?? [];
  return {
    candidates: values.map((value) => ({ value: prefix + value, description: firstLine(description) })),
    files: false,
  };
}
