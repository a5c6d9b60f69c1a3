import { describe, expect, test } from 'vitest';
import { HEAD, labFolder, labOf, mistakesOf } from '../../support/lab/lab-folder.ts';
import { LabError } from '../../../src/lab/format/mistake.ts';
import { loadLab } from '../../../src/lab/format/parse.ts';

const STEP = 'steps:\n  - id: look\n    title: Look\n    text: Look around.\n';
const GOOD = HEAD + STEP;

describe('a lab', () => {
  test('of few lines has a default for all the rest', async () => {
    expect(await labOf(GOOD)).toEqual({
      id: 'trial',
      title: 'Trial',
      summary: undefined,
      language: 'en',
      panels: ['files'],
      machines: [
        {
          name: 'main',
          image: 'busybox',
          memoryBytes: 512 * 2 ** 20,
          storageBytes: 2 ** 30,
          privileged: false,
          hostname: 'main',
          user: undefined,
          cwd: undefined,
          env: [],
        },
      ],
      files: [],
      steps: [
        {
          id: 'look',
          title: 'Look',
          text: { markdown: 'Look around.', file: 'lab.yaml', line: 8 },
          machine: 'main',
          needs: [],
          init: undefined,
          check: undefined,
          hints: [],
          solution: undefined,
          timeoutMs: 60_000,
        },
      ],
    });
  });

  test('has what it says, from lab.yaml and from other files', async () => {
    const yaml = `version: 1
id: two
title: "Two machines"
summary: Talks of two.
language: de
panels: [cpu, files, cpu]
machines:
  - name: left
    image: busybox
    memory: 128M
    storage: 64M
    privileged: true
    hostname: links
    user: nobody
    cwd: /tmp
    env: { PS1: '$ ', EMPTY: }
  - name: right
    image: ./right.tar
files:
  - path: /etc/motd
    content: "hello\\n"
    machine: right
    mode: 0600
  - path: /bin/tool
    source: tools/tool
    mode: "0755"
steps:
  - id: one
    title: One
    text: one.md
    init: |
      mkdir /x
    check: { file: checks/one.sh }
    hint: Look there.
    solution: touch /x/y
    timeout: 2m
  - id: two
    title: Two
    text: |
      # Two
    machine: right
    needs: one
    hint:
      - First.
      - { file: hints/two.txt }
    timeout: 5
`;
    const lab = await labOf(yaml, {
      'right.tar': 'image',
      'tools/tool': Uint8Array.of(1, 0, 255),
      'one.md': 'Text of *one*.\r\n',
      'checks/one.sh': '#!/bin/sh\ntest -f /x/y\n',
      'hints/two.txt': 'Second.',
    });

    expect(lab.machines).toEqual([
      {
        name: 'left',
        image: 'busybox',
        memoryBytes: 2 ** 27,
        storageBytes: 2 ** 26,
        privileged: true,
        hostname: 'links',
        user: 'nobody',
        cwd: '/tmp',
        env: ['PS1=$ ', 'EMPTY='],
      },
      expect.objectContaining({ name: 'right', image: './right.tar', hostname: 'right' }),
    ]);
    expect(lab.files).toEqual([
      { machine: 'right', path: '/etc/motd', content: new TextEncoder().encode('hello\n'), mode: 0o600 },
      { machine: 'left', path: '/bin/tool', content: Uint8Array.of(1, 0, 255), mode: 0o755 },
    ]);
    expect(lab.panels).toEqual(['cpu', 'files']);
    expect(lab.steps).toEqual([
      {
        id: 'one',
        title: 'One',
        text: { markdown: 'Text of *one*.\n', file: 'one.md', line: 1 },
        machine: 'left',
        needs: [],
        init: { text: 'mkdir /x\n', file: 'lab.yaml', line: 32 },
        check: { text: '#!/bin/sh\ntest -f /x/y\n', file: 'checks/one.sh', line: 1 },
        hints: [{ markdown: 'Look there.', file: 'lab.yaml', line: 34 }],
        solution: { text: 'touch /x/y', file: 'lab.yaml', line: 35 },
        timeoutMs: 120_000,
      },
      {
        id: 'two',
        title: 'Two',
        text: { markdown: '# Two\n', file: 'lab.yaml', line: 40 },
        machine: 'right',
        needs: ['one'],
        init: undefined,
        check: undefined,
        hints: [
          { markdown: 'First.', file: 'lab.yaml', line: 44 },
          { markdown: 'Second.', file: 'hints/two.txt', line: 1 },
        ],
        solution: undefined,
        timeoutMs: 5000,
      },
    ]);
  });

  test('with mistakes can’t be loaded, and the error has them all', async () => {
    const loading = loadLab(labFolder({ 'lab.yaml': GOOD.replace('title: Trial', 'titel: Trial') }));

    await expect(loading).rejects.toThrow(LabError);
    await expect(loading).rejects.toMatchObject({
      code: 'BAD_LAB',
      message:
        'the lab has 2 mistakes:\n' +
        'lab.yaml:1:1: a lab needs the key "title"; add it\n' +
        'lab.yaml:3:1: a lab has no key "titel"; did you mean "title"?',
    });
  });
});

/** What lab.yaml becomes, and what is said about it. */
const MISTAKES: ReadonlyArray<readonly [name: string, labYaml: string, mistakes: readonly string[]]> = [
  ['nothing', '', ['lab.yaml:1:1: the file is empty; a lab begins with "version: 1"']],
  [
    'no keys',
    'hello',
    [
      'lab.yaml:1:1: lab.yaml must have keys, as a lab has: version, id, title, summary, language, panels, machines, files and steps; write "key: value" lines',
    ],
  ],
  [
    'an unknown key like none',
    `${GOOD}    colour: red\n`,
    [
      'lab.yaml:9:5: a step has no key "colour"; it has id, title, text, needs, machine, init, check, hint, solution and timeout',
    ],
  ],
  [
    'an unknown key like another',
    `${GOOD}    hints: Look.\n`,
    ['lab.yaml:9:5: a step has no key "hints"; did you mean "hint"?'],
  ],
  ['another version', GOOD.replace('version: 1', 'version: 2'), ['lab.yaml:1:10: "version" must be 1, not 2']],
  [
    'a number for a title',
    GOOD.replace('Trial', '2024'),
    ['lab.yaml:3:8: "title" must be text, not the number 2024; put it in quotes'],
  ],
  [
    'a list for a title',
    GOOD.replace('Trial', '[Trial]'),
    ['lab.yaml:3:8: "title" must be text, not a list; put it in quotes if it begins with a bracket'],
  ],
  [
    'a key without a value',
    GOOD.replace(' Trial', ''),
    ['lab.yaml:3:1: "title" has no value; give it one, or remove the line'],
  ],
  [
    'a bad id',
    GOOD.replace('id: trial', 'id: My lab'),
    ['lab.yaml:2:5: "id" must be small letters, digits and dashes, such as first-steps, not "My lab"'],
  ],
  ['no steps', `${HEAD}steps: []\n`, ['lab.yaml:5:8: "steps" is an empty list; add an item, or remove the line']],
  [
    'steps that are no list',
    `${HEAD}steps:\n  look:\n    title: Look\n`,
    ['lab.yaml:6:3: "steps" must be a list; begin each item with "- "'],
  ],
  [
    'a step without most things',
    `${HEAD}steps:\n  - id: look\n`,
    ['lab.yaml:6:5: a step needs the key "title"; add it', 'lab.yaml:6:5: a step needs the key "text"; add it'],
  ],
  [
    'two steps of one id',
    GOOD + STEP.replace('steps:\n', ''),
    ['lab.yaml:9:9: the step in line 6 has the same id "look"; give one of them another'],
  ],
  [
    'two machines without names',
    GOOD.replace('[{ image: busybox }]', '[{ image: busybox }, { image: busybox }]'),
    ['lab.yaml:4:32: the machine in line 4 has the same name "main"; give one of them another'],
  ],
  [
    'a need that is not there',
    `${GOOD}    needs: [lok]\n`,
    ['lab.yaml:9:13: there is no step "lok"; did you mean "look"?'],
  ],
  [
    'needs in a circle',
    `${GOOD}    needs: two\n  - id: two\n    title: Two\n    text: Two.\n    needs: [look]\n`,
    [
      'lab.yaml:9:12: the step "look", which needs "two", which needs "look"; no student can begin, so remove one of these needs',
    ],
  ],
  [
    'a step that needs itself',
    `${GOOD}    needs: look\n`,
    ['lab.yaml:9:12: the step "look", which needs "look"; no student can begin, so remove one of these needs'],
  ],
  [
    'a machine that is not there',
    `${GOOD}    machine: mian\n`,
    ['lab.yaml:9:14: there is no machine "mian"; did you mean "main"?'],
  ],
  [
    'an empty check',
    `${GOOD}    check: "  "\n`,
    ['lab.yaml:9:12: "check" is empty; write a script, or remove the line'],
  ],
  [
    'a check without a value',
    `${GOOD}    check:\n`,
    ['lab.yaml:9:5: "check" has no value; give it one, or remove the line'],
  ],
  [
    'a check that is a list',
    `${GOOD}    check: [true]\n`,
    ['lab.yaml:9:12: "check" must be text, not a list; put it in quotes if it begins with a bracket'],
  ],
  [
    'a check from something else than a file',
    `${GOOD}    check: { script: check.sh }\n`,
    ['lab.yaml:9:12: "check" must be a text, or name a file; write "|" and the text below it, or "{ file: PATH }"'],
  ],
  [
    'a timeout that is too long',
    `${GOOD}    timeout: 1000\n`,
    ['lab.yaml:9:14: "timeout" must be from 1s to 600s, not 1000s'],
  ],
  [
    'a timeout that is none',
    `${GOOD}    timeout: soon\n`,
    ['lab.yaml:9:14: "timeout" must be seconds, such as 90, or a time such as 2m, not "soon"'],
  ],
  [
    'too little memory',
    GOOD.replace('image: busybox', 'image: busybox, memory: 16M'),
    ['lab.yaml:4:38: "memory" must be from 64M to 2G, not 16M'],
  ],
  [
    'memory that is no size',
    GOOD.replace('image: busybox', 'image: busybox, memory: much'),
    ['lab.yaml:4:38: "memory" must be a size such as 512M, not "much"'],
  ],
  [
    'a flag that is none',
    GOOD.replace('image: busybox', 'image: busybox, privileged: yes'),
    ['lab.yaml:4:42: "privileged" must be true or false, not "yes"'],
  ],
  [
    'a text outside of the folder',
    GOOD.replace('Look around.', '../secret.md'),
    ['lab.yaml:8:11: "../secret.md" is not in the lab\'s folder; copy the file there, and write its path from there'],
  ],
  [
    'a text that is not there',
    GOOD.replace('Look around.', 'look.md'),
    ['lab.yaml:8:11: there is no file "look.md" in the lab\'s folder; add it, or correct the path'],
  ],
  [
    'a text with nearly the right name',
    GOOD.replace('Look around.', 'there.md'),
    ['lab.yaml:8:11: there is no file "there.md" in the lab\'s folder; did you mean "here.md"?'],
  ],
  [
    'an image outside of the folder',
    GOOD.replace('busybox', './../image.tar'),
    ['lab.yaml:4:21: the image "./../image.tar" is not in the lab\'s folder; copy it there'],
  ],
  [
    'an image with a name that is none',
    GOOD.replace('busybox', 'Busy_Box!'),
    [expect.stringMatching(/^lab\.yaml:4:21: .*Busy_Box!.*; a file of the lab's folder begins with \.\/$/) as string],
  ],
  [
    'files with mistakes',
    `${GOOD}files:\n  - path: notes\n    content: x\n  - path: /a/../b\n    source: /etc/passwd\n  - path: /c\n  - path: /d\n    content: ""\n    mode: rwx\n`,
    [
      'lab.yaml:10:11: "path" must be the absolute path of a file, such as /root/notes.txt, not "notes"',
      'lab.yaml:12:11: "path" must be the absolute path of a file, such as /root/notes.txt, not "/a/../b"',
      'lab.yaml:13:13: "/etc/passwd" is not in the lab\'s folder; copy the file there, and write its path from there',
      'lab.yaml:14:5: a file needs either a "content" or a "source"; write what is in it, or the path of a file to copy',
      'lab.yaml:17:11: "mode" must be permissions such as 0644, not "rwx"',
    ],
  ],
  [
    'two files in one place',
    `${GOOD}files: [{ path: /a, content: x }, { path: /a, content: y }]\n`,
    ['lab.yaml:9:43: the file in line 9 has the same path "main:/a"; give one of them another'],
  ],
  [
    'a language that is none',
    `language: "?"\n${GOOD}`,
    ['lab.yaml:1:11: "language" must be the tag of a language, such as en or de, not "?"'],
  ],
  [
    'a variable with a bad name',
    GOOD.replace('image: busybox', 'image: busybox, env: { A-B: x }'),
    ['lab.yaml:4:37: "A-B" can\'t be the name of a variable; use letters, digits and underscores'],
  ],
  ['a tab', GOOD.replace('    title', '\ttitle'), ['lab.yaml:7:1: a line is indented with a tab; use spaces']],
  ['a key twice', `${GOOD}    id: look\n`, ['lab.yaml:9:5: this key is here twice; remove one']],
  [
    'a quote that does not end',
    GOOD.replace('Trial', '"Trial'),
    [expect.stringContaining('a quote, bracket or colon is missing here or in the lines before; add it') as string],
  ],
  [
    'a text that begins like an alias',
    GOOD.replace('title: Look', 'title: *a'),
    ['lab.yaml:7:12: a text can\'t begin with "*"; put it in quotes'],
  ],
  [
    'a text that begins like an anchor',
    GOOD.replace('Look around.', '&a Look'),
    ['lab.yaml:8:14: a text can\'t begin with "&"; put it in quotes'],
  ],
  [
    'a text that can’t be shown as it is',
    GOOD.replace(
      'Look around.',
      '|\n      Hello\n      [there](javascript:alert(1)) and ![x](x.png)\n      [step](#step=lok)\n',
    ),
    [
      'lab.yaml:10:1: the link "javascript:alert(1)" is not allowed; links begin with https:// or http://, with #step=, or name a file of the lab',
      'lab.yaml:10:1: the text shows "x.png", which is not in the lab\'s folder; add the file, or correct the path',
      'lab.yaml:11:1: the text links to a step "lok" that is not there; did you mean "look"?',
    ],
  ],
];

describe('mistakes:', () => {
  test('one does not hide others', async () => {
    const labYaml = `version: 1
titel: Trial
machines: [{ imag: busybox, name: A }]
steps:
  - id: look
    text: look.md
    needs: lok
  - title: Two
    text: Two.
    machine: man
`;
    expect(await mistakesOf({ 'lab.yaml': labYaml })).toEqual([
      'lab.yaml:1:1: a lab needs the key "id"; add it',
      'lab.yaml:1:1: a lab needs the key "title"; add it',
      'lab.yaml:2:1: a lab has no key "titel"; did you mean "title"?',
      'lab.yaml:3:12: a machine needs the key "image"; add it',
      'lab.yaml:3:14: a machine has no key "imag"; did you mean "image"?',
      'lab.yaml:3:35: "name" must be small letters, digits and dashes, such as first-steps, not "A"',
      'lab.yaml:5:5: a step needs the key "title"; add it',
      'lab.yaml:6:11: there is no file "look.md" in the lab\'s folder; add it, or correct the path',
      'lab.yaml:7:12: there is no step "lok"; did you mean "look"?',
      'lab.yaml:8:5: a step needs the key "id"; add it',
      'lab.yaml:10:14: there is no machine "man"; did you mean "main"?',
    ]);
  });

  test.each(MISTAKES)('%s', async (_name, labYaml, mistakes) => {
    expect(await mistakesOf({ 'lab.yaml': labYaml, 'here.md': 'x' })).toEqual(mistakes);
  });

  test('no lab.yaml', async () => {
    expect(await mistakesOf({ 'readme.txt': '' })).toEqual([
      'lab.yaml:1:1: there is no lab.yaml in the folder; make a lab with viv lab new',
    ]);
  });

  test('another name for lab.yaml', async () => {
    expect(await mistakesOf({ 'lab.yml': GOOD })).toEqual([
      'lab.yaml:1:1: there is no lab.yaml in the folder; rename lab.yml',
    ]);
  });

  test('a file that is not UTF-8', async () => {
    expect(await mistakesOf({ 'lab.yaml': GOOD.replace('Look around.', 'a.md'), 'a.md': Uint8Array.of(0xff) })).toEqual(
      ['lab.yaml:8:11: the file "a.md" is not text in UTF-8; save it as UTF-8'],
    );
  });

  test('an empty file', async () => {
    expect(await mistakesOf({ 'lab.yaml': GOOD.replace('Look around.', 'a.md'), 'a.md': ' \n' })).toEqual([
      'lab.yaml:8:11: the file "a.md" is empty; write what belongs there, or remove the key',
    ]);
  });

  test('a file that is too large', async () => {
    const large = 'x'.repeat(256 * 1024 + 1);
    expect(await mistakesOf({ 'lab.yaml': GOOD.replace('Look around.', 'a.md'), 'a.md': large })).toEqual([
      'lab.yaml:8:11: the lab\'s file "a.md" is larger than the 256 KiB that are allowed there; make it smaller',
    ]);
  });

  test('a mistake in another file is told with its line there', async () => {
    const text = 'One.\n\n- a\n- ![Picture](../x.png)\n';
    expect(await mistakesOf({ 'lab.yaml': GOOD.replace('Look around.', 'a.md'), 'a.md': text })).toEqual([
      'a.md:4:1: the image "../x.png" is not in the lab\'s folder; copy it there, and write its path',
    ]);
  });

  test('brackets without end don’t end us', async () => {
    expect(await mistakesOf({ 'lab.yaml': `a: ${'['.repeat(200_000)}` })).toHaveLength(1);
  });

  test('a file of many kinds of nonsense gives mistakes, not failures', async () => {
    const nonsense = [
      '{',
      '- ',
      '? a\n: b',
      '!!binary x',
      '%YAML 9',
      '---\n---\n',
      '\0',
      '"\\x"',
      '<<: {a: b}',
      '? [a]\n: b',
    ];
    const counts = await Promise.all(nonsense.map(async (text) => (await mistakesOf({ 'lab.yaml': text })).length));
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});
