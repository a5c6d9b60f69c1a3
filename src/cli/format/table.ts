/**
 * Lists as Docker prints them: a table, one JSON object a line, or a Go template for each item, with a heading when it begins
 * with `table` (docker CLI reference, "Formatting").
 */
import { goMap } from './go-values.ts';
import { Template } from './template.ts';

const COLUMN_GAP = 3;
const COLUMN_WIDTH_MIN = 10;
const TABLE = /^table(?:\s|$)/;

export interface ListFormat<T> {
  /** What columns are called, by field; of a method, what makes it of the arguments. */
  readonly headings: Readonly<Record<string, string | ((...values: unknown[]) => string)>>;
  /** Without `--format`, after `table`. */
  readonly defaultTemplate: string;
  /** With `--quiet` and no format. */
  readonly quietTemplate?: string;
  /** An item's fields, all texts or numbers; methods are left out of JSON. */
  readonly fields: (item: T) => Record<string, unknown>;
}

/** The whole output. Throws USAGE for a bad format, also when there is nothing to show. */
export function formatList<T>(
  items: readonly T[],
  format: ListFormat<T>,
  {
    template = 'table',
    quiet = false,
  }: { readonly template?: string | undefined; readonly quiet?: boolean | undefined } = {},
): string {
  if (template === 'json') return lines(items.map((item) => JSON.stringify(goMap(format.fields(item)))));
  const isTable = TABLE.test(template);
  if (isTable && quiet && format.quietTemplate !== undefined)
    return formatList(items, format, { template: format.quietTemplate });
  const given = unescape(isTable ? template.replace(TABLE, '').trim() : template);
  const compiled = new Template(given === '' ? unescape(format.defaultTemplate) : given);
  const rows = items.map((item) => compiled.execute(format.fields(item)));
  return isTable ? alignColumns([compiled.execute(format.headings), ...rows]) : lines(rows);
}

/** In a shell's single quotes a tab is written as backslash and t. */
function unescape(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

function lines(rows: readonly string[]): string {
  return rows.map((row) => `${row}\n`).join('');
}

/** Rows of cells that are separated by tabs; the last cell of a row is as wide as it is. */
export function alignColumns(rows: readonly string[]): string {
  const cells = rows.map((row) => row.split('\t'));
  const columnCount = Math.max(...cells.map((row) => row.length));
  const widths = Array.from({ length: columnCount }, (_, column) => {
    const inside = cells.filter((row) => column < row.length - 1);
    return Math.max(COLUMN_WIDTH_MIN, ...inside.map((row) => [...row[column]!].length + COLUMN_GAP));
  });
  const padded = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column < row.length - 1 ? cell + ' '.repeat(widths[column]! - [...cell].length) : cell))
      .join('');
  return lines(cells.map(padded));
}
