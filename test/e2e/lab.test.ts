/** `viv lab` as a teacher uses it, on our own machine. Needs the build. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startViv, viv } from '../support/viv.ts';

/** Made by npm run build:site. */
const SITE = fileURLToPath(new URL('../../dist/site/lab.html', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'viv-lab-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A new lab whose lab.yaml is changed; its folder. */
async function labWith(name: string, change: (labYaml: string) => string): Promise<string> {
  const place = join(folder, name);
  await viv(['lab', 'new', place]);
  const file = join(place, 'lab.yaml');
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  return place;
}

describe('viv lab test', () => {
  test('passes a lab that viv lab new has made, and writes a report', async () => {
    const place = join(folder, 'first-steps');
    const report = join(folder, 'report.xml');
    const made = await viv(['lab', 'new', '--title', 'First "steps"', place]);

    const { status, stdout, stderr } = await viv(['lab', 'test', '--junit', report, place]);

    expect(made.status).toBe(0);
    expect(stderr).toBe('');
    expect(stdout.toString()).toMatch(
      /^First "steps": machines ready after [\d.]+ s\nok {5}welcome\nok {5}first-file \(check [\d.]+ s, solution [\d.]+ s\)\nok {5}secret \(init [\d.]+ s, check [\d.]+ s, solution [\d.]+ s\)\n3 of 3 steps passed in [\d.]+ s\n$/,
    );
    expect(status).toBe(0);
    expect(readFileSync(report, 'utf8')).toMatch(
      /<testsuite name="First &quot;steps&quot;" tests="3" failures="0" time="[\d.]+">/,
    );
  });

  test('names the step whose solution does not do what its check wants, and the steps behind it', async () => {
    const place = await labWith('broken', (yaml) => yaml.replace('solution: echo hello >', 'solution: echo -n >'));

    const { status, stdout } = await viv(['lab', 'test', place]);

    expect(status).toBe(1);
    expect(stdout.toString()).toMatch(
      /FAILED first-file .*\n {7}its check does not pass after the solution; it says: The file is there, but it is empty\. Write a word into it\.\n/,
    );
    expect(stdout.toString()).toMatch(
      /FAILED secret\n {7}it needs "first-file", which did not pass\n1 of 3 steps passed/,
    );
  });

  test('tells of a check that passes too early, and of one that does not work', async () => {
    const place = await labWith('checks', (yaml) =>
      yaml
        .replace('check: { file: checks/secret.sh }', 'check: grpe x /etc/passwd')
        .replace(/check: \|[^]*?hint:/, 'check: "true"\n    hint:'),
    );

    const { status, stdout } = await viv(['lab', 'test', '--step', 'first-file', place]);

    expect(status).toBe(1);
    expect(stdout.toString()).toContain(
      'its check passes before anything was done; let it look for what the solution does',
    );
    expect(stdout.toString()).not.toContain('secret');
  });

  test('runs scripts of other interpreters, and leaves nothing of them in the machine', async () => {
    const init = '    init: |\n      #!/usr/bin/awk -f\n      BEGIN { print "rhubarb" > "/root/notes/.hidden" }\n';
    const place = await labWith('awk', (yaml) =>
      yaml
        .replace('    init: echo rhubarb > /root/notes/.hidden\n', init)
        .replace('{ file: checks/secret.sh }', 'grep -qx rhubarb /root/answer.txt && [ -z "$(ls -A /tmp)" ]'),
    );

    const { status, stdout } = await viv(['lab', 'test', place]);

    expect(stdout.toString()).toContain('3 of 3 steps passed');
    expect(status).toBe(0);
  });

  test('ends scripts that take too long', async () => {
    const place = await labWith('slow', (yaml) =>
      yaml.replace('check: { file: checks/secret.sh }', 'timeout: 1\n    check: sleep 60'),
    );

    const { status, stdout } = await viv(['lab', 'test', place]);

    expect(status).toBe(1);
    expect(stdout.toString()).toContain('the check of this step does not work: it takes longer than 1 s\n');
  });

  test('tells of every mistake in a lab, and starts no machine', async () => {
    const place = await labWith('mistakes', (yaml) =>
      yaml.replace('title: Welcome', 'titel: Welcome').replace('needs: first-file', 'needs: first-fiel'),
    );

    const { status, stderr } = await viv(['lab', 'test', place]);

    expect(status).toBe(1);
    expect(stderr).toBe(
      'viv: the lab has 3 mistakes:\n' +
        'lab.yaml:18:5: a step needs the key "title"; add it\n' +
        'lab.yaml:19:5: a step has no key "titel"; did you mean "title"?\n' +
        'lab.yaml:43:12: there is no step "first-fiel"; did you mean "first-file"? (BAD_LAB)\n',
    );
  });

  test('says so when there is no lab, and when the step is none of it', async () => {
    const nowhere = await viv(['lab', 'test', join(folder, 'nowhere')]);
    const place = await labWith('steps', (yaml) => yaml);
    const noStep = await viv(['lab', 'test', '--step', 'x', place]);

    expect(nowhere).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is not there; check the path') as string,
    });
    expect(noStep.stderr).toBe('viv: the lab has no step "x"; it has welcome, first-file, secret (NOT_FOUND)\n');
  });
});

describe('a lab with a mistake', () => {
  const REFUSAL =
    'viv: the lab has 2 mistakes:\nlab.yaml:18:5: a step needs the key "title"; add it\nlab.yaml:19:5: a step has no key "titel"; did you mean "title"? (BAD_LAB)\n';
  const mistaken = (name: string): Promise<string> =>
    labWith(name, (yaml) => yaml.replace('title: Welcome', 'titel: Welcome'));

  test('is refused by viv lab build, which writes nothing', async () => {
    const place = await mistaken('not-built');

    const result = await viv(['lab', 'build', '--out', join(folder, 'refused/site'), place]);

    expect(result).toEqual({ status: 1, stdout: Buffer.from(''), stderr: REFUSAL });
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });

  test('does not cost the site that is there', async () => {
    const place = await mistaken('not-replaced');
    const out = join(folder, 'earlier-site');
    mkdirSync(out);
    writeFileSync(join(out, 'assets.json'), '{ "format": "vivarium-site" }');

    const { status } = await viv(['lab', 'build', '--out', out, place]);

    expect([status, readFileSync(join(out, 'assets.json'), 'utf8')]).toEqual([1, '{ "format": "vivarium-site" }']);
  });

  test('is not served by viv lab serve, which waits and leaves nothing', async () => {
    const place = await mistaken('not-served');
    const temporary = join(folder, 'temporary');
    mkdirSync(temporary);
    const serving = startViv(['lab', 'serve', '--port', '0', place], { env: { TMPDIR: temporary } });
    await serving.printed('Waiting for the mistakes to be corrected.\n');
    serving.child.kill('SIGINT');

    expect(await serving.ended).toEqual({
      status: 130,
      stdout: Buffer.from('Waiting for the mistakes to be corrected.\n'),
      stderr: REFUSAL,
    });
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe.skipIf(!existsSync(SITE))('with the built site', () => {
  test('viv lab serve tells of mistakes, and shows a lab again whenever it changes', async () => {
    const place = await labWith('served', (yaml) => yaml);
    const file = join(place, 'lab.yaml');
    const good = readFileSync(file, 'utf8');
    const serving = startViv(['lab', 'serve', '--port', '0', place]);
    await serving.printed('lab.html?lab=labs/served\n');

    writeFileSync(file, good.replace('title: Welcome', 'titel: Welcome'));
    await serving.printed('did you mean "title"?');
    // As editors do it.
    writeFileSync(`${file}~`, good.replace('"Served"', '"Served again"'));
    renameSync(`${file}~`, file);
    await serving.printed('Served again: http://127.0.0.1:');
    serving.child.kill('SIGINT');

    expect((await serving.ended).status).toBe(130);
  });

  test('viv lab build makes a site, and replaces it, but nothing else', async () => {
    const place = await labWith('built', (yaml) => yaml);
    const out = join(folder, 'site');
    await viv(['lab', 'build', '--out', out, place]);

    const again = await viv(['lab', 'build', '--out', out, place]);
    const elsewhere = await viv(['lab', 'build', '--out', folder, place]);

    expect(again.stdout.toString()).toBe(`Built: lab.html?lab=labs/built\nThe site is in ${out}.\n`);
    expect(readFileSync(join(out, 'labs/built/lab.yaml'))).toEqual(readFileSync(join(place, 'lab.yaml')));
    expect(existsSync(join(out, 'lab.html'))).toBe(true);
    expect(elsewhere.stderr).toBe(
      `viv: the folder ${folder} has something else in it than a site; choose another (CONFLICT)\n`,
    );
  });
});

test('viv lab new does not touch a folder with something in it', async () => {
  const place = await labWith('mine', (yaml) => yaml);

  const { status, stderr } = await viv(['lab', 'new', place]);

  expect(status).toBe(1);
  expect(stderr).toBe(`viv: the folder ${place} is not empty; choose another (CONFLICT)\n`);
});
