/** The first page: starts the default machine and shows what it says of itself. */
import { keepOffline } from './site/offline.ts';
import { openSite, startComputer } from './viv.ts';

const status = document.getElementById('status')!;
const output = document.getElementById('output')!;

const base = new URL('./', document.baseURI);

try {
  const parts = await openSite(base, {
    onProgress: ({ what, doneBytes }) => (status.textContent = `${what}: ${Math.ceil(doneBytes / 1024)} KiB`),
    onNotice: (text) => (status.textContent = text),
  });
  const { computer } = await startComputer(parts, { image: 'busybox' });
  const { stdout } = await computer.run({ args: ['uname', '-a'] });
  output.textContent = new TextDecoder().decode(stdout);
  status.textContent = `ready after ${Math.round(performance.now())} ms`;
} catch (error) {
  status.textContent = error instanceof Error ? error.message : String(error);
}

// The machine comes first.
await keepOffline(base);
