#!/usr/bin/env node
/**
 * `npm test`: set-up, then lint, format and type checks, then every suite within its budget. The last line is
 * "N passed, N failed"; a check counts as one test. Built-ins only. Usage: node scripts/test.mjs [suite…]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap } from './bootstrap.mjs';
import { buildSite } from './build-site.mjs';
import { currentNode } from './lib/current-node.mjs';
import { ensurePackages } from './lib/debian.mjs';
import { main, SetupError } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

/**
 * Vitest projects of vite.config.ts, each with the minutes after which it is stopped, the Debian packages it needs, and what
 * is to be done before.
 * On two idle cores the unit tests take about a minute and the others about a quarter of an hour.
 */
const SUITES = [
  { name: 'unit', budgetMinutes: 8, packages: ['gcc', 'libc6-dev', 'erofs-utils', 'e2fsprogs', 'fdisk'] },
  {
    name: 'e2e',
    budgetMinutes: 40,
    packages: [
      'qemu-system-x86',
      'mmdebstrap',
      'umoci',
      'bsdutils',
      'docker-registry',
      'skopeo',
      'oci-image-tool',
      'openssl',
      'zsh',
      'fish',
    ],
    prepare: buildSite,
  },
  { name: 'browser', budgetMinutes: 20, packages: ['chromium', 'firefox-esr'], prepare: buildSite },
  {
    name: 'current-node',
    budgetMinutes: 6,
    packages: [],
    projects: ['unit', 'e2e'],
    files: ['test/isa', 'test/core', 'test/system', 'test/worker', 'test/sandbox', 'test/e2e/run.test.ts'],
    node: currentNode,
  },
];
const CHECKS = [
  { name: 'types', words: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'] },
  { name: 'lint', words: ['node_modules/eslint/bin/eslint.js', '--max-warnings', '0', '.'] },
  { name: 'format', words: ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
];
const CHECK_BUDGET_MINUTES = 3;
const MS_PER_MINUTE = 60_000;
/** Characters of a failure's message that are told again in the end. */
const FAILURE_LENGTH = 2000;

/** Runs a script of Node's to its end, its output shown; false when it fails or takes longer than it may. */
function runWithin(minutes, words, executable = process.execPath) {
  return new Promise((resolve) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(executable, words, {
      cwd: PROJECT,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const stop = () => process.kill(-child.pid, 'SIGKILL');
    const timer = setTimeout(() => {
      process.stdout.write(`over its budget of ${minutes} minutes: stopped\n`);
      stop();
    }, minutes * MS_PER_MINUTE);
    process.once('SIGINT', stop);
    child.once('close', (code) => {
      clearTimeout(timer);
      process.removeListener('SIGINT', stop);
      resolve(code === 0);
    });
  });
}

async function runCheck({ name, words }) {
  process.stdout.write(`\n== ${name}\n`);
  const passed = await runWithin(CHECK_BUDGET_MINUTES, words);
  return passed ? { passed: 1, failed: 0, failures: [] } : { passed: 0, failed: 1, failures: [`the ${name} check`] };
}

/** Names and first words of what failed, to be told again where a long log ends. */
function failuresOf({ testResults }) {
  return testResults.flatMap(({ name: file, assertionResults, message }) => {
    const tests = assertionResults.filter(({ status }) => status === 'failed');
    const place = relative(PROJECT, file);
    if (tests.length === 0) return message ? [`${place}: ${message.slice(0, FAILURE_LENGTH)}`] : [];
    return tests.map(
      ({ fullName, failureMessages }) =>
        `${place}: ${fullName}\n${failureMessages.join('\n').slice(0, FAILURE_LENGTH)}`,
    );
  });
}

async function runSuite({ name, budgetMinutes, packages, projects = [name], files = [], node, prepare }) {
  process.stdout.write(`\n== ${name} tests (budget: ${budgetMinutes} min)\n`);
  ensurePackages(packages, `the ${name} tests`);
  await prepare?.();
  const report = join(PROJECT, `build/test-${name}.json`);
  rmSync(report, { force: true });
  mkdirSync(join(PROJECT, 'build'), { recursive: true });
  const executable = node ? node() : process.execPath;
  const vitest = [
    'node_modules/vitest/vitest.mjs',
    'run',
    ...files,
    ...projects.flatMap((project) => ['--project', project]),
  ];
  const clean = await runWithin(
    budgetMinutes,
    [...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    executable,
  );
  if (!existsSync(report)) return { passed: 0, failed: 1, failures: [`the ${name} tests did not come to their end`] };
  const results = JSON.parse(readFileSync(report, 'utf8'));
  const { numPassedTests: passed, numFailedTests } = results;
  const failures = failuresOf(results);
  // A file that can't be loaded, or whose set-up fails, has no failed test, but the run failed.
  const failed = Math.max(numFailedTests, failures.length);
  if (failed > 0 || clean) return { passed, failed, failures };
  return { passed, failed: 1, failures: [`the ${name} tests: an error outside of a test`] };
}

await main(async () => {
  const { positionals } = parseArgs({ allowPositionals: true });
  const unknown = positionals.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0)
    throw new SetupError(`no suite ${unknown.join(', ')}: there are ${SUITES.map(({ name }) => name).join(', ')}`);
  await bootstrap();
  const results = [];
  for (const check of positionals.length > 0 ? [] : CHECKS) results.push(await runCheck(check));
  for (const suite of SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))
    results.push(await runSuite(suite));
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  for (const failure of results.flatMap(({ failures }) => failures)) process.stdout.write(`\nfailed: ${failure}\n`);
  process.stdout.write(`\n${sum('passed')} passed, ${sum('failed')} failed\n`);
  if (sum('failed') > 0 || sum('passed') === 0) process.exitCode = 1;
});
