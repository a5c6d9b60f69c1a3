/**
 * Which platform of a multi-platform image runs here (image-spec v1.1, image-index.md "platform"): linux/amd64 first,
 * then linux/386. The CPU has what x86-64-v2 asks for; v3 and up (AVX2) it has not.
 */
import { VivariumError } from '../util/errors.ts';
import { quote } from './fail.ts';
import type { Platform } from './spec.ts';

const UNKNOWN = 'unknown';
const RUNNABLE_AMD64_VARIANTS: readonly string[] = ['', 'v1', 'v2'];
const NOT_RUNNABLE = -1;
const RANK_386 = 10;
const SHOWN_PLATFORMS = 12;

/** BuildKit gives attestations, which are no images, this platform. */
export function isUnknownPlatform(platform: Platform): boolean {
  return platform.os === UNKNOWN || platform.architecture === UNKNOWN;
}

/** `os/architecture[/variant]` as docker writes it. */
export function formatPlatform(platform: Platform): string {
  const name = `${platform.os}/${platform.architecture}`;
  return platform.variant ? `${name}/${platform.variant}` : name;
}

/** Parses what a user gives as `--platform`. Throws USAGE. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/');
  if (!os || !architecture || rest.length > 0)
    throw new VivariumError('USAGE', `platform ${quote(text)} is not of the form os/architecture`);
  return variant ? { os, architecture, variant } : { os, architecture };
}

/** Lower is better; negative is not runnable. */
function rank(platform: Platform): number {
  if (platform.os !== 'linux') return NOT_RUNNABLE;
  if (platform.architecture === 'amd64') return RUNNABLE_AMD64_VARIANTS.indexOf(platform.variant ?? '');
  return platform.architecture === '386' ? RANK_386 : NOT_RUNNABLE;
}

function fits(platform: Platform, wanted: Platform | undefined): boolean {
  if (wanted === undefined) return true;
  return (
    platform.os === wanted.os &&
    platform.architecture === wanted.architecture &&
    (wanted.variant ?? platform.variant ?? '') === (platform.variant ?? '')
  );
}

/** The best of several; throws UNSUPPORTED_PLATFORM, naming what there is, when none runs or none is wanted. */
export function choosePlatform<T extends { readonly platform: Platform }>(
  candidates: readonly T[],
  wanted: Platform | undefined,
  what: string,
): T {
  let best: T | undefined;
  for (const candidate of candidates) {
    const order = rank(candidate.platform);
    if (
      order !== NOT_RUNNABLE &&
      fits(candidate.platform, wanted) &&
      (best === undefined || order < rank(best.platform))
    )
      best = candidate;
  }
  if (best !== undefined) return best;
  const names = [...new Set(candidates.map((candidate) => formatPlatform(candidate.platform)))];
  const found = names.length === 0 ? 'no platform at all' : names.slice(0, SHOWN_PLATFORMS).join(', ');
  throw new VivariumError(
    'UNSUPPORTED_PLATFORM',
    wanted === undefined
      ? `${what} is for ${found.replace(/[^\x20-\x7e]/g, '?')}; vivarium runs linux/amd64 and linux/386`
      : `${what} has no image for ${formatPlatform(wanted)} that vivarium runs, only ${found.replace(/[^\x20-\x7e]/g, '?')}`,
  );
}
