#!/usr/bin/env node
/**
 * `npm run vectors -- FILE.xv[.gz] …`: builds the CPU core and the replay tool (scripts/vectors.ts) if they are missing or
 * older than their sources, then runs it with the same arguments. Built-ins only.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildCore, installPackages } from './bootstrap.mjs';
import { main, runStreaming } from './lib/run.mjs';
import { PROJECT, stamped } from './lib/steps.mjs';

const TOOL = 'build/isa/scripts/vectors.js';

await main(async () => {
  await installPackages();
  await buildCore();
  const inputs = ['scripts/vectors.ts', 'test/support', 'assembly/layout.ts', 'tsconfig.isa.json'];
  await stamped('vector tool', { inputs, output: TOOL }, () =>
    runStreaming(
      process.execPath,
      [join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.isa.json'],
      () => {},
      {
        cwd: PROJECT,
      },
    ),
  );
  const words = [join(PROJECT, TOOL), '--core', join(PROJECT, 'build/core.wasm'), ...process.argv.slice(2)];
  // npm changes to the project's folder; file names are meant from where the user stands.
  const child = spawn(process.execPath, words, { stdio: 'inherit', cwd: process.env.INIT_CWD ?? process.cwd() });
  process.exitCode = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
});
