#!/usr/bin/env node
/**
 * Builds the programs of the labs about the machine (this folder's C, static with musl, and its assembler), and keeps them with a
 * manifest in the cache. Built-ins only: runs on a bare clone.
 *
 *   node images/lab-machine/build.mjs [--force]
 *
 * Prints the folder. build.ts makes the image of them.
 */
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findEntries, hashParts, publish, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { ensurePackages, installedSource } from '../../scripts/lib/debian.mjs';
import { startProgress } from '../../scripts/lib/progress.mjs';
import { firstLine, main, run } from '../../scripts/lib/run.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const KIND = 'lab-programs';
const BUILD_PACKAGES = ['gcc', 'musl-tools', 'linux-libc-dev', 'binutils'];
/** Linked into what is in C. */
const C_LIBRARY = 'musl-dev';
/** Where hello's first instruction is, an address that no other program of the guest has; its lab names it. */
const HELLO_ADDRESS = 0x1000000;
const HELLO = 'hello.S';
/** hello, and the same with a mistake: it writes to a file that is not open. */
const HELLO_OUTPUTS = { hello: 1, 'hello-nobody': 9 };
const C_PROGRAMS = ['page', 'calls'];
const SOURCES = [HELLO, ...C_PROGRAMS.map((name) => `${name}.c`)];

function compileC(name, folder) {
  const includes = ['/usr/include', '/usr/include/x86_64-linux-gnu'].flatMap((path) => ['-idirafter', path]);
  const checks = ['-Wall', '-Wextra', '-Werror'];
  const flags = ['-static', '-O2', '-std=c11', '-D_GNU_SOURCE', ...checks, '-s', '-Wl,--build-id=none'];
  run('musl-gcc', [...flags, ...includes, '-o', join(folder, name), `${name}.c`], { cwd: HERE });
}

function assembleHello(name, folder) {
  const link = `-Wl,-Ttext=${HELLO_ADDRESS.toString(16)},-z,noseparate-code,--build-id=none`;
  const flags = ['-static', '-nostdlib', '-s', `-DOUTPUT=${HELLO_OUTPUTS[name]}`, link];
  run('gcc', [...flags, '-o', join(folder, name), HELLO], { cwd: HERE });
}

/** The entry { folder, manifest } of the programs: `page`, `calls`, `hello`, `hello-nobody`; and hello.S, which students read. */
export function ensureLabPrograms({ force = false } = {}) {
  ensurePackages(BUILD_PACKAGES, "the labs' programs");
  const inputs = [...SOURCES, 'build.mjs'].flatMap((name) => [name, readFileSync(join(HERE, name))]);
  const library = installedSource(C_LIBRARY);
  const toolchain = firstLine('gcc', ['--version']);
  const key = hashParts(...inputs, library.version, toolchain).slice(0, 16);
  const [existing] = findEntries(KIND, (manifest) => manifest.key === key);
  if (existing && !force) return existing;

  const progress = startProgress("the labs' programs");
  const folder = temporaryFolder(KIND);
  try {
    for (const name of C_PROGRAMS) compileC(name, folder);
    for (const name of Object.keys(HELLO_OUTPUTS)) assembleHello(name, folder);
    const programs = [...C_PROGRAMS, ...Object.keys(HELLO_OUTPUTS)];
    const read = (name) => [name, readFileSync(join(folder, name))];
    const files = { ...Object.fromEntries(programs.map(read)), [HELLO]: readFileSync(join(HERE, HELLO)) };
    const entry = publish(KIND, key, files, { toolchain, origins: { [C_LIBRARY]: library } }, programs);
    progress.end('built');
    return entry;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({ options: { force: { type: 'boolean' } } });
    process.stdout.write(`${ensureLabPrograms(values).folder}\n`);
  });
}
