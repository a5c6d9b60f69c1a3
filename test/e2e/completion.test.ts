/** Completion in the shells themselves, with the compiled `viv` and a store with one image. Needs the build, and Debian's zsh and fish. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LayoutBuilder, gzipLayer } from '../support/image-builder.ts';
import { file, tar } from '../support/tar-builder.ts';
import { VIV, VivProcess, viv } from '../support/viv.ts';

let folder: string;
let env: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-completion-'));
  mkdirSync(join(folder, 'path'));
  symlinkSync(VIV, join(folder, 'path/viv'));
  writeFileSync(join(folder, 'an-archive.tar'), '');
  env = {
    PATH: `${join(folder, 'path')}:${process.env['PATH']}`,
    HOME: folder,
    VIVARIUM_HOME: join(folder, 'images'),
    VIVARIUM_CACHE: join(folder, 'cache'),
    VIVARIUM_CONFIG: join(folder, 'config'),
    TERM: 'vt100',
  };
  const layout = new LayoutBuilder();
  const archive = layout.root(layout.manifest([gzipLayer(tar(file('a', 'x')))]), 'me/tool:v1').tar();
  const { status, stderr } = await viv(['load'], { env, input: archive });
  expect([status, stderr]).toEqual([0, '']);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** In the place of `viv` when a line is entered, this shows the words that the shell would have given it. */
const SHOW_WORDS = `viv() { if [ "$1" = __complete ]; then command viv "$@"; else printf '<%s>' "$@"; echo; fi; }`;

const SHELLS = {
  bash: { command: 'bash --norc --noprofile -i', setUp: 'source <(command viv completion bash)' },
  zsh: {
    command: 'zsh -f -i',
    setUp: 'autoload -Uz compinit && compinit -u -D && source <(command viv completion zsh)',
  },
};

/** Types a line, tabs and all, into a shell on a terminal; the words that it has become. */
async function type(shell: keyof typeof SHELLS, line: string): Promise<string> {
  const { command, setUp } = SHELLS[shell];
  const words = ['--quiet', '--flush', '--command', command, '/dev/null'];
  const terminal = new VivProcess('script', words, { env, cwd: folder });
  terminal.child.stdin.write(`${setUp}; ${SHOW_WORDS}; echo rea''dy\n`);
  await terminal.printed('ready');
  terminal.child.stdin.write(`${line}\n`);
  await terminal.printed('>');
  terminal.child.stdin.end('exit\n');
  const { stdout } = await terminal.ended;
  return /^<.*>/m.exec(stdout.toString())?.[0] ?? stdout.toString();
}

describe.each(['bash', 'zsh'] as const)('%s', (shell) => {
  test('completes a command, an option and a choice', async () => {
    expect(await type(shell, 'viv pus\t--qui\tx')).toBe('<push><--quiet><x>');
    expect(await type(shell, 'viv run --pull al\t')).toBe('<run><--pull><always>');
    expect(await type(shell, 'viv run --pull=al\t')).toBe('<run><--pull=always>');
  });

  test('completes the name of an image, also after its colon and after words in quotes', async () => {
    expect(await type(shell, 'viv run me/to\t')).toBe('<run><me/tool:v1>');
    expect(await type(shell, 'viv run -e "A=b c" me/tool:\t')).toBe('<run><-e><A=b c><me/tool:v1>');
  });

  test('completes files where an option takes one', async () => {
    expect(await type(shell, 'viv load -i an-ar\t')).toBe('<load><-i><an-archive.tar>');
  });
});

describe('fish', () => {
  const offered = (line: string): string =>
    execFileSync('fish', ['--no-config', '-c', `viv completion fish | source; complete -C '${line}'`], {
      env: { ...process.env, ...env },
      cwd: folder,
      encoding: 'utf8',
    });

  test('completes commands with what they do, choices, images and files', () => {
    expect(offered('viv pus')).toBe('push\tsend an image to a registry\n');
    expect(offered('viv run --pull al')).toMatch(/^always\t/);
    expect(offered('viv run me/tool:')).toMatch(/^me\/tool:v1\s*$/);
    expect(offered('viv load -i an-ar')).toMatch(/^an-archive.tar/);
  });
});

test('what scripts are told is values with descriptions, or that it is files', async () => {
  const told = async (...words: string[]): Promise<string> =>
    (await viv(['__complete', '--', ...words], { env })).stdout.toString();

  expect(await told('pul')).toBe('values\npull\tget an image from a registry\n');
  expect(await told('run', '--rm', 'me/')).toBe('values\nme/tool:v1\t\n');
  expect(await told('load', '-i', '')).toBe('files\n');
});
