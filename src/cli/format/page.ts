/** A single thing as Docker prints it with `--format`: lines of names and values, JSON, or a Go template. */
import { Template } from './template.ts';

/** A page of nested objects; lists are on one line. */
export type Page = Readonly<Record<string, unknown>>;

/** The whole output. Throws USAGE for a format that does not work. */
export function formatPage(page: Page, format: string | undefined): string {
  if (format === undefined) return lines(page, '');
  if (format === 'json') return `${JSON.stringify(page)}\n`;
  return `${new Template(format).execute(page)}\n`;
}

function lines(page: Page, indent: string): string {
  return Object.entries(page)
    .map(([name, value]) => {
      if (typeof value !== 'object' || value === null) return `${indent}${name}: ${String(value)}\n`;
      if (Array.isArray(value)) return `${indent}${name}: ${value.join(', ')}\n`;
      return `${indent}${name}:\n${lines(value as Page, `${indent} `)}`;
    })
    .join('');
}
