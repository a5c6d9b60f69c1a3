/** Writes docs/reference/commands.md from the definitions of the commands: npm run docs:cli */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = { root, configFile: false, logLevel: 'error' };
const { module: cli } = await runnerImport('/src/cli/main.ts', options);
const { module: docs } = await runnerImport('/scripts/cli/docs.ts', options);

const folder = new URL('../docs/reference/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('commands.md', folder), docs.commandsDocs(cli.program));
