import { describe, expect, test } from 'vitest';
import { parseLab } from '../../../src/lab/format/parse.ts';
import { MemoryLabFiles } from '../../../src/lab/format/files.ts';
import { convertText } from '../../../src/lab/import/killercoda-text.ts';
import { importKillercoda, type ImportedLab } from '../../../src/lab/import/killercoda.ts';
import { labFolder } from '../../support/lab/lab-folder.ts';

const INDEX = {
  title: 'Files and\nfolders',
  description: 'Learn about files',
  details: {
    intro: { text: 'intro.md', background: 'setup.sh' },
    steps: [
      { title: 'Make a file', text: 'step1/text.md', verify: 'step1/verify.sh' },
      { title: 'Read', text: 'step2/text.md', foreground: 'step2/fg.sh', background: 'step2/bg.sh' },
      { title: 'Make a file', text: 'step3.md', verify: 'step3.sh' },
    ],
    finish: { text: 'finish.md' },
    assets: {
      host01: [
        { file: 'tool.sh', target: '/usr/local/bin', chmod: '+x' },
        { file: 'data/*.txt', target: '~/data' },
      ],
    },
  },
  backend: { imageid: 'ubuntu' },
};

const FILES = {
  'index.json': JSON.stringify(INDEX),
  'intro.md': 'Welcome.\n<br>\n\n![Logo](./assets/logo.png)\n',
  'setup.sh': 'apt-get update\n',
  'step1/text.md': 'Do `touch /x`{{exec}} now.\n\n```\nls\npwd\n```{{exec interrupt}}\n',
  'step1/verify.sh': '#!/bin/bash\n[ -f /x ]\n',
  'step2/text.md': 'Read.\n',
  'step2/fg.sh': '#!/bin/sh\nwait-for-it\n',
  'step2/bg.sh': '#!/bin/bash\nmake-it\n',
  'step3.md': 'Open [this]({{TRAFFIC_HOST1_80}}).\n',
  'step3.sh': 'true\n',
  'finish.md': 'Done.\n',
  'assets/tool.sh': 'tool',
  'assets/data/a.txt': 'a',
  'assets/data/b.txt': 'b',
  'assets/data/deeper/c.txt': 'c',
  'assets/logo.png': Uint8Array.of(1, 2),
  'README.md': 'not part of it',
};

const importFrom = (files: Record<string, string | Uint8Array>): Promise<ImportedLab> =>
  importKillercoda(labFolder(files), { id: 'files', image: 'busybox' });

/** The imported lab as our own parser sees it. */
async function parsed({ files }: ImportedLab) {
  const bytes = [...files].map(
    ([path, content]) => [path, typeof content === 'string' ? new TextEncoder().encode(content) : content] as const,
  );
  return parseLab(new MemoryLabFiles(new Map(bytes)));
}

describe('a scenario', () => {
  test('becomes a lab without mistakes, with its texts, scripts and assets', async () => {
    const { lab, mistakes } = await parsed(await importFrom(FILES));

    expect(mistakes.filter(({ message }) => !message.includes('TRAFFIC'))).toEqual([]);
    expect(mistakes).toEqual([]);
    expect(lab).toMatchObject({
      id: 'files',
      title: 'Files and folders',
      summary: 'Learn about files',
      machines: [{ image: 'busybox' }],
      files: [
        { path: '/usr/local/bin/tool.sh', mode: 0o755 },
        { path: '/root/data/a.txt', mode: 0o644 },
        { path: '/root/data/b.txt', mode: 0o644 },
      ],
      steps: [
        { id: 'introduction', title: 'Introduction', needs: [], init: { text: '#!/bin/sh\napt-get update\n' } },
        {
          id: 'make-a-file',
          title: 'Make a file',
          needs: [],
          text: { markdown: 'Do `touch /x`{run} now.\n\n```sh run interrupt\nls\npwd\n```\n' },
          check: { text: '#!/bin/bash\n[ -f /x ]\n' },
        },
        { id: 'read', needs: ['make-a-file'] },
        { id: 'make-a-file-2', needs: ['make-a-file'], check: { text: '#!/bin/sh\ntrue\n' } },
        { id: 'finish', needs: ['make-a-file-2'] },
      ],
    });
  });

  test('has its background script before its foreground script in init', async () => {
    const { lab } = await parsed(await importFrom(FILES));
    expect(lab!.steps[2]!.init!.text).toBe(
      '#!/bin/sh\n# step2/bg.sh\n(\nmake-it\n)\n# step2/fg.sh\n(\nwait-for-it\n)\n',
    );
  });

  test('leaves behind what is not part of it', async () => {
    const { files } = await importFrom(FILES);
    expect([...files.keys()].sort()).toEqual([
      'assets/data/a.txt',
      'assets/data/b.txt',
      'assets/logo.png',
      'assets/tool.sh',
      'finish.md',
      'init/step2-fg.sh',
      'intro.md',
      'lab.yaml',
      'setup.sh',
      'step1/text.md',
      'step1/verify.sh',
      'step2/text.md',
      'step3.md',
      'step3.sh',
    ]);
  });

  test('is told of with what could not be carried over', async () => {
    const { warnings } = await importFrom(FILES);
    expect(warnings).toEqual([
      'its machine "ubuntu" is a virtual machine of theirs; the lab has the image "busybox" instead, so see whether every program is there',
      'step1/verify.sh: it is for bash, which the image busybox has not; choose another image, or write it for sh',
      'Read: step2/fg.sh ran in the terminal before the student\'s eyes; it runs as part of "init" now, unseen',
      'step2/bg.sh: it is for bash, which the image busybox has not; choose another image, or write it for sh',
      'step3.md:1: a link to a port of the machine is taken out, for a lab has no network to the page',
      'the steps have no solutions, which viv lab test needs; write one for each step with a check',
    ]);
  });

  test('may name its files from the folder up', async () => {
    const index = { title: 'A', details: { intro: { text: './steps/../a.md' } } };
    const { lab } = await parsed(await importFrom({ 'index.json': JSON.stringify(index), 'a.md': 'Hello' }));
    expect(lab!.steps).toMatchObject([{ text: { markdown: 'Hello', file: 'a.md' } }]);
  });

  test('of an introduction alone is a lab', async () => {
    const { lab } = await parsed(
      await importFrom({ 'index.json': '{"title":"A","details":{"intro":{"text":"a.md"}}}', 'a.md': 'Hello' }),
    );
    expect(lab!.steps).toMatchObject([{ id: 'introduction', text: { markdown: 'Hello' } }]);
  });

  test.each([['../../etc/passwd'], ['/etc/passwd'], ['missing.md']])(
    'never reads outside of its folder, or what is not there: %s',
    async (text) => {
      const index = {
        title: 'A',
        details: { intro: { text, background: text }, assets: { host01: [{ file: text, target: '/x' }] } },
      };
      const { files, warnings } = await importFrom({ 'index.json': JSON.stringify(index) });

      expect([...files.keys()]).toEqual(['lab.yaml']);
      expect(warnings).toContain(
        `Introduction: the file ${JSON.stringify(text)} is not in the folder, and is left out`,
      );
      expect(warnings).toContain(`the asset ${JSON.stringify(text)} is left out: there is no such file in assets`);
    },
  );

  test('has assets for one machine, and none outside of where they may go', async () => {
    const assets = {
      host02: [{ file: 'a', target: '/' }],
      host01: [{ file: 'a', target: '/x/../y' }, { target: '/' }, { file: 'a', target: '/', chmod: 'loud' }],
    };
    const index = { title: 'A', details: { intro: { text: 'a.md' }, assets } };
    const imported = await importFrom({ 'index.json': JSON.stringify(index), 'a.md': 'A', 'assets/a': 'x' });

    expect(imported.warnings.slice(1)).toEqual([
      'the assets of "host02" are left out: the lab has one machine',
      'the asset "a" is left out: its target is no absolute path',
      'an asset without "file" or "target" is left out',
      'the rights "loud" of the asset "a" are not known; it has 0644',
    ]);
    expect((await parsed(imported)).lab!.files).toMatchObject([{ path: '/a' }]);
  });

  test.each([
    ['{', 'index.json is no JSON, so it is no scenario of Killercoda; choose the folder of one'],
    ['[]', 'index.json is no object'],
    ['{}', 'index.json has no "details"'],
    ['{"details":{}}', 'index.json has neither steps nor an introduction'],
  ])('that is none is refused: %s', async (index, message) => {
    await expect(importFrom({ 'index.json': index })).rejects.toThrow(message);
  });

  test('without index.json is none', async () => {
    await expect(importFrom({ 'a.md': '' })).rejects.toThrow('the folder has no index.json');
  });
});

describe('their Markdown', () => {
  test.each([
    ['`ls`{{exec}}', '`ls`{run}'],
    ['`ls`{{execute}}', '`ls`{run}'],
    ['`ls`{{ exec interrupt }}', '`ls`{run interrupt}'],
    ['`ls`{{copy}} and `pwd`{{}}', '`ls`{copy} and `pwd`'],
    ['``a ` b``{{exec}}', '``a ` b``{run}'],
    ['```\nls\n```{{exec}}', '```sh run\nls\n```'],
    ['```bash\nls\n``` {{copy}}', '```bash copy\nls\n```'],
    ['```plain\nls\n```{{exec}}', '```sh run\nls\n```'],
    ['~~~\nls\n~~~{{}}', '~~~\nls\n~~~'],
    ['````\n```\n````{{copy}}', '````sh copy\n```\n````'],
    ['```\n`x`{{exec}}\n```', '```\n`x`{{exec}}\n```'],
    ['a<br>b<br/>', 'ab'],
    ['{{exec}} alone', '{{exec}} alone'],
  ])('%j becomes ours', (theirs, ours) => {
    expect(convertText(theirs)).toEqual({ markdown: ours, warnings: [] });
  });

  test.each([
    ['`x`{{open}}', '{{open}} after code has no counterpart; the code is shown as it is'],
    ['<div>x</div>', 'HTML is shown as text; write it in Markdown'],
  ])('%j is told of', (theirs, message) => {
    expect(convertText(`a\n${theirs}`).warnings).toEqual([{ line: 2, message }]);
  });
});
