/** Texts of a lab: what can't be shown in them, links to steps and files that are not there. */
import { parseMarkdown, type MarkdownReference } from '../markdown/parse.ts';
import type { LabStep, MarkdownText } from './lab.ts';
import type { Mistake } from './mistake.ts';
import { isMissing } from './read.ts';
import type { LabSources } from './sources.ts';
import { didYouMean } from './suggest.ts';

export function checkMarkdown(steps: readonly LabStep[], sources: LabSources): Mistake[] {
  const ids = steps.map(({ id }) => id).filter((id) => !isMissing(id));
  // Several steps may show one file.
  const texts = new Map<string, MarkdownText>();
  for (const { text, hints } of steps) for (const one of [text, ...hints]) texts.set(`${one.file}:${one.line}`, one);
  return [...texts.values()].flatMap((text) => checkText(text, ids, sources));
}

function checkText(text: MarkdownText, ids: readonly string[], sources: LabSources): Mistake[] {
  const { file } = text;
  const { problems, references } = parseMarkdown(text);
  const missing = references.flatMap(({ line, target }) => {
    const message = missingTarget(target, ids, sources);
    return message === undefined ? [] : [{ line, message }];
  });
  return [...problems, ...missing].map(({ line, message }) => ({ file, line, column: 1, message }));
}

function missingTarget(
  target: MarkdownReference['target'],
  ids: readonly string[],
  sources: LabSources,
): string | undefined {
  switch (target.kind) {
    case 'web':
      return undefined;
    case 'step':
      if (ids.includes(target.step)) return undefined;
      return `the text links to a step ${JSON.stringify(target.step)} that is not there; ${didYouMean(target.step, ids, `the steps are ${ids.join(', ')}`)}`;
    case 'file':
    case 'image':
      if (sources.use(target.path)) return undefined;
      return `the text ${target.kind === 'file' ? 'links to' : 'shows'} ${JSON.stringify(target.path)}, which is not in the lab's folder; add the file, or correct the path`;
  }
}
