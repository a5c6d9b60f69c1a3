import { expect, test } from 'vitest';
import { idOf } from '../../../src/cli/lab/new-command.ts';
import { starterLab } from '../../../src/cli/lab/starter.ts';
import { labOf, mistakesOf } from '../../support/lab/lab-folder.ts';

test('the lab to begin with has no mistakes, and each file in it is used', async () => {
  const files = Object.fromEntries(starterLab('x', 'A "title": with # signs'));
  const { 'lab.yaml': labYaml, ...others } = files;

  expect(await mistakesOf(files)).toEqual([]);
  expect(await labOf(labYaml!, others)).toMatchObject({ id: 'x', title: 'A "title": with # signs' });
  expect(Object.keys(others).filter((path) => !labYaml!.includes(path))).toEqual([]);
});

test.each([
  ['First steps', 'first-steps'],
  ['Über_uns!', 'u-ber-uns'],
  ['--', 'lab'],
  ['x'.repeat(100), 'x'.repeat(63)],
])('a folder %s gives the id %s', (name, id) => {
  expect(idOf(name)).toBe(id);
});
