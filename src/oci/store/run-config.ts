/**
 * How an image is run, as its config has it in JSON (image-spec v1.1, config.md, field `config`; with Docker's additions), and
 * changes of it by instructions of a Dockerfile, as `commit --change` and `import --change` take them (Dockerfile reference).
 */
import { VivariumError } from '../../util/errors.ts';
import { quote } from '../fail.ts';
import type { JsonValue } from '../json.ts';
import { splitWords, substitute } from './dockerfile-words.ts';

/** Fields that are not here stay as they are. */
export interface RunConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  OnBuild?: string[];
  Healthcheck?: { Test: string[]; Interval?: number; Timeout?: number; StartPeriod?: number; Retries?: number };
  [other: string]: unknown;
}

function bad(line: string, why: string): VivariumError {
  return new VivariumError('USAGE', `the change ${quote(line)} ${why}`);
}

/** What instructions before it have said. */
interface Progress {
  hasCmd: boolean;
}

type Instruction = (config: RunConfig, rest: string, line: string, progress: Progress) => void;

const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  CMD(config, rest, _line, progress) {
    config.Cmd = commandOf(rest);
    progress.hasCmd = true;
  },
  ENTRYPOINT(config, rest, _line, { hasCmd }) {
    config.Entrypoint = commandOf(rest);
    if (!hasCmd) delete config.Cmd; // it was the old entry point's
  },
  ENV(config, rest, line) {
    for (const [name, value] of pairsOf(config, rest, line))
      config.Env = [...(config.Env ?? []).filter((entry) => !entry.startsWith(`${name}=`)), `${name}=${value}`];
  },
  LABEL(config, rest, line) {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf(config, rest, line)) };
  },
  EXPOSE(config, rest, line) {
    const ports = wordsOf(config, rest, line).flatMap((word) => portsOf(word, line));
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  VOLUME(config, rest, line) {
    const places = jsonList(rest) ?? wordsOf(config, rest, line);
    if (places.some((place) => place === '')) throw bad(line, 'names an empty volume');
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(places.map((place) => [place, {}])) };
  },
  USER: (config, rest, line) => void (config.User = oneWord(config, rest, line)),
  STOPSIGNAL: (config, rest, line) => void (config.StopSignal = oneWord(config, rest, line)),
  WORKDIR(config, rest, line) {
    const place = oneWord(config, rest, line);
    config.WorkingDir = plainPath(place.startsWith('/') ? place : `${config.WorkingDir ?? '/'}/${place}`);
  },
  ONBUILD: (config, rest) => void (config.OnBuild = [...(config.OnBuild ?? []), rest]),
  HEALTHCHECK: (config, rest, line) => void (config.Healthcheck = healthCheckOf(rest, line)),
};

/** The configuration with the instructions applied, one a line. Throws USAGE for one that is none or is malformed. */
export function changeRunConfig(config: RunConfig, lines: readonly string[]): RunConfig {
  const changed = { ...config };
  const progress = { hasCmd: false };
  for (const line of lines) {
    const [, word, rest] = /^\s*(\S+)\s*([^]*?)\s*$/.exec(line) ?? [];
    if (word === undefined) throw bad(line, 'is empty; write an instruction such as CMD');
    const instruction = Object.hasOwn(INSTRUCTIONS, word.toUpperCase()) ? INSTRUCTIONS[word.toUpperCase()] : undefined;
    if (instruction === undefined)
      throw bad(line, `is none that an image takes: ${Object.keys(INSTRUCTIONS).join(', ')} are`);
    if (rest === '' && word.toUpperCase() !== 'CMD' && word.toUpperCase() !== 'ENTRYPOINT')
      throw bad(line, 'says nothing after its instruction');
    instruction(changed, rest!, line, progress);
  }
  return changed;
}

/** A JSON list of strings, if the text is one. */
function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value = JSON.parse(text) as JsonValue;
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
  } catch {
    return undefined; // a command for a shell, then
  }
}

function commandOf(text: string): string[] {
  if (text === '') return [];
  return jsonList(text) ?? ['/bin/sh', '-c', text];
}

function lookup({ Env = [] }: RunConfig): (name: string) => string | undefined {
  return (name) => Env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
}

function wordsOf(config: RunConfig, text: string, line: string): string[] {
  return splitWords(text, (why) => bad(line, why)).map((word) =>
    substitute(word, lookup(config), (why) => bad(line, why)),
  );
}

function oneWord(config: RunConfig, text: string, line: string): string {
  const value = substitute(text, lookup(config), (why) => bad(line, why));
  if (value === '') throw bad(line, 'gives an empty value');
  return value;
}

/** `NAME=VALUE …`, or the old form `NAME VALUE` with the rest of the line. All see the variables as they were before. */
function pairsOf(config: RunConfig, text: string, line: string): [string, string][] {
  const fail = (why: string): VivariumError => bad(line, why);
  const words = splitWords(text, fail);
  if (!words[0]!.includes('=')) {
    const [, name, value] = /^(\S+)\s+([^]+)$/.exec(text) ?? [];
    if (name === undefined || value === undefined) throw bad(line, 'gives no value; write NAME=VALUE');
    return [[substitute(name, lookup(config), fail), substitute(value, lookup(config), fail)]];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1) throw bad(line, `has ${quote(word)}, which is not NAME=VALUE`);
    const values = [word.slice(0, equals), word.slice(equals + 1)].map((part) =>
      substitute(part, lookup(config), fail),
    );
    return [values[0]!, values[1]!];
  });
}

const PORT_MAX = 65535;

/** `80`, `80/udp` or `8000-8010/tcp`, as single ports with their protocol. */
function portsOf(word: string, line: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first < 1 || last > PORT_MAX || last < first)
    throw bad(line, `has ${quote(word)}, which is no port`);
  const protocol = (match[3] ?? 'tcp').toLowerCase();
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`);
}

/** An absolute path without `.`, `..` and doubled slashes. */
function plainPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's durations, such as `1m30s`, in nanoseconds. */
function durationNs(text: string, line: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw bad(line, `has ${quote(text)}, which is no duration; write one like 30s`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * DURATION_UNITS[unit!]!, 0);
}

function healthCheckOf(rest: string, line: string): NonNullable<RunConfig['Healthcheck']> {
  const check: NonNullable<RunConfig['Healthcheck']> = { Test: [] };
  let text = rest;
  for (let flag; (flag = /^--([a-z-]+)=(\S+)\s*/.exec(text)) !== null; text = text.slice(flag[0].length)) {
    const [, name, value] = flag;
    if (name === 'interval') check.Interval = durationNs(value!, line);
    else if (name === 'timeout') check.Timeout = durationNs(value!, line);
    else if (name === 'start-period') check.StartPeriod = durationNs(value!, line);
    else if (name === 'retries' && /^\d+$/.test(value!)) check.Retries = Number(value);
    else throw bad(line, `has the option --${name}=${value}, which health checks don't have`);
  }
  if (/^none$/i.test(text)) return { Test: ['NONE'] };
  const command = /^cmd\s+([^]+)$/i.exec(text)?.[1];
  if (command === undefined) throw bad(line, 'has neither NONE nor CMD and a command');
  const list = jsonList(command);
  return { ...check, Test: list === undefined ? ['CMD-SHELL', command] : ['CMD', ...list] };
}
