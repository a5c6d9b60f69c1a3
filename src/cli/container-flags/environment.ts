/**
 * Variables and labels, on the command line and in files (docs.docker.com/reference/cli/docker/container/run, "Set environment
 * variables", "Set metadata on container"). A file has one to a line; blank lines and those that begin with # do not count.
 */
import { readFileSync } from 'node:fs';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { usage } from './values.ts';

const FILE_BYTES_MAX = 1 << 20;
const BYTE_ORDER_MARK = '\ufeff';

export type HostVariables = Readonly<Record<string, string | undefined>>;

/** NAME=value each, files first. A bare name takes the host's value; one that the host does not have stays bare on the command line. */
export function readVariables(files: readonly string[], given: readonly string[], host: HostVariables): string[] {
  const fromFiles = files
    .flatMap((file) => readLines(file, '--env-file'))
    .map((line) => withHostValue(line, host))
    .filter((setting) => setting.includes('='));
  const own = given.map((setting) => withHostValue(setting, host));
  for (const setting of [...fromFiles, ...own])
    if (setting === '' || setting.startsWith('='))
      throw usage(`environment variable ${JSON.stringify(setting)} has no name; write NAME=value`);
  return [...fromFiles, ...own];
}

function withHostValue(setting: string, host: HostVariables): string {
  const value = setting.includes('=') ? undefined : host[setting];
  return value === undefined ? setting : `${setting}=${value}`;
}

/** By name, files first. A bare name has an empty value. */
export function readLabels(files: readonly string[], given: readonly string[]): Record<string, string> {
  const labels = new Map<string, string>();
  for (const text of [...files.flatMap((file) => readLines(file, '--label-file')), ...given]) {
    const [name = '', value = ''] = text.split(/=(.*)/s);
    if (name === '') throw usage(`the label ${JSON.stringify(text)} has no name; write NAME=value`);
    labels.set(name, value);
  }
  return Object.fromEntries(labels);
}

function readLines(path: string, flag: string): string[] {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new VivariumError(ErrorCodes.NOT_FOUND, `${flag} ${path} can't be read: ${(error as Error).message}`);
  }
  if (bytes.length > FILE_BYTES_MAX) throw usage(`${flag} ${path} has more than 1 MiB; that is no such file`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usage(`${flag} ${path} is not UTF-8 text`);
  }
  if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => checkedLine(line, path, flag));
}

function checkedLine(line: string, path: string, flag: string): string {
  const [name = ''] = line.split('=', 1);
  if (name === '' || /\s/.test(name))
    throw usage(
      `${flag} ${path} has a line ${JSON.stringify(line)} whose name is empty or has blanks; write NAME=value`,
    );
  return line;
}
