import { Argument, Command, Option } from 'commander';
import { expect, test } from 'vitest';
import { complete } from '../../../src/cli/completion/complete.ts';

const program = new Command('viv')
  .enablePositionalOptions()
  .addCommand(
    new Command('run')
      .summary('run a command')
      .argument('<image>')
      .argument('[command...]')
      .passThroughOptions()
      .option('-i, --interactive', 'keep stdin open')
      .option('-e, --env <name=value>', 'set a variable')
      .option('-v, --volume <host:guest[:ro]>', 'share a folder')
      .addOption(new Option('--pull <policy>', 'get the image').choices(['missing', 'always', 'never'])),
  )
  .addCommand(new Command('rmi').summary('remove images').argument('<image...>'))
  .addCommand(
    new Command('image')
      .summary('commands about images')
      .addCommand(new Command('ls').alias('list').option('-q, --quiet', 'IDs only'))
      .addCommand(new Command('rm').argument('<image...>')),
  )
  .addCommand(new Command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh'])))
  .addCommand(new Command('__complete').argument('[words...]'), { hidden: true });

const SOURCES = { image: () => Promise.resolve(['busybox', 'debian:bookworm']), 'host:guest[:ro]': 'files' } as const;

async function values(...words: string[]): Promise<string[]> {
  return (await complete(program, words, SOURCES)).candidates.map(({ value }) => value);
}

test('commands are offered with what they do, hidden ones not', async () => {
  const { candidates } = await complete(program, [''], SOURCES);

  expect(candidates.map(({ value }) => value)).toEqual(['run', 'rmi', 'image', 'completion', 'help']);
  expect(candidates[0]).toEqual({ value: 'run', description: 'run a command' });
});

test('only what begins with what is typed is offered', async () => {
  expect(await values('r')).toEqual(['run', 'rmi']);
  expect(await values('x')).toEqual([]);
});

test('a group offers its own commands, also after an alias', async () => {
  expect(await values('image', '')).toEqual(['ls', 'rm', 'help']);
  expect(await values('image', 'list', '--q')).toEqual(['--quiet']);
});

test('options are offered after a dash', async () => {
  expect(await values('run', '--')).toEqual(['--interactive', '--env', '--volume', '--pull', '--help']);
  expect(await values('run', '-')).toContain('-i');
});

test('choices of an option are offered in both of its forms', async () => {
  expect(await values('run', '--pull', 'm')).toEqual(['missing']);
  expect(await values('run', '--pull=a')).toEqual(['--pull=always']);
});

test('choices of an argument are offered', async () => {
  expect(await values('completion', '')).toEqual(['bash', 'zsh']);
});

test('the value of an option is not taken for an argument', async () => {
  expect(await values('run', '-e', 'A=b', 'b')).toEqual(['busybox']);
  expect(await values('run', '-eA=b', 'b')).toEqual(['busybox']);
  expect(await values('run', '-ie', 'A=b', 'b')).toEqual(['busybox']);
  expect(await values('run', '--env=A=b', 'b')).toEqual(['busybox']);
  expect(await values('run', '--env', 'A=b', 'b')).toEqual(['busybox']);
});

test('a value that nobody knows offers nothing', async () => {
  expect(await complete(program, ['run', '-e', ''], SOURCES)).toEqual({ candidates: [], files: false });
});

test('a value that is a path is left to the shell', async () => {
  expect(await complete(program, ['run', '-v', './s'], SOURCES)).toEqual({ candidates: [], files: true });
});

test('images are offered once, or again and again where several may be given', async () => {
  expect(await values('run', 'busybox', '')).toEqual([]);
  expect(await values('rmi', 'busybox', 'd')).toEqual(['debian:bookworm']);
});

test('after the last argument nothing is offered', async () => {
  expect(await values('completion', 'bash', '')).toEqual([]);
});

test("words of the container's command are not ours", async () => {
  expect(await values('run', 'busybox', 'ls', '-')).toEqual([]);
});

test('after two dashes everything is an argument', async () => {
  expect(await values('rmi', '--', '-')).toEqual([]);
  expect(await values('rmi', '--', 'b')).toEqual(['busybox']);
});
