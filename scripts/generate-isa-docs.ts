/** Writes docs/isa.md from the instruction tables: npm run docs:isa */
import { writeFileSync } from 'node:fs';
import { TABLES } from '../assembly/isa/tables.ts';
import { isaDocs } from './isa/docs.ts';

// Compiled to build/isa/scripts.
writeFileSync(new URL('../../../docs/isa.md', import.meta.url), isaDocs(TABLES));
