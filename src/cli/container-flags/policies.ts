/** `--restart`, `--log-driver` and `--log-opt` (docs.docker.com/reference/cli/docker/container/run; engine/logging/drivers/json-file). */
import type { LogOptions, RestartPolicy } from '../../container/lifecycle/config.ts';
import { parseSize } from '../sizes.ts';
import { parseInteger, parsePair, usage } from './values.ts';

const RESTART_NAMES: readonly RestartPolicy['name'][] = ['no', 'on-failure', 'always', 'unless-stopped'];

/** no, on-failure[:TIMES], always or unless-stopped. */
export function parseRestart(text: string): RestartPolicy {
  const [word = '', times] = text.split(/:(.*)/s);
  const name = RESTART_NAMES.find((known) => known === (word || 'no'));
  if (name === undefined)
    throw usage(
      `--restart ${JSON.stringify(text)} is no policy; there are ${RESTART_NAMES.join(', ')} and on-failure:TIMES`,
    );
  if (times === undefined) return { name, maximumRetryCount: 0 };
  if (name !== 'on-failure') throw usage(`--restart ${name} has no number of times; only on-failure has one`);
  return { name, maximumRetryCount: parseInteger(times, '--restart on-failure', 0) };
}

export function readLogOptions(driver: string | undefined, options: readonly string[]): LogOptions {
  if (driver !== undefined && driver !== '' && driver !== 'json-file' && driver !== 'none')
    throw usage(`--log-driver ${JSON.stringify(driver)} is not there; use json-file or none`);
  if (driver === 'none' && options.length > 0) throw usage('--log-driver none takes no --log-opt; leave it out');
  const given = new Map(options.map((text) => parsePair(text, '--log-opt', 'max-size=10m')));
  const unknown = [...given.keys()].find((name) => name !== 'max-size' && name !== 'max-file');
  if (unknown !== undefined)
    throw usage(`--log-opt ${JSON.stringify(unknown)} is not known; there are max-size and max-file`);
  const maxSize = given.get('max-size');
  const maxFiles = parseInteger(given.get('max-file') ?? '1', '--log-opt max-file', 1);
  if (maxFiles > 1 && maxSize === undefined) throw usage('--log-opt max-file is about rotated files; add max-size');
  return {
    driver: driver === 'none' ? 'none' : 'json-file',
    ...(maxSize === undefined ? {} : { maxBytes: parseSize(maxSize, '--log-opt max-size') }),
    maxFiles,
  };
}
