import { expect, test } from 'vitest';
import { junitXml } from '../../../src/cli/lab/junit.ts';
import { HEAD, labOf } from '../../support/lab/lab-folder.ts';

test('a report has a case for each step, and nothing in it breaks the XML', async () => {
  const lab = await labOf(`${HEAD.replace('title: Trial', "title: 'A & <B>'")}steps: [{ id: a, title: A, text: t }]\n`);
  const reports = [
    { id: 'a', title: 'A', failure: undefined, timings: [{ what: 'check' as const, durationMs: 1250 }] },
    { id: 'b', title: 'B', failure: 'it says "</failure>" \u0007 & more', timings: [] },
  ];

  expect(junitXml(lab, reports)).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="A &amp; &lt;B&gt;" tests="2" failures="1" time="1.250">
  <testcase classname="trial" name="a" time="1.250"/>
  <testcase classname="trial" name="b" time="0.000">
    <failure message="it says &quot;&lt;/failure&gt;&quot; \ufffd &amp; more"/>
  </testcase>
</testsuite>
`);
});
