import { describe, expect, test } from 'vitest';
import { parseMarkdown } from '../../../src/lab/markdown/parse.ts';
import type { Block, Inline } from '../../../src/lab/markdown/tree.ts';

const parse = (markdown: string, file = 'lab.yaml') => parseMarkdown({ markdown, file, line: 10 });
const blocksOf = (markdown: string): readonly Block[] => parse(markdown).blocks;
const text = (words: string): Inline => ({ kind: 'text', text: words });

/** The inline elements of a text of one paragraph. */
function inlinesOf(markdown: string, file?: string): readonly Inline[] {
  const [block] = parse(markdown, file).blocks;
  return (block as { readonly children: readonly Inline[] }).children;
}

describe('the tree has', () => {
  test('headings, paragraphs, quotes, rules', () => {
    expect(blocksOf('## A\n\nb\nc\n\n> d\n\n---\n')).toEqual([
      { kind: 'heading', level: 2, children: [text('A')] },
      { kind: 'paragraph', children: [text('b'), text('\n'), text('c')] },
      { kind: 'quote', children: [{ kind: 'paragraph', children: [text('d')] }] },
      { kind: 'rule' },
    ]);
  });

  test('lists, tight and loose', () => {
    const item = (words: string): Block[] => [{ kind: 'paragraph', children: [text(words)] }];
    expect(blocksOf('- a\n- b\n\ntext\n\n3. c\n\n4. d\n')).toEqual([
      { kind: 'list', start: undefined, isTight: true, items: [item('a'), item('b')] },
      { kind: 'paragraph', children: [text('text')] },
      { kind: 'list', start: 3, isTight: false, items: [item('c'), item('d')] },
    ]);
  });

  test('tables', () => {
    expect(blocksOf('| a | b |\n|---|:-:|\n| c | `d` |\n')).toEqual([
      {
        kind: 'table',
        align: [undefined, 'center'],
        head: [[text('a')], [text('b')]],
        rows: [[[text('c')], [{ kind: 'code', text: 'd', language: undefined, action: undefined }]]],
      },
    ]);
  });

  test('emphasis and line breaks', () => {
    expect(inlinesOf('*a* **b** ~~c~~  \nd')).toEqual([
      { kind: 'emphasis', children: [text('a')] },
      text(' '),
      { kind: 'strong', children: [text('b')] },
      text(' '),
      { kind: 'strike', children: [text('c')] },
      { kind: 'break' },
      text('d'),
    ]);
  });

  test('images of the folder, from where the text is', () => {
    expect(inlinesOf('![A *cat*](../pictures/cat%201.png "Cat")', 'steps/one.md')).toEqual([
      { kind: 'image', path: 'pictures/cat 1.png', alt: 'A *cat*', title: 'Cat' },
    ]);
  });

  test('links to the web, to steps and to files', () => {
    const links = inlinesOf(
      '[a](https://example.org/x?y#z)[b](#step=two)[c](./notes.pdf#page=2)<http://example.org>',
      's/1.md',
    );
    expect(links.map((link) => (link as { target: unknown }).target)).toEqual([
      { kind: 'web', href: 'https://example.org/x?y#z' },
      { kind: 'step', step: 'two' },
      { kind: 'file', path: 's/notes.pdf' },
      { kind: 'web', href: 'http://example.org/' },
    ]);
  });
});

describe('code', () => {
  test.each([
    ['', undefined, undefined],
    ['sh', 'sh', undefined],
    ['sh run', 'sh', { kind: 'run', interrupt: false, terminal: undefined }],
    ['run', undefined, { kind: 'run', interrupt: false, terminal: undefined }],
    ['sh run interrupt terminal=two', 'sh', { kind: 'run', interrupt: true, terminal: 'two' }],
    ['python copy', 'python', { kind: 'copy' }],
  ])('in a block after ```%s', (info, language, action) => {
    expect(blocksOf(`\`\`\`${info}\nls -l\n\`\`\`\n`)).toEqual([
      { kind: 'code-block', text: 'ls -l\n', language, action },
    ]);
  });

  test('in a line, with braces after it', () => {
    expect(inlinesOf('Type `ls`{run}, then `a`{copy} or `b` {run}.')).toEqual([
      text('Type '),
      { kind: 'code', text: 'ls', language: undefined, action: { kind: 'run', interrupt: false, terminal: undefined } },
      text(', then '),
      { kind: 'code', text: 'a', language: undefined, action: { kind: 'copy' } },
      text(' or '),
      { kind: 'code', text: 'b', language: undefined, action: undefined },
      text(' {run}.'),
    ]);
  });

  test('in a line can name a terminal', () => {
    expect(inlinesOf('`top`{run interrupt terminal=b}')).toEqual([
      { kind: 'code', text: 'top', language: undefined, action: { kind: 'run', interrupt: true, terminal: 'b' } },
    ]);
  });

  test.each([
    ['sh rnu', '"rnu" says nothing after code; did you mean "run"?'],
    ['sh run copy', 'code is either to run or to copy; remove one of the words'],
    ['sh interrupt', '"interrupt" and "terminal" belong to code that runs; add the word "run"'],
    ['sh run terminal=A/B', '"A/B" can\'t be the name of a terminal; use small letters, digits and dashes'],
  ])('with ```%s does nothing, and that is told', (info, message) => {
    const { blocks, problems } = parse(`text\n\n\`\`\`${info}\nls\n\`\`\`\n`);
    expect(blocks[1]).toMatchObject({ kind: 'code-block', action: undefined });
    expect(problems).toEqual([{ line: 12, message }]);
  });
});

describe('a hostile text', () => {
  test.each(['<script>alert(1)</script>', 'a <img src=x onerror=alert(1)> b', '<div>\n\n*x*\n\n</div>', '<!-- c -->'])(
    'has its HTML shown as text: %s',
    (markdown) => {
      const shown = JSON.stringify(blocksOf(markdown));
      expect(shown).toContain('<');
      expect(shown).not.toMatch(/"kind":"html/);
    },
  );

  test.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java&#115;cript:alert(1)',
    'vbscript:x',
    'data:text/html,x',
    'file:///etc/passwd',
    'blob:https://example.org/x',
    '//example.org/x',
    'https://user:secret@example.org/',
    'https://',
    '/etc/passwd',
    '../../x',
    '..%2f..%2fx',
    'a\\..\\b',
    '%zz',
    '#other',
    'mailto:a@example.org',
  ])('can’t link to %s', (address) => {
    const { problems, references, blocks } = parse(`[click](<${address}>)`);
    expect(JSON.stringify(blocks)).not.toContain('"link"');
    expect(references).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  test.each(['https://example.org/x.png', 'data:image/png;base64,AA==', '//example.org/x.png', '../x.png', '/x.png'])(
    'can’t show the image %s',
    (address) => {
      const { problems, blocks } = parse(`![A picture](<${address}>)`);
      expect(blocks).toEqual([{ kind: 'paragraph', children: [text('A picture')] }]);
      expect(problems).toEqual([
        {
          line: 10,
          message: `the image ${JSON.stringify(address)} is not in the lab's folder; copy it there, and write its path`,
        },
      ]);
    },
  );

  test('nests no deeper than a page can show', () => {
    const { blocks, problems } = parse(`${'> '.repeat(5000)}x`);
    expect(JSON.stringify(blocks).match(/"quote"/g)!.length).toBeLessThanOrEqual(20);
    expect(problems[0]!.message).toContain('nested deeper than 20 levels');
  });

  test.each(['[', '![', '*', '`', '> ', '- ', '|a', '**a **'])('of 100,000 times %s is read in time', (piece) => {
    const begin = performance.now();
    parse(piece.repeat(100_000));
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});

test('a link that would run is told of as such', () => {
  expect(parse('[a](javascript:alert)').problems).toEqual([
    {
      line: 10,
      message:
        'the link "javascript:alert" is not allowed; links begin with https:// or http://, with #step=, or name a file of the lab',
    },
  ]);
});

test('an image without words for who can’t see it is a problem', () => {
  expect(parse('a\n![](x.png)').problems).toEqual([
    { line: 11, message: 'the image "x.png" has no words for who can\'t see it; write them between the brackets' },
  ]);
});

test('references have their lines', () => {
  expect(parse('a\n\nb\n[c](#step=d)\n![e](f.png)').references).toEqual([
    { line: 13, target: { kind: 'step', step: 'd' } },
    { line: 14, target: { kind: 'image', path: 'f.png' } },
  ]);
});
