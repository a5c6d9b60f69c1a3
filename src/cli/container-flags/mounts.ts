/**
 * `--volume`, `--mount` and `--tmpfs` (docs.docker.com/engine/storage/bind-mounts, tmpfs). Left out: named volumes.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { BindMount } from '../../container/lifecycle/config.ts';
import { normalPath } from '../../sandbox/run-options.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { parseSize } from '../sizes.ts';
import { parseVolume } from '../volumes.ts';
import { usage } from './values.ts';

export interface Mounts {
  readonly volumes: readonly BindMount[];
  /** Place in the container and options. */
  readonly tmpfs: Readonly<Record<string, string>>;
}

export interface MountFlags {
  readonly volume: readonly string[];
  readonly mount: readonly string[];
  readonly tmpfs: readonly string[];
}

/** Throws USAGE, or NOT_FOUND for the source of a `--mount` that is not there. */
export function readMounts({ volume, mount, tmpfs }: MountFlags): Mounts {
  const volumes: BindMount[] = volume.map((text) => ({ readOnly: false, ...parseVolume(text) }));
  const memory = new Map<string, string>();
  for (const text of tmpfs) {
    const [place = '', options = ''] = text.split(/:(.*)/s);
    memory.set(normalPath(place), options);
  }
  for (const text of mount) {
    const parsed = parseMount(text);
    if ('options' in parsed) memory.set(parsed.guestPath, parsed.options);
    else volumes.push(parsed);
  }
  checkPlaces([...volumes.map(({ guestPath }) => guestPath), ...memory.keys()]);
  return { volumes, tmpfs: Object.fromEntries(memory) };
}

function checkPlaces(places: readonly string[]): void {
  const twice = places.find((place, index) => places.indexOf(place) !== index);
  if (twice !== undefined) throw usage(`two volumes have the same place ${twice} in the container`);
}

/** Names of the same field. */
const FIELDS: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  destination: 'target',
  dst: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  'tmpfs-size': 'tmpfs-size',
  'tmpfs-mode': 'tmpfs-mode',
};

function parseMount(text: string): BindMount | { guestPath: string; options: string } {
  const fail = (why: string): VivariumError => usage(`--mount ${JSON.stringify(text)} ${why}`);
  const fields = new Map<string, string>();
  for (const part of text.split(',')) {
    const [key = '', value = 'true'] = part.split(/=(.*)/s);
    const field = Object.hasOwn(FIELDS, key.toLowerCase()) ? FIELDS[key.toLowerCase()]! : undefined;
    if (field === undefined)
      throw fail(`has ${JSON.stringify(key)}, which is not known; there are ${Object.keys(FIELDS).join(', ')}`);
    fields.set(field, value);
  }
  const { type = 'volume', source, target, readonly = 'false', ...memory } = Object.fromEntries(fields);
  if (type !== 'bind' && type !== 'tmpfs')
    throw fail(`is of type ${JSON.stringify(type)}; there are bind, for a folder of the host, and tmpfs`);
  if (target === undefined) throw fail('has no target; add target=/PATH');
  if (!/^(true|false|1|0)$/.test(readonly)) throw fail('can be readonly or not; write readonly alone');
  const readOnly = readonly === 'true' || readonly === '1';
  if (type === 'tmpfs') {
    if (source !== undefined) throw fail('is of type tmpfs and has no source; leave it out');
    return { guestPath: normalPath(target), options: tmpfsOptions(memory, readOnly) };
  }
  if (Object.keys(memory).length > 0) throw fail('is of type bind; its options are for tmpfs');
  if (source === undefined) throw fail('has no source; add source=/PATH');
  const hostPath = resolve(source);
  if (!existsSync(hostPath))
    throw new VivariumError(ErrorCodes.NOT_FOUND, `--mount ${JSON.stringify(text)} has a source that is not there`);
  return { hostPath, guestPath: normalPath(target), readOnly };
}

function tmpfsOptions(memory: Readonly<Record<string, string>>, readOnly: boolean): string {
  const { 'tmpfs-size': size, 'tmpfs-mode': mode } = memory;
  return [
    ...(size === undefined ? [] : [`size=${parseSize(size, 'tmpfs-size')}`]),
    ...(mode === undefined ? [] : [`mode=${mode}`]),
    ...(readOnly ? ['ro'] : []),
  ].join(',');
}
