import { expect, test } from 'vitest';
import { Notes } from '../../src/machine/notes.ts';

test('a note of the core becomes a sentence that names its detail', () => {
  const notes = new Notes();
  notes.add(2, 14);
  expect(notes.list()).toEqual(['exception 14 while a double fault was delivered: the CPU shut down']);
});

test('a guest that makes notes without end fills a bounded list', () => {
  const notes = new Notes();
  Array.from({ length: 100 }, (_, n) => notes.add(4, n));
  expect(notes.list()).toHaveLength(17);
  expect(notes.list().at(-1)).toBe('84 more notes were not kept');
});
