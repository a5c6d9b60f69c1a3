import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { labFormatDocs } from '../../scripts/lab/docs.ts';

test('docs/reference/lab-format.md is what the schema gives (npm run docs:lab)', () => {
  const written = readFileSync(new URL('../../docs/reference/lab-format.md', import.meta.url), 'utf8');
  expect(written).toBe(labFormatDocs());
});

test('every key is in it with its sentence', () => {
  expect(labFormatDocs()).toContain(
    '| `timeout` | time | `60s` | How long each script of the step may take: seconds, or like `2m`. Remember that a phone is slow. |',
  );
});
