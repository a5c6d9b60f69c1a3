/**
 * What the benchmark page measures, and the figures that a site brings for comparison: bench.json. Plain data and its reading.
 * Browser-safe.
 */

/** Of the programs of bench/guest: one of each kind, with what it does in words. */
export const PAGE_PROGRAMS: Readonly<Record<string, string>> = {
  crc32: 'checks a block of bytes',
  bytecode: 'interprets a small language',
  sort: 'sorts numbers by function calls',
  filter: 'filters an image, by SSE2',
  memcpy: 'copies memory',
  'page-faults': 'touches new memory',
  'fork-exec': 'starts processes',
  gzip: 'compresses a text',
};
/** Where a short look is enough. */
export const QUICK_PROGRAMS: readonly string[] = ['crc32', 'sort', 'gzip'];

export interface PageFigures {
  /** What each program is to give: hexadecimal, from the processor that the site was built on. */
  readonly checksums: Readonly<Record<string, string>>;
  /** Median milliseconds in Node, where that was measured. */
  readonly node:
    | { readonly version: string; readonly processor: string; readonly medianMs: Readonly<Record<string, number>> }
    | undefined;
}

export const PAGE_FIGURES_FILE = 'bench.json';

/** Reads bench.json. Throws an Error that says what is wrong with it. */
export function parsePageFigures(text: string): PageFigures {
  const value = JSON.parse(text) as unknown;
  if (!isRecord(value) || !isRecordOf(value['checksums'], 'string'))
    throw new Error(`${PAGE_FIGURES_FILE} of this site has no checksums; build the site again`);
  const { checksums, node } = value;
  if (node === undefined) return { checksums, node: undefined };
  if (
    !isRecord(node) ||
    typeof node['version'] !== 'string' ||
    typeof node['processor'] !== 'string' ||
    !isRecordOf(node['medianMs'], 'number')
  )
    throw new Error(`${PAGE_FIGURES_FILE} of this site has figures of Node that can't be read; build the site again`);
  return { checksums, node: { version: node['version'], processor: node['processor'], medianMs: node['medianMs'] } };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isRecordOf<T extends 'string' | 'number'>(
  value: unknown,
  type: T,
): value is Record<string, T extends 'string' ? string : number> {
  return isRecord(value) && Object.values(value).every((one) => typeof one === type);
}
