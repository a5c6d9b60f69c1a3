/** Prints what `inspect` found of each of several things: a JSON list, or a template's text for each (docker inspect reference). */
import { forEach } from './action.ts';
import { Template } from './format/template.ts';

const INDENT = 4; // as Docker has it

/** What is not found is told of, and does not keep the others from being shown. Resolves to the status. */
export async function printInspected(
  words: readonly string[],
  format: string | undefined,
  look: (word: string) => Promise<Record<string, unknown>>,
): Promise<number> {
  const template = format === undefined || format === 'json' ? undefined : new Template(format);
  const found: object[] = [];
  const status = await forEach(words, async (word) => {
    const page = await look(word);
    if (template !== undefined) process.stdout.write(`${template.execute(page)}\n`);
    else found.push(page);
  });
  if (template === undefined) process.stdout.write(`${JSON.stringify(found, null, format === 'json' ? 0 : INDENT)}\n`);
  return status;
}
