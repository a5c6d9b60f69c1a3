/**
 * ESLint rule: a file of src/ or web/ imports only from the rooms that docs/architecture.md lets it. A room may also import
 * what those rooms may, so that a type need not be passed on by hand.
 */
import { dirname, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** What the host's side shares with the core: where state lies, and the instruction tables. Plain TypeScript. */
const SHARED_WITH_ASSEMBLY = ['layout', 'isa/form', 'isa/tables', 'isa/compile'].map((name) => `assembly/${name}`);

/** What measures a machine alike in a page and in Node. */
const BENCH_IN_A_PAGE = ['protocol', 'computer-session', 'page-figures'].map((name) => `bench/programs/${name}`);

/** Room → rooms (or single modules) it may import. */
const MAY_IMPORT = {
  util: [],
  core: ['util', ...SHARED_WITH_ASSEMBLY],
  devices: ['util'],
  machine: ['core', 'devices'],
  worker: ['machine'],
  oci: ['util'],
  net: ['util'],
  container: ['oci', 'net', 'worker/protocol'],
  sandbox: ['container'],
  lab: ['sandbox'],
  server: ['sandbox', 'container', 'oci'],
  cli: ['lab', 'sandbox', 'container', 'oci'],
  web: ['lab', 'sandbox', ...BENCH_IN_A_PAGE],
};
/** Entry points alone start a worker, and hand the machine down. */
const ENTRY_ROOMS = ['cli', 'server', 'web'];
const WORKER_ENTRIES = ['worker/node', 'worker/web'];

function closure(room) {
  const all = new Set();
  const queue = [...(MAY_IMPORT[room] ?? [])];
  while (queue.length > 0) {
    const next = queue.pop();
    if (all.has(next)) continue;
    all.add(next);
    queue.push(...(MAY_IMPORT[next] ?? []));
  }
  return all;
}

/** Path inside src/ (or from the project's root, for what lies outside), with forward slashes and no extension. */
function place(path) {
  const inProject = relative(PROJECT, path)
    .split(sep)
    .join('/')
    .replace(/\.(ts|mjs|js)$/, '');
  return inProject.startsWith('src/') ? inProject.slice('src/'.length) : inProject;
}

function mayImport(from, target) {
  const room = from.split('/')[0];
  const targetRoom = target.split('/')[0];
  if (!(room in MAY_IMPORT) || room === targetRoom) return true;
  const allowed = closure(room);
  if (allowed.has(targetRoom) || allowed.has(target)) return true;
  return (
    ENTRY_ROOMS.includes(room) && WORKER_ENTRIES.some((entry) => target === entry || target.startsWith(`${entry}-`))
  );
}

export const rooms = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { forbidden: '{{room}} may not import {{target}} (docs/architecture.md, "Rooms")' },
  },
  create(context) {
    const from = place(context.filename);
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const target = place(resolve(dirname(context.filename), specifier));
      if (mayImport(from, target)) return;
      context.report({ node, messageId: 'forbidden', data: { room: from.split('/')[0], target } });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
