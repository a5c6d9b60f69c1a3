/** The text of docs/reference/lab-format.md, from the schema of lab.yaml. */
import type { Fields, Kind, ListKind } from '../../src/lab/format/kinds.ts';
import { LIMITS } from '../../src/lab/format/limits.ts';
import { FILE, LAB, MACHINE, STEP } from '../../src/lab/format/schema.ts';

const INTRODUCTION = `# The format of labs

A lab is a folder with \`lab.yaml\` in it (YAML 1.2, without anchors, aliases and tags) and the files that it names. Written by
\`npm run docs:lab\` from the schema in \`src/lab/format/schema.ts\`; do not edit. How to write one:
[write a lab](../how-to/write-a-lab.md).
`;

const KIB = 1024;
const kib = (bytes: number): string => (bytes >= KIB * KIB ? `${bytes / KIB / KIB} MiB` : `${bytes / KIB} KiB`);

const REST = `## Texts

Texts are Markdown: CommonMark, with tables and \`~~strikethrough~~\`. HTML in it is shown as text. Images are files of the lab's
folder, by a path from the text's own file, and have words for who can't see them. Links lead to \`https://\` and \`http://\` addresses,
to steps (\`#step=ID\`), or to files of the folder.

Words after the fence of a code block, behind the language, say what a click on it does; after code in a line they stand in braces:

| block | in a line | a click |
|---|---|---|
| \`\`\` \`\`\`sh run \`\`\` | \`\` \`ls\`{run} \`\` | types it into the terminal, with Enter |
| \`\`\` \`\`\`sh run interrupt \`\`\` | \`\` \`ls\`{run interrupt} \`\` | the same, after Ctrl-C |
| \`\`\` \`\`\`sh run terminal=two \`\`\` | \`\` \`top\`{run terminal=two} \`\` | the same in the terminal \`two\`, which opens if it is not there |
| \`\`\` \`\`\`sh copy \`\`\` | \`\` \`ls\`{copy} \`\` | copies it |

## Scripts

\`init\`, \`check\` and \`solution\` are scripts that run in the machine: by \`/bin/sh -e\`, so that the first command that fails ends them,
or by what their \`#!\` line names. \`init\` and \`check\` run as root, \`solution\` as the machine's \`user\`, each in the machine's \`cwd\`.
Status 0 means done. What a \`check\` that fails prints last, on stdout or else on stderr, is what the student reads. Status 126
and 127 (a program that is not there) and a script that takes longer than \`timeout\` are mistakes of the lab, not of the student.

An \`init\` may run again in a new machine, when the page was loaded anew: write it so that this does no harm. A check may run every few
seconds.

## Limits

| what | at most |
|---|---|
| lab.yaml | ${kib(LIMITS.labFileBytes)} |
| a text | ${kib(LIMITS.markdownBytes)} |
| a script | ${kib(LIMITS.scriptBytes)} |
| an image in a text, a file to download | ${kib(LIMITS.imageBytes)} |
| a file in \`files\` | ${kib(LIMITS.placedFileBytes)}, all together ${kib(LIMITS.placedBytes)} |
| machines, steps, hints of a step | ${LIMITS.machines}, ${LIMITS.steps}, ${LIMITS.hints} |
`;

export function labFormatDocs(): string {
  const sections = [
    ['The lab', LAB.fields],
    ['A machine', MACHINE.fields],
    ['A file', FILE.fields],
    ['A step', STEP.fields],
  ] as const;
  return [INTRODUCTION, ...sections.map(([title, fields]) => section(title, fields)), REST].join('\n');
}

function section(title: string, fields: Fields): string {
  const rows = Object.entries(fields).map(([name, field]) => {
    const holds = field.required ? '**required**' : (field.default ?? '');
    return `| \`${name}\` | ${describe(field.of)} | ${holds} | ${field.doc} |`;
  });
  return `## ${title}\n\n| key | value | without it | |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

function describe(kind: Kind): string {
  switch (kind.kind) {
    case 'text':
      return 'text';
    case 'choice':
      return kind.words.map((word) => `\`${word}\``).join(', ');
    case 'whole':
      return 'number';
    case 'flag':
      return '`true`, `false`';
    case 'size':
      return 'size';
    case 'duration':
      return 'time';
    case 'mode':
      return 'permissions';
    case 'source':
      return kind.of === 'script' ? 'script, or `{ file: PATH }`' : 'Markdown, or a file';
    case 'texts':
      return '`NAME: value` lines';
    case 'list':
      return describeList(kind);
    case 'object':
      return kind.name;
  }
}

function describeList({ of, orOne }: ListKind): string {
  return orOne === true ? `${describe(of)}; one or a list` : `list; each is ${describe(of)}`;
}
