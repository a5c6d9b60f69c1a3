#!/usr/bin/env node
/**
 * Sets the project up from a bare clone: npm packages, compiled TypeScript, the CPU core, guest kernel, initramfs, the
 * busybox image and those of the labs. Each step is skipped when it has nothing to do. Built-ins only: there is no node_modules yet.
 * Writes build/assets.json, where the command line finds the guest's parts. Usage: node scripts/bootstrap.mjs
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { main, runStreaming, SetupError } from './lib/run.mjs';
import { startProgress } from './lib/progress.mjs';
import { PROJECT, stamped, summary, timed } from './lib/steps.mjs';
import { ensureInitramfs } from '../images/guest/build.mjs';
import { ensureKernel } from '../images/kernel/build.mjs';
import { ensureLabPrograms } from '../images/lab-machine/build.mjs';

const OLDEST_NODE = [20, 19];
const IMAGES = 'build/images';
/** Not in the npm package: they are the labs'. */
const LAB_IMAGES = ['lab-shell', 'lab-machine'];
const ASSETS = 'build/assets.json';

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new SetupError(`Node ${process.versions.node} is too old: Vivarium needs ${OLDEST_NODE.join('.')} or newer`);
}

function readJson(path) {
  return JSON.parse(readFileSync(join(PROJECT, path), 'utf8'));
}

/** Whether what npm installed (its own record of it) is what the lock file asks for. */
function packagesAreCurrent() {
  const record = 'node_modules/.package-lock.json';
  if (!existsSync(join(PROJECT, record))) return false;
  const installed = readJson(record).packages;
  return Object.entries(readJson('package-lock.json').packages)
    .filter(([path, wanted]) => path !== '' && !wanted.optional)
    .every(
      ([path, wanted]) =>
        installed[path]?.version === wanted.version && installed[path]?.integrity === wanted.integrity,
    );
}

/** Installs the npm packages unless they are as the lock file asks. */
export async function installPackages() {
  if (packagesAreCurrent()) return;
  const progress = startProgress('npm packages');
  await runStreaming('npm', ['ci'], () => {}, { cwd: PROJECT });
  progress.end('installed');
}

function tool(script, ...args) {
  return runStreaming(process.execPath, [join(PROJECT, script), ...args], () => {}, { cwd: PROJECT });
}

function compile() {
  // Without its output the compiler's record of what it wrote is wrong.
  if (!existsSync(join(PROJECT, 'dist/src'))) rmSync(join(PROJECT, 'build/dist.tsbuildinfo'), { force: true });
  const inputs = [
    'src',
    'images',
    'bench',
    'assembly',
    'scripts',
    'test/support',
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ];
  return stamped('TypeScript', { inputs, output: 'dist/src' }, async () => {
    await tool('node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json');
    await tool('scripts/bundle.mjs');
  });
}

/** Builds build/core.wasm unless it is newer than its sources. */
export function buildCore() {
  const inputs = [
    'assembly',
    'scripts/build-core.mjs',
    'scripts/generate-isa.ts',
    'scripts/isa',
    'tsconfig.isa.json',
    'package-lock.json',
  ];
  return stamped('CPU core', { inputs, output: 'build/core.wasm' }, () =>
    runStreaming('npm', ['run', '--silent', 'build:core'], () => {}, { cwd: PROJECT }),
  );
}

/** Builds the layout of one of our images: `build` of its recipe's compiled module, unless it is as it was. */
function buildImage(name, { inputs, facts, build }) {
  const outputFolder = join(PROJECT, IMAGES, name);
  const work = { inputs: [...inputs, 'src/oci'], facts, output: join(IMAGES, name) };
  return stamped(`image ${name}`, work, async () => {
    const recipe = await import(pathToFileURL(join(PROJECT, `dist/images/${name}/build.js`)).href);
    mkdirSync(join(PROJECT, IMAGES), { recursive: true });
    await build(recipe, outputFolder);
  });
}

async function buildImages(guest) {
  const { sha256 } = guest.manifest.files.find((file) => file.name === 'busybox');
  const busyboxPath = join(guest.folder, 'busybox');
  const programs = await timed("the labs' programs", () => ensureLabPrograms());
  const inputs = ['images/busybox', 'images/lab-shell'];
  await buildImage('busybox', {
    inputs: ['images/busybox'],
    facts: [sha256],
    build: (recipe, outputFolder) => recipe.buildBusyboxImage({ busyboxPath, outputFolder }),
  });
  await buildImage('lab-shell', {
    inputs,
    facts: [sha256],
    build: (recipe, outputFolder) => recipe.buildLabShellImage({ busyboxPath, outputFolder }),
  });
  await buildImage('lab-machine', {
    inputs: [...inputs, 'images/lab-machine'],
    facts: [sha256, programs.manifest.key],
    build: (recipe, outputFolder) =>
      recipe.buildLabMachineImage({ busyboxPath, programFolder: programs.folder, outputFolder }),
  });
}

/** The whole set-up. */
export async function bootstrap() {
  checkNode();
  await timed('npm packages', installPackages);
  await compile();
  await buildCore();
  const kernel = await timed('kernel', () => ensureKernel());
  const guest = await timed('guest initramfs', () => ensureInitramfs());
  await buildImages(guest);
  const layout = (name) => [name, join(PROJECT, IMAGES, name)];
  const assets = {
    kernel: join(kernel.folder, 'vmlinux'),
    initramfs: join(guest.folder, 'initramfs.cpio'),
    images: Object.fromEntries([layout('busybox')]),
    labImages: Object.fromEntries(LAB_IMAGES.map(layout)),
  };
  writeFileSync(join(PROJECT, ASSETS), `${JSON.stringify(assets, null, 2)}\n`);
  process.stderr.write(`${summary()}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(bootstrap);
