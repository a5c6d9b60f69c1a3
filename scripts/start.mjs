#!/usr/bin/env node
/**
 * `npm start`: sets up what is missing, then runs the busybox image: a shell on a terminal, else a fixed command.
 * Arguments after -- replace the command. Built-ins only.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { main } from './lib/run.mjs';
import { PROJECT } from './lib/steps.mjs';

const SHOW = 'uname -a; echo; head -n 8 /proc/cpuinfo; echo; busybox | head -n 1; cat /proc/uptime';

await main(async () => {
  await bootstrap();
  const terminal = process.stdin.isTTY && process.stdout.isTTY;
  const given = process.argv.slice(2);
  const command = given.length > 0 ? given : terminal ? [] : ['sh', '-c', SHOW];
  const words = [
    '--',
    join(PROJECT, 'bin/viv.mjs'),
    'run',
    '--rm',
    ...(terminal ? ['-it'] : []),
    'busybox',
    ...command,
  ];
  const child = spawn(process.execPath, words, { stdio: 'inherit' });
  process.on('SIGINT', () => {}); // it is the child's to handle
  process.exitCode = await new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ? 1 : code)));
});
