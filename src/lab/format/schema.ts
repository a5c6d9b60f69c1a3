/** What lab.yaml may say, version 1. docs/reference/lab-format.md is written from it (`npm run docs:lab`). */
import { EXT4_BYTES_MIN } from '../../oci/disk/ext4.ts';
import { MEMORY_BYTES_MIN } from '../../sandbox/run-options.ts';
import { optional, required, type ObjectValue } from './kinds.ts';
import { LIMITS } from './limits.ts';

const GIB = 2 ** 30;
const SECOND_MS = 1000;
/** What a browser can address, with room for everything else. */
const MEMORY_BYTES_MAX = 2 * GIB;
const STORAGE_BYTES_MAX = 64 * GIB;
const TIMEOUT_MS_MAX = 600 * SECOND_MS;

const NAME = {
  kind: 'text',
  charsMax: 63,
  pattern: /^[a-z0-9][a-z0-9-]*$/,
  wanted: 'small letters, digits and dashes, such as first-steps',
} as const;
const LINE = {
  kind: 'text',
  charsMax: 200,
  pattern: /^\P{Cc}*[^\s\p{Cc}]\P{Cc}*$/u,
  wanted: 'one line of text',
} as const;
const WORD = { kind: 'text', charsMax: 400, pattern: /^[^\s\p{Cc}]+$/u, wanted: 'one word' } as const;
const PATH = { kind: 'text', charsMax: 400, pattern: /^\P{Cc}*[^\s\p{Cc}]\P{Cc}*$/u, wanted: 'a path' } as const;
const CONTENT = { kind: 'text', charsMax: LIMITS.labFileBytes } as const;
const PANEL = { kind: 'choice', words: ['files', 'cpu'] } as const;
const FLAG = { kind: 'flag' } as const;
const SCRIPT = { kind: 'source', of: 'script' } as const;
const MARKDOWN = { kind: 'source', of: 'markdown' } as const;

export const MACHINE = {
  kind: 'object',
  name: 'a machine',
  fields: {
    name: optional(NAME, 'What steps and files call it. Two machines need two names.', '`main`'),
    image: required(
      WORD,
      'The image that it runs: a name as `viv run` takes it, or the path of an archive or an OCI layout in the lab’s folder, beginning with `./`.',
    ),
    memory: optional(
      { kind: 'size', min: MEMORY_BYTES_MIN, max: MEMORY_BYTES_MAX },
      'Memory, such as `512M`. A page needs as much for each machine.',
      '`512M`',
    ),
    storage: optional(
      { kind: 'size', min: EXT4_BYTES_MIN, max: STORAGE_BYTES_MAX },
      'How much may be written to its disk. Room is taken as it is written to.',
      '`1G`',
    ),
    privileged: optional(
      FLAG,
      '`true` gives programs all rights and devices in the machine: for labs that mount, or make namespaces.',
      '`false`',
    ),
    hostname: optional(NAME, 'Its name, as prompts show it.', 'the machine’s `name`'),
    user: optional(
      WORD,
      'Who the student is: `user[:group]`, by name or number. `solution` runs as this user too.',
      'the image’s',
    ),
    cwd: optional(PATH, 'Absolute path of the folder that terminals and scripts begin in.', 'the image’s'),
    env: optional({ kind: 'texts' }, 'Variables of terminals and scripts, by name.', 'the image’s alone'),
  },
} as const;

export const FILE = {
  kind: 'object',
  name: 'a file',
  fields: {
    path: required(PATH, 'Absolute path in the machine. Folders that it needs are made.'),
    content: optional(CONTENT, 'What is in it. Either this or `source`.'),
    source: optional(PATH, 'Path of a file in the lab’s folder, which is copied.'),
    mode: optional({ kind: 'mode' }, 'Its permissions in octal, such as `0755`.', '`0644`'),
    machine: optional(NAME, 'The machine that it goes to.', 'the first one'),
  },
} as const;

export const STEP = {
  kind: 'object',
  name: 'a step',
  fields: {
    id: required(
      NAME,
      'What links and `needs` call it. Progress is kept by it: don’t change it in a lab that is in use.',
    ),
    title: required(LINE, 'Its heading.'),
    text: required(
      MARKDOWN,
      'What the student reads: Markdown, or the path of a file that ends in `.md`, or `{ file: PATH }`.',
    ),
    needs: optional(
      { kind: 'list', of: NAME, max: LIMITS.steps, orOne: true },
      'Steps that are to be passed before this one opens: an `id`, or a list of them.',
      'none',
    ),
    machine: optional(
      NAME,
      'The machine that it is about: its terminal opens there, and its scripts run there.',
      'the first one',
    ),
    init: optional(SCRIPT, 'Script that prepares the step, as root, when the student comes to it.'),
    check: optional(
      SCRIPT,
      'Script that says whether the step is done, as root: by status 0, or by another, with what it prints last as feedback. Without it, the student says when the step is done.',
    ),
    hint: optional(
      { kind: 'list', of: MARKDOWN, max: LIMITS.hints, orOne: true },
      'Help, shown when the student asks for it, one after the other: Markdown or files, one or a list.',
    ),
    solution: optional(SCRIPT, 'Script that does what the step asks for, as the student. `viv lab test` runs it.'),
    timeout: optional(
      { kind: 'duration', min: SECOND_MS, max: TIMEOUT_MS_MAX },
      'How long each script of the step may take: seconds, or like `2m`. Remember that a phone is slow.',
      '`60s`',
    ),
  },
} as const;

export const LAB = {
  kind: 'object',
  name: 'a lab',
  fields: {
    version: required({ kind: 'whole', min: 1, max: 1 }, 'The version of this format: `1`.'),
    id: required(NAME, 'Names the lab where progress is kept: don’t change it in a lab that is in use.'),
    title: required(LINE, 'Its heading.'),
    summary: optional(LINE, 'One sentence for lists of labs.'),
    language: optional(LINE, 'The language of its texts as a tag of BCP 47, such as `de`.', '`en`'),
    panels: optional(
      { kind: 'list', of: PANEL, max: 4, orOne: true },
      'What the page shows beside text and terminals: `files` is a file tree with an editor, `cpu` looks inside the machine.',
      '`files`',
    ),
    machines: required({ kind: 'list', of: MACHINE, max: LIMITS.machines }, 'The machines that it uses.'),
    files: optional(
      { kind: 'list', of: FILE, max: LIMITS.files },
      'Files that are in the machines before the first step.',
      'none',
    ),
    steps: required({ kind: 'list', of: STEP, max: LIMITS.steps }, 'The steps, in the order in which they are shown.'),
  },
} as const;

export type LabValue = ObjectValue<(typeof LAB)['fields']>;
export type MachineValue = ObjectValue<(typeof MACHINE)['fields']>;
export type FileValue = ObjectValue<(typeof FILE)['fields']>;
export type StepValue = ObjectValue<(typeof STEP)['fields']>;
