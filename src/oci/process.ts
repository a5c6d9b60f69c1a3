/**
 * From an image's config and the user's wishes to the process to start (image-spec v1.1, conversion.md; runtime-spec
 * v1.2, config.md "process"), with docker's rules for what overrides what.
 */
import { VivariumError } from '../util/errors.ts';
import { quote } from './fail.ts';
import type { ExecutionConfig } from './spec.ts';
import { type FileLookup, resolveUser } from './user.ts';

/** What a user may say on the command line of `run`. */
export interface ProcessOverrides {
  /** Replaces Cmd when not empty. */
  readonly command?: readonly string[];
  /** Replaces Entrypoint, and drops the image's Cmd; `[]` or `['']` removes it. */
  readonly entrypoint?: readonly string[];
  /** `NAME=value` each, over the image's. A bare `NAME` removes it (the caller fills in the host's value if it has one). */
  readonly env?: readonly string[];
  readonly workingDir?: string;
  /** `user[:group]` */
  readonly user?: string;
  readonly stopSignal?: string;
  /** Whether the process gets a terminal. */
  readonly terminal?: boolean;
  /** Becomes HOSTNAME. */
  readonly hostname?: string;
}

/** The process in the terms of the runtime-spec, and how to stop it. */
export interface ProcessSpec {
  readonly terminal: boolean;
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] };
  readonly args: readonly string[];
  /** `NAME=value` each, every name once. */
  readonly env: readonly string[];
  /** Absolute. It need not exist yet: a runtime makes it. */
  readonly cwd: string;
  /** Name or number as the image or the user wrote it, in capitals. */
  readonly stopSignal: string;
}

export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_TERM = 'xterm';
const DEFAULT_STOP_SIGNAL = 'SIGTERM';

/**
 * Merges. `lookup` reads /etc/passwd and /etc/group of the root filesystem. Throws USAGE when there is nothing to run or
 * an override is malformed, NOT_FOUND when the user is not known.
 */
export function resolveProcess(config: ExecutionConfig, overrides: ProcessOverrides, lookup: FileLookup): ProcessSpec {
  const user = resolveUser(overrides.user ?? config.user, lookup);
  const terminal = overrides.terminal ?? false;
  return {
    terminal,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: resolveArgs(config, overrides),
    env: resolveEnv(config, overrides, user.home, terminal),
    cwd: resolveWorkingDir(config, overrides),
    stopSignal: (overrides.stopSignal ?? (config.stopSignal || DEFAULT_STOP_SIGNAL)).toUpperCase(),
  };
}

function resolveArgs(config: ExecutionConfig, overrides: ProcessOverrides): string[] {
  const command = overrides.command ?? [];
  const replaced = overrides.entrypoint?.filter((word) => word !== '');
  const entrypoint = replaced ?? config.entrypoint;
  // The image's Cmd belongs to the image's Entrypoint.
  const cmd = command.length > 0 || replaced !== undefined ? command : config.cmd;
  const args = [...entrypoint, ...cmd];
  if (args.length === 0)
    throw new VivariumError('USAGE', 'the image does not say what to run; give a command after its name');
  if (args[0] === '') throw new VivariumError('USAGE', 'the command to run is empty; give a command after the image');
  checkText(args, 'an argument');
  return args;
}

function resolveEnv(config: ExecutionConfig, overrides: ProcessOverrides, home: string, terminal: boolean): string[] {
  const env = new Map<string, string>([['PATH', DEFAULT_PATH]]);
  if (overrides.hostname !== undefined) env.set('HOSTNAME', overrides.hostname);
  if (terminal) env.set('TERM', DEFAULT_TERM);
  for (const setting of config.env) applySetting(env, setting);
  for (const setting of overrides.env ?? []) applySetting(env, setting);
  if (!env.get('HOME')) env.set('HOME', home);
  const settings = [...env].map(([name, value]) => `${name}=${value}`);
  checkText(settings, 'an environment variable');
  return settings;
}

function applySetting(env: Map<string, string>, setting: string): void {
  const equals = setting.indexOf('=');
  const name = equals < 0 ? setting : setting.slice(0, equals);
  if (name === '')
    throw new VivariumError('USAGE', `environment variable ${quote(setting)} has no name; write NAME=value`);
  if (equals < 0) env.delete(name);
  else env.set(name, setting.slice(equals + 1));
}

function resolveWorkingDir(config: ExecutionConfig, overrides: ProcessOverrides): string {
  if (overrides.workingDir !== undefined && !overrides.workingDir.startsWith('/')) {
    throw new VivariumError('USAGE', `working directory ${quote(overrides.workingDir)} is not an absolute path`);
  }
  const wanted = overrides.workingDir ?? config.workingDir;
  checkText([wanted], 'the working directory');
  const names: string[] = [];
  for (const name of wanted.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}

/** execve(2) ends a string at NUL, so one inside would change what is run. */
function checkText(texts: readonly string[], what: string): void {
  if (texts.some((text) => text.includes('\0'))) throw new VivariumError('USAGE', `${what} holds a NUL byte`);
}
