/** Writes docs/reference/lab-format.md from the schema of lab.yaml: npm run docs:lab */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const { module } = await runnerImport('/scripts/lab/docs.ts', { root, configFile: false, logLevel: 'error' });
writeFileSync(new URL('../docs/reference/lab-format.md', import.meta.url), module.labFormatDocs());
