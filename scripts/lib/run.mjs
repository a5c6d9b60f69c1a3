/** Runs programs for the set-up scripts: output captured, shown only when it fails; no shell in between. */
import { spawn, spawnSync } from 'node:child_process';

/** A failure whose message is meant for the user as it stands (no stack). */
export class SetupError extends Error {}

/** Runs a program to its end; throws SetupError with the tail of its output when it fails. Returns its stdout. */
export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (done.error) throw new SetupError(`cannot run ${command}: ${done.error.message}`);
  if (done.status !== 0) {
    const tail = `${done.stdout ?? ''}${done.stderr ?? ''}`.trimEnd().split('\n').slice(-30).join('\n');
    throw new SetupError(`${command} ${args.join(' ')} failed (${done.status ?? done.signal}):\n${tail}`);
  }
  return done.stdout;
}

/** The same without blocking; onLine sees each line of stdout as it comes. */
export function runStreaming(command, args, onLine, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const tail = [];
    const feed = (stream, see) => {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        for (const line of lines) {
          tail.push(line);
          if (tail.length > 40) tail.shift();
          see(line);
        }
      });
    };
    feed(child.stdout, onLine);
    feed(child.stderr, () => {});
    child.on('error', (error) => reject(new SetupError(`cannot run ${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new SetupError(`${command} ${args.join(' ')} failed (${code ?? signal}):\n${tail.join('\n')}`));
    });
  });
}

/** First line that a program prints, or null when it is not installed. */
export function firstLine(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  return done.status === 0 ? done.stdout.split('\n')[0].trim() : null;
}

/** Runs a script's main function; an error that is meant for the user ends the process with its message alone. */
export async function main(body) {
  try {
    await body();
  } catch (error) {
    const forUser = error instanceof SetupError || error.name === 'VivariumError';
    process.stderr.write(`${forUser ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
