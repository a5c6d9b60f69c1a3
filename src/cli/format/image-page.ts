/** What `viv image inspect` says of how an image is run: its own words, and what Docker says of what it leaves out. */
import type { JsonValue } from '../../oci/json.ts';
import { goMap } from './go-values.ts';

/** Docker Engine API 1.47, "ImageInspect": these are there in any image. */
const DEFAULTS = {
  User: '',
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};
const MAPS = ['ExposedPorts', 'Volumes', 'Labels'];

/** `raw` is `config` of the image's configuration. */
export function imageConfigPage(raw: JsonValue): Record<string, unknown> {
  const page: Record<string, unknown> = { ...DEFAULTS, ...(isObject(raw) ? raw : {}) };
  for (const name of MAPS) {
    const value = page[name];
    if (isObject(value)) page[name] = goMap(value);
  }
  return page;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
